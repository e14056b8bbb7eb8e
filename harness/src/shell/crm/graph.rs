//! A picture of the configuration as DOT [SH-11.1].

use std::fmt::Write as _;

use cib_core::crmsh::{Configuration, Keyword, Object};
use cib_core::xml::{Document, NodeIx};

const FONT: &str = "fontname=\"Helvetica\",fontsize=\"11\"";

/// A name as DOT takes it.
fn name(id: &str) -> String {
    id.replace(['-', '.'], "_")
}

/// What is drawn, in its order.
#[derive(Default)]
struct Picture {
    subgraphs: String,
    edges: String,
    nodes: String,
    /// Names of resources and nodes, for the invisible edges.
    cluster_nodes: Vec<String>,
    resources: Vec<String>,
    /// Names at the head of an edge.
    heads: Vec<String>,
    /// Names that are drawn inside a subgraph.
    inside: Vec<String>,
}

/// The picture of a working copy.
pub(super) fn dot(copy: &Configuration<'_>) -> String {
    let mut picture = Picture::default();
    let objects = copy.in_print_order(copy.objects());
    for object in &objects {
        draw(copy, *object, &mut picture);
    }
    let mut text = String::from("digraph G {\n\n\tfontname=\"Helvetica\";\n\tfontsize=\"11\";\n\tcompound=\"true\";\n");
    text.push_str(&picture.subgraphs);
    text.push_str(&picture.edges);
    text.push_str(&picture.nodes);
    for node in &picture.cluster_nodes {
        for resource in picture.resources.iter().filter(|resource| !picture.heads.contains(resource)) {
            let _ = writeln!(text, "\t{node} -> {resource} [style=\"invis\"];");
        }
    }
    text.push_str("}\n");
    text
}

fn draw(copy: &Configuration<'_>, object: Object, picture: &mut Picture) {
    let doc = copy.document();
    let attr = |name: &str| doc.attr(object.node, name).unwrap_or_default();
    match object.keyword {
        Keyword::Node => {
            let node = name(attr("uname"));
            let label = attr("uname");
            let _ = writeln!(
                picture.nodes,
                "\t{node} [label=\"{label}\",{FONT},style=\"bold\",shape=\"box\",color=\"#7ac142\"];"
            );
            picture.cluster_nodes.push(node);
        }
        Keyword::Template => {
            let template = name(attr("id"));
            let label = format!("{}\\n{}", attr("id"), kind(doc, object.node));
            let _ = writeln!(
                picture.nodes,
                "\t{template} [label=\"{label}\",{FONT},fillcolor=\"#ffd457\",color=\"#b9b9b9\",shape=\"box\",style=\"rounded,filled,dashed\"];"
            );
            picture.resources.push(template);
        }
        Keyword::Primitive => primitive(copy, object, picture),
        Keyword::Group => group(copy, object, picture),
        Keyword::Location => location(copy, object, picture),
        Keyword::Order => order(copy, object, picture),
        _ => {}
    }
}

/// The agent in a label: with its class where that is neither ocf nor stonith.
fn kind(doc: &Document, node: NodeIx) -> String {
    let (class, kind) = (doc.attr(node, "class").unwrap_or_default(), doc.attr(node, "type").unwrap_or_default());
    if matches!(class, "ocf" | "stonith" | "") { kind.to_owned() } else { format!("{class}:{kind}") }
}

fn primitive_line(copy: &Configuration<'_>, object: Object) -> String {
    let doc = copy.document();
    let id = copy.object_id(object);
    let top = copy.top_of(object).keyword;
    let (prefix, color) = match top {
        Keyword::Clone => ("clone:", "#ec008c"),
        Keyword::Ms => ("ms:", "#f8981d"),
        _ => ("", "#b9b9b9"),
    };
    let described =
        doc.attr(object.node, "template").and_then(|id| copy.find(id)).map_or(object.node, |found| found.node);
    format!(
        "{} [label=\"{prefix}{id}\\n{}\",{FONT},fillcolor=\"#e4e5e6\",color=\"{color}\",shape=\"box\",style=\"rounded,filled\"];",
        name(id),
        kind(doc, described)
    )
}

fn primitive(copy: &Configuration<'_>, object: Object, picture: &mut Picture) {
    let own = name(copy.object_id(object));
    if let Some(template) = copy.document().attr(object.node, "template") {
        let _ = writeln!(
            picture.edges,
            "\t{} -> {own} [color=\"#b9b9b9\",style=\"dotted\",arrowtail=\"open\",dir=\"back\"];",
            name(template)
        );
        picture.heads.push(own.clone());
    }
    if copy.container(object).is_some_and(|holder| holder.keyword == Keyword::Group) {
        picture.inside.push(own);
        return;
    }
    let _ = writeln!(picture.nodes, "\t{}", primitive_line(copy, object));
    picture.resources.push(own);
}

