//! Interned element and attribute names.

use core::hash::Hasher;
use hashbrown::HashTable;
use rustc_hash::FxHasher;

/// An interned element or attribute name of one document; see [`Document::find_name`](super::Document::find_name).
///
/// Comparing two `Name`s of the same document compares the names. Names of different documents have nothing in common,
/// except the fixed ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Name(pub(super) u32);

impl Name {
    /// The name `id`, the same in every document.
    pub const ID: Name = Name(0);
    /// The number of the name in its document, counted from 0.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }

    /// Stands in the node table for comments.
    pub(super) const COMMENT: Name = Name(u32::MAX);
    /// Stands in the node table for CDATA sections.
    pub(super) const CDATA: Name = Name(u32::MAX - 1);
    /// Stands in the node table for text.
    pub(super) const TEXT: Name = Name(u32::MAX - 2);
    /// Stands in the node table for free slots.
    pub(super) const FREE: Name = Name(u32::MAX - 3);

    /// Whether this names an element (or attribute), not one of the markers.
    pub(super) const fn is_element(self) -> bool {
        self.0 < Name::FREE.0
    }
}

/// The table of names of one document.
#[derive(Clone)]
pub(super) struct Names {
    names: Vec<Box<str>>,
    table: HashTable<u32>,
}

fn hash(name: &str) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(name.as_bytes());
    hasher.finish()
}

impl Names {
    pub(super) fn new() -> Self {
        let mut names = Names { names: Vec::with_capacity(64), table: HashTable::with_capacity(64) };
        names.intern("id");
        names
    }

    pub(super) fn find(&self, name: &str) -> Option<Name> {
        self.table.find(hash(name), |&i| &*self.names[i as usize] == name).map(|&i| Name(i))
    }

    pub(super) fn intern(&mut self, name: &str) -> Name {
        let h = hash(name);
        if let Some(&i) = self.table.find(h, |&i| &*self.names[i as usize] == name) {
            return Name(i);
        }
        let i = self.names.len() as u32;
        self.names.push(name.into());
        self.table.insert_unique(h, i, |&i| hash(&self.names[i as usize]));
        Name(i)
    }

    pub(super) fn text(&self, name: Name) -> &str {
        &self.names[name.0 as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }
}

/// Whether `c` may begin an XML name.
pub(crate) fn is_name_start(c: char) -> bool {
    matches!(c, ':' | '_' | 'A'..='Z' | 'a'..='z' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}'
        | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
        | '\u{10000}'..='\u{EFFFF}')
}

/// Whether `c` may stand in an XML name after its first character.
pub(crate) fn is_name_char(c: char) -> bool {
    is_name_start(c) || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// What may stand in a name, of ASCII: nearly all names are of it alone.
const PLAIN: [bool; 128] = {
    let mut plain = [false; 128];
    let mut c = 0;
    while c < 128 {
        let byte = c as u8;
        plain[c] = byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_' | b'-' | b'.');
        c += 1;
    }
    plain
};

/// Whether `name` is an XML name.
pub(super) fn is_name(name: &str) -> bool {
    if let [first, rest @ ..] = name.as_bytes()
        && (first.is_ascii_alphabetic() || matches!(first, b':' | b'_'))
        && rest.iter().all(|&b| PLAIN.get(usize::from(b)) == Some(&true))
    {
        return true;
    }
    let mut chars = name.chars();
    chars.next().is_some_and(is_name_start) && chars.all(is_name_char)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_way_and_the_long_way_agree() {
        for c in (0..0x800).filter_map(char::from_u32) {
            assert_eq!(is_name(&c.to_string()), is_name_start(c), "{c:?}");
            assert_eq!(is_name(&format!("a{c}")), is_name_char(c), "{c:?}");
        }
        assert!(!is_name(""));
    }
}
