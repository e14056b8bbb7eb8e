//! Tables of names and values.

use super::{Symbol, Symbols};
use rustc_hash::FxHashMap;

/// Tables longer than this are searched through a hash.
const LINEAR: usize = 12;

/// A table name → value that remembers the order of insertion.
#[derive(Clone, Debug, Default)]
pub struct TextMap {
    entries: Vec<(Symbol, Symbol)>,
    index: Option<FxHashMap<Symbol, u32>>,
}

impl TextMap {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn position(&self, name: Symbol) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(&name).map(|&at| at as usize),
            None => self.entries.iter().position(|&(n, _)| n == name),
        }
    }

    /// The value of `name`.
    #[must_use]
    pub fn get(&self, name: Symbol) -> Option<Symbol> {
        self.position(name).map(|at| self.entries[at].1)
    }

    /// Whether `name` has a value.
    #[must_use]
    pub fn contains(&self, name: Symbol) -> bool {
        self.position(name).is_some()
    }

    /// Sets `name`, replacing an earlier value in its place.
    pub fn set(&mut self, name: Symbol, value: Symbol) {
        match self.position(name) {
            Some(at) => self.entries[at].1 = value,
            None => self.push(name, value),
        }
    }

    /// Sets `name` unless it has a value; whether it was set.
    pub fn set_if_absent(&mut self, name: Symbol, value: Symbol) -> bool {
        if self.contains(name) {
            return false;
        }
        self.push(name, value);
        true
    }

    fn push(&mut self, name: Symbol, value: Symbol) {
        let at = self.entries.len() as u32;
        self.entries.push((name, value));
        match &mut self.index {
            Some(index) => {
                index.insert(name, at);
            }
            None if self.entries.len() > LINEAR => self.reindex(),
            None => {}
        }
    }

    fn reindex(&mut self) {
        self.index = Some(self.entries.iter().enumerate().map(|(at, &(name, _))| (name, at as u32)).collect());
    }

    /// Takes `name` out. Linear in the size of the table.
    pub fn remove(&mut self, name: Symbol) -> Option<Symbol> {
        let at = self.position(name)?;
        let (_, value) = self.entries.remove(at);
        if self.index.is_some() {
            self.reindex();
        }
        Some(value)
    }

    /// All pairs in order of insertion.
    pub fn iter(&self) -> impl Iterator<Item = (Symbol, Symbol)> + '_ {
        self.entries.iter().copied()
    }

    /// How many names have a value.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the table is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All pairs as text, sorted by name in byte order.
    #[must_use]
    pub fn sorted<'s>(&self, symbols: &'s Symbols) -> Vec<(&'s str, &'s str)> {
        let mut pairs: Vec<_> = self.iter().map(|(name, value)| (symbols.text(name), symbols.text(value))).collect();
        pairs.sort_unstable();
        pairs
    }
}

/// A name given as a symbol or as text.
pub trait Name: Copy {
    /// The symbol, if the run has used this text.
    fn symbol(self, symbols: &Symbols) -> Option<Symbol>;
}

impl Name for Symbol {
    fn symbol(self, _: &Symbols) -> Option<Symbol> {
        Some(self)
    }
}

impl Name for &str {
    fn symbol(self, symbols: &Symbols) -> Option<Symbol> {
        symbols.find(self)
    }
}

/// The name without a trailing `:digits` [ST-18.1].
#[must_use]
pub fn base_name(name: &str) -> &str {
    let bytes = name.as_bytes();
    let mut end = bytes.len();
    while end > 1 {
        match bytes[end - 1] {
            b'0'..=b'9' => end -= 1,
            b':' => return &name[..end - 1],
            _ => return name,
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_names() {
        for (name, base) in [("a:1", "a"), ("a:", "a"), ("a:1:2", "a:1"), ("a1", "a1"), ("a:x1", "a:x1"), (":0", ":0")]
        {
            assert_eq!(base_name(name), base);
        }
    }

    #[test]
    fn long_tables_keep_order_and_values() {
        let mut symbols = Symbols::new();
        let names: Vec<Symbol> = (0..40).map(|i| symbols.intern(&format!("n{i}"))).collect();
        let mut map = TextMap::new();
        for &name in &names {
            assert!(map.set_if_absent(name, name));
        }
        assert!(!map.set_if_absent(names[3], names[0]));
        map.set(names[3], names[0]);
        assert_eq!(map.remove(names[2]), Some(names[2]));
        assert_eq!(map.get(names[3]), Some(names[0]));
        assert_eq!(map.get(names[39]), Some(names[39]));
        assert_eq!(map.iter().next(), Some((names[0], names[0])));
        assert_eq!(map.len(), 39);
    }
}