fn group(copy: &Configuration<'_>, object: Object, picture: &mut Picture) {
    let id = copy.object_id(object);
    let members = copy.resource_members(object);
    let names: Vec<String> = members.iter().map(|member| name(copy.object_id(*member))).collect();
    let mut text = format!("\tsubgraph cluster_{} {{\n", name(id));
    for line in [
        format!("label=\"{id}\";"),
        "fontname=\"Helvetica\";".to_owned(),
        "fontsize=\"11\";".to_owned(),
        "color=\"#00aeef\";".to_owned(),
        "group=\"#00aeef\";".to_owned(),
        "labelloc=\"b\";".to_owned(),
        "labeljust=\"r\";".to_owned(),
        "labelfontsize=\"12\";".to_owned(),
        format!("{} [];", names.join(" -> ")),
    ] {
        let _ = writeln!(text, "\t\t{line}");
    }
    for member in &members {
        let _ = writeln!(text, "\t\t{}", primitive_line(copy, *member));
    }
    text.push_str("\t}\n");
    picture.subgraphs.push_str(&text);
}

/// The first or last primitive of a resource.
fn end_primitive(copy: &Configuration<'_>, id: &str, last: bool) -> String {
    let mut at = copy.find_resource(id);
    while let Some(object) = at {
        let members = copy.resource_members(object);
        match if last { members.last() } else { members.first() } {
            Some(member) => at = Some(*member),
            None => return name(copy.object_id(object)),
        }
    }
    name(id)
}

/// Only a score on a node, or a rule that names one node.
fn location(copy: &Configuration<'_>, object: Object, picture: &mut Picture) {
    let doc = copy.document();
    let Some(resource) = doc.attr(object.node, "rsc") else { return };
    let (node, score) = match doc.attr(object.node, "node") {
        Some(node) => (Some(node), object.node),
        None => {
            let rules: Vec<NodeIx> = doc.children_named(object.node, "rule").collect();
            let [rule] = rules[..] else { return };
            let expressions: Vec<NodeIx> = doc.children(rule).collect();
            let [expression] = expressions[..] else { return };
            let on_name =
                doc.attr(expression, "attribute") == Some("#uname") && doc.attr(expression, "operation") == Some("eq");
            (doc.attr(expression, "value").filter(|_| on_name), rule)
        }
    };
    let Some(node) = node else { return };
    let score = doc.attr(score, "score").or(doc.attr(score, "score-attribute")).unwrap_or_default();
    let score = score.replace("INFINITY", "inf");
    let head = end_primitive(copy, resource, false);
    let _ = writeln!(picture.edges, "\t{} -> {head} [style=\"dashed\",dir=\"none\",label=\"{score}\"];", name(node));
    picture.heads.push(head);
}

fn order(copy: &Configuration<'_>, object: Object, picture: &mut Picture) {
    let doc = copy.document();
    let attr = |name: &str| doc.attr(object.node, name);
    let kind = attr("kind").unwrap_or("Mandatory");
    if let (Some(first), Some(then)) = (attr("first"), attr("then")) {
        let (tail, head) = (end_primitive(copy, first, true), end_primitive(copy, then, false));
        let style = if kind == "Mandatory" {
            "style=\"solid\"".to_owned()
        } else {
            format!("style=\"dashed\",label=\"{kind}\"")
        };
        let _ = writeln!(picture.edges, "\t{tail} -> {head} [{style}];");
        picture.heads.push(head);
        return;
    }
    // Sets: those that do not require all are drawn as one; an edge leads from each set to the next.
    let mut previous: Option<(String, Option<String>)> = None;
    for set in doc.children_named(object.node, "resource_set") {
        let ids: Vec<&str> = doc.children(set).filter_map(|node| doc.id(node)).collect();
        let any = doc.attr(set, "require-all") == Some("false");
        let label = any.then(|| format!("cluster{}", name(doc.id(set).unwrap_or_default())));
        if let Some(label) = &label {
            let names: Vec<String> = ids.iter().map(|id| end_primitive(copy, id, false)).collect();
            let _ = writeln!(
                picture.subgraphs,
                "\tsubgraph {label} {{\n\t\tfontname=\"Helvetica\";\n\t\tfontsize=\"11\";\n\t\tstyle=\"dotted\";\n\t\t{} [style=\"invis\",constraint=\"false\"];\n\t}}",
                names.join(" -> ")
            );
        }
        let (Some(first), Some(last)) = (ids.first(), ids.last()) else { continue };
        if let Some((tail, from)) = previous.take() {
            let head = end_primitive(copy, first, false);
            let mut style = if from.is_some() || label.is_some() {
                "style=\"dotted\"".to_owned()
            } else {
                "style=\"solid\"".to_owned()
            };
            if let Some(from) = from {
                let _ = write!(style, ",ltail=\"{from}\"");
            }
            if let Some(label) = &label {
                let _ = write!(style, ",lhead=\"{label}\"");
            }
            let _ = writeln!(picture.edges, "\t{tail} -> {head} [{style}];");
            picture.heads.push(head);
        }
        let tail = if any { end_primitive(copy, first, true) } else { end_primitive(copy, last, true) };
        previous = Some((tail, label));
    }
}
