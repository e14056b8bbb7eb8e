//! The kinds of objects: keywords, elements, sections, ranks [SH-1.2, SH-7.2, SH-8.2].

/// A kind of object, named by its keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each is the keyword of its name")]
pub enum Keyword {
    Node,
    Template,
    Primitive,
    Bundle,
    Group,
    Ms,
    Clone,
    Monitor,
    Tag,
    Location,
    Colocation,
    Order,
    Ticket,
    FencingTopology,
    Property,
    RscDefaults,
    OpDefaults,
    Role,
    User,
    AclTarget,
    AclGroup,
    Alert,
}

use Keyword as K;

/// keyword, printed word, element, section, rank when creating, rank when printing
const TABLE: [(Keyword, &str, &str, &str, u8, u8); 22] = [
    (K::Node, "node", "node", "nodes", 1, 1),
    (K::Template, "rsc_template", "template", "resources", 2, 2),
    (K::Primitive, "primitive", "primitive", "resources", 3, 3),
    (K::Bundle, "bundle", "bundle", "resources", 4, 4),
    (K::Group, "group", "group", "resources", 5, 5),
    (K::Ms, "ms", "master", "resources", 6, 6),
    (K::Clone, "clone", "clone", "resources", 7, 7),
    (K::Monitor, "monitor", "op", "resources", 8, 8),
    (K::Tag, "tag", "tag", "tags", 9, 8),
    (K::Location, "location", "rsc_location", "constraints", 10, 9),
    (K::Colocation, "colocation", "rsc_colocation", "constraints", 10, 9),
    (K::Order, "order", "rsc_order", "constraints", 10, 9),
    (K::Ticket, "rsc_ticket", "rsc_ticket", "constraints", 11, 10),
    (K::FencingTopology, "fencing_topology", "fencing-topology", "", 11, 10),
    (K::Property, "property", "cluster_property_set", "crm_config", 12, 11),
    (K::RscDefaults, "rsc_defaults", "meta_attributes", "rsc_defaults", 13, 12),
    (K::OpDefaults, "op_defaults", "meta_attributes", "op_defaults", 14, 13),
    (K::Role, "role", "acl_role", "acls", 15, 14),
    (K::User, "user", "acl_user", "acls", 16, 15),
    (K::AclTarget, "acl_target", "acl_target", "acls", 16, 15),
    (K::AclGroup, "acl_group", "acl_group", "acls", 16, 15),
    (K::Alert, "alert", "alert", "alerts", 17, 16),
];

/// The words that begin a statement.
pub(super) const WORDS: [&str; 24] = [
    "node",
    "primitive",
    "rsc_template",
    "group",
    "clone",
    "ms",
    "master",
    "bundle",
    "location",
    "colocation",
    "order",
    "rsc_ticket",
    "property",
    "rsc_defaults",
    "op_defaults",
    "fencing_topology",
    "role",
    "user",
    "acl_target",
    "acl_group",
    "tag",
    "alert",
    "monitor",
    "xml",
];

impl Keyword {
    fn row(self) -> &'static (Keyword, &'static str, &'static str, &'static str, u8, u8) {
        &TABLE[self as usize]
    }

    /// All kinds, in the order of creation.
    pub fn all() -> impl Iterator<Item = Keyword> {
        TABLE.iter().map(|row| row.0)
    }

    /// The kind that a word names, in any case; the old words `master`, `collocation` and `fencing-topology` too.
    #[must_use]
    pub fn parse(word: &str) -> Option<Keyword> {
        let word = word.to_ascii_lowercase();
        match word.as_str() {
            "master" => Some(K::Ms),
            "collocation" => Some(K::Colocation),
            "fencing-topology" => Some(K::FencingTopology),
            word => TABLE.iter().find(|row| row.1 == word).map(|row| row.0),
        }
    }

    /// The word that is printed.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.row().1
    }

    /// Name of the XML element.
    #[must_use]
    pub fn element(self) -> &'static str {
        self.row().2
    }

    /// Section of `configuration`; empty for the fencing topology, which stands there itself.
    #[must_use]
    pub fn section(self) -> &'static str {
        self.row().3
    }

    /// Rank when a file's objects are created [SH-7.2].
    #[must_use]
    pub fn creation_rank(self) -> u8 {
        self.row().4
    }

    /// Rank when objects are printed [SH-8.2].
    #[must_use]
    pub fn print_rank(self) -> u8 {
        self.row().5
    }

    /// The kind of an element of a section.
    #[must_use]
    pub fn of_element(element: &str, section: &str) -> Option<Keyword> {
        TABLE.iter().find(|row| row.2 == element && row.3 == section && row.0 != K::Monitor).map(|row| row.0)
    }

    /// Whether objects of this kind hold resources.
    #[must_use]
    pub fn is_container(self) -> bool {
        matches!(self, K::Group | K::Clone | K::Ms | K::Bundle)
    }

    /// Whether objects of this kind are constraints.
    #[must_use]
    pub fn is_constraint(self) -> bool {
        matches!(self, K::Location | K::Colocation | K::Order | K::Ticket)
    }

    /// Whether objects of this kind are resources (templates are not).
    #[must_use]
    pub fn is_resource(self) -> bool {
        self == K::Primitive || self.is_container()
    }

    /// Whether objects of this kind are property sets, which are merged rather than replaced.
    #[must_use]
    pub fn is_property_set(self) -> bool {
        matches!(self, K::Property | K::RscDefaults | K::OpDefaults)
    }

    /// The id that a set without one gets [SH-5.2].
    #[must_use]
    pub fn default_id(self) -> Option<&'static str> {
        match self {
            K::Property => Some("cib-bootstrap-options"),
            K::RscDefaults => Some("rsc-options"),
            K::OpDefaults => Some("op-options"),
            _ => None,
        }
    }

    /// The least number of arguments.
    pub(super) fn least_arguments(self) -> usize {
        match self {
            K::Node | K::Property | K::RscDefaults | K::OpDefaults => 1,
            K::FencingTopology => 0,
            _ => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_indexed_by_the_kind() {
        for (index, keyword) in Keyword::all().enumerate() {
            assert_eq!(keyword as usize, index);
            assert_eq!(Keyword::parse(&keyword.word().to_uppercase()), Some(keyword));
        }
    }
}
