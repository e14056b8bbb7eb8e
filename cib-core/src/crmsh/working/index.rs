//! Objects of the working copy, and finding them by id.

use std::collections::BTreeMap;

use super::{Configuration, Object};
use crate::crmsh::keyword::Keyword;
use crate::crmsh::parse::REFERENCE;
use crate::xml::{Document, NodeIx};

/// Objects by id; nodes by name too.
#[derive(Clone, Debug, Default)]
pub(super) struct Index(BTreeMap<String, smallvec::SmallVec<[Object; 1]>>);

impl Index {
    fn names(doc: &Document, object: Object) -> impl Iterator<Item = String> {
        let id = match object.keyword {
            Keyword::FencingTopology => Some("fencing_topology"),
            _ => doc.id(object.node),
        };
        let uname =
            doc.attr(object.node, "uname").filter(|uname| Some(*uname) != id && object.keyword == Keyword::Node);
        [id, uname].into_iter().flatten().map(str::to_owned).collect::<Vec<_>>().into_iter()
    }

    pub(super) fn add(&mut self, doc: &Document, object: Object) {
        for name in Index::names(doc, object) {
            self.0.entry(name).or_default().push(object);
        }
    }

    pub(super) fn drop(&mut self, doc: &Document, object: Object) {
        for name in Index::names(doc, object) {
            if let Some(objects) = self.0.get_mut(&name) {
                objects.retain(|known| known.node != object.node);
                if objects.is_empty() {
                    self.0.remove(&name);
                }
            }
        }
    }
}

impl Configuration<'_> {
    /// The `configuration` element; made if it is missing.
    pub(super) fn configuration(&mut self) -> NodeIx {
        let root = self.doc.root();
        match self.doc.child(root, "configuration") {
            Some(node) => node,
            None => self.doc.append(root, "configuration"),
        }
    }

    /// A section of the configuration; made at the end if it is missing. An empty name is the configuration itself.
    pub(super) fn section(&mut self, name: &str) -> NodeIx {
        let configuration = self.configuration();
        if name.is_empty() {
            return configuration;
        }
        match self.doc.child(configuration, name) {
            Some(node) => node,
            None => self.doc.append(configuration, name),
        }
    }

    /// All objects: by rank of creation, in document order within one [SH-1.3].
    #[must_use]
    pub fn objects(&self) -> Vec<Object> {
        let mut objects = Vec::new();
        let Some(configuration) = self.doc.child(self.doc.root(), "configuration") else { return objects };
        for section in self.doc.children(configuration) {
            let name = self.doc.name(section);
            if name == Keyword::FencingTopology.element() {
                objects.push(Object { keyword: Keyword::FencingTopology, node: section });
                continue;
            }
            for node in self.doc.children(section) {
                if let Some(keyword) = Keyword::of_element(self.doc.name(node), name) {
                    self.collect(Object { keyword, node }, &mut objects);
                }
            }
        }
        objects.sort_by_key(|object| object.keyword.creation_rank());
        objects
    }

    /// An object and, for containers, the resources inside it.
    fn collect(&self, object: Object, objects: &mut Vec<Object>) {
        objects.push(object);
        if object.keyword.is_container() {
            for member in self.members(object.node) {
                self.collect(member, objects);
            }
        }
    }

    /// Objects of one kind, in document order.
    pub(super) fn objects_of(&self, keyword: Keyword) -> impl Iterator<Item = Object> {
        let configuration = self.doc.child(self.doc.root(), "configuration");
        let sections = configuration.into_iter().flat_map(move |node| self.doc.children_named(node, keyword.section()));
        sections
            .flat_map(move |section| self.doc.children_named(section, keyword.element()))
            .map(move |node| Object { keyword, node })
    }

    /// The resources directly inside a container.
    pub(super) fn members(&self, container: NodeIx) -> impl Iterator<Item = Object> {
        self.doc.children(container).filter_map(|node| {
            let keyword = Keyword::of_element(self.doc.name(node), "resources")?;
            keyword.is_resource().then_some(Object { keyword, node })
        })
    }

    /// The resources directly inside a container, in order.
    #[must_use]
    pub fn resource_members(&self, container: Object) -> Vec<Object> {
        self.members(container.node).filter(|_| container.keyword.is_container()).collect()
    }

    /// The container directly around a resource.
    #[must_use]
    pub fn container(&self, resource: Object) -> Option<Object> {
        self.container_of(resource.node)
    }

    /// The container directly around an object.
    pub(super) fn container_of(&self, node: NodeIx) -> Option<Object> {
        let parent = self.doc.parent(node)?;
        let keyword = Keyword::of_element(self.doc.name(parent), "resources")?;
        keyword.is_container().then_some(Object { keyword, node: parent })
    }

    /// Objects with this id, or nodes with this name.
    pub(super) fn named(&self, id: &str) -> impl Iterator<Item = Object> {
        self.index.0.get(id).into_iter().flatten().copied()
    }

    /// The object with this id; a node may share its name with another object, which comes first.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Object> {
        self.find_other(id).or_else(|| self.find_node(id))
    }

    /// The node with this id or name.
    pub(super) fn find_node(&self, id: &str) -> Option<Object> {
        self.named(id).find(|object| object.keyword == Keyword::Node)
    }

    /// The object with this id that is no node.
    pub(super) fn find_other(&self, id: &str) -> Option<Object> {
        self.named(id).find(|object| object.keyword != Keyword::Node)
    }

    /// The resource with this id.
    #[must_use]
    pub fn find_resource(&self, id: &str) -> Option<Object> {
        self.named(id).find(|object| object.keyword.is_resource())
    }

    /// Makes the object findable and its ids taken.
    pub(super) fn register(&mut self, object: Object) {
        self.index.add(&self.doc, object);
    }

    /// Frees the ids of an object and forgets it. Ids of members stay.
    pub(super) fn unregister(&mut self, object: Object) {
        self.index.drop(&self.doc, object);
        self.only_xml.remove(&object.node);
        for id in self.own_ids(object) {
            self.taken.remove(&id);
        }
    }

    /// Ids inside an object, those of its members left out.
    pub(super) fn own_ids(&self, object: Object) -> Vec<String> {
        let mut ids = Vec::new();
        let mut stack = vec![object.node];
        while let Some(node) = stack.pop() {
            let name = self.doc.name(node);
            if !matches!(name, "resource_ref" | "obj_ref" | REFERENCE) {
                ids.extend(self.doc.id(node).map(str::to_owned));
            }
            let container = object.keyword.is_container() && node == object.node;
            stack.extend(
                self.doc
                    .children(node)
                    .filter(|child| !container || Keyword::of_element(self.doc.name(*child), "resources").is_none()),
            );
        }
        ids
    }

    /// Builds the index anew.
    pub(super) fn reindex(&mut self) {
        self.index = Index::default();
        for object in self.objects() {
            self.index.add(&self.doc, object);
        }
    }
}
