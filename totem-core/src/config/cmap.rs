//! The key store: typed values under dotted names, with the rules for who may write what [QG-7.1].

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;

use super::CsError;

/// Shortest and longest key name in bytes [QG-7.1].
const NAME_LENGTH: std::ops::RangeInclusive<usize> = 3..=255;

/// Keys that clients may neither write nor delete, by prefix [QG-7.1].
const READ_ONLY_PREFIXES: &[&str] = &[
    "internal_configuration.",
    "runtime.services.",
    "runtime.config.",
    "runtime.totem.",
    "uidgid.config.",
    "system.",
    "nodelist.",
];

/// Keys that clients may neither write nor delete, by name [QG-7.1].
const READ_ONLY_KEYS: &[&str] = &[
    "totem.crypto_cipher",
    "totem.crypto_hash",
    "totem.crypto_model",
    "totem.keyfile",
    "totem.key",
    "totem.secauth",
    "totem.ip_version",
    "totem.ip_dscp",
    "totem.transport",
    "totem.cluster_name",
    "totem.netmtu",
    "totem.threads",
    "totem.version",
    "totem.nodeid",
    "totem.clear_node_high_bit",
    "config.reload_in_progress",
    "config.totemconfig_reload_in_progress",
];

/// A typed value of the key store.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// 8 bits, signed.
    I8(i8),
    /// 8 bits, unsigned.
    U8(u8),
    /// 16 bits, signed.
    I16(i16),
    /// 16 bits, unsigned.
    U16(u16),
    /// 32 bits, signed.
    I32(i32),
    /// 32 bits, unsigned.
    U32(u32),
    /// 64 bits, signed.
    I64(i64),
    /// 64 bits, unsigned.
    U64(u64),
    /// Single precision.
    Float(f32),
    /// Double precision.
    Double(f64),
    /// Text.
    Str(String),
    /// Bytes.
    Bin(Vec<u8>),
}

impl Value {
    /// The name tools print and read for the type: `u32`, `str`, and so on.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::I8(_) => "i8",
            Value::U8(_) => "u8",
            Value::I16(_) => "i16",
            Value::U16(_) => "u16",
            Value::I32(_) => "i32",
            Value::U32(_) => "u32",
            Value::I64(_) => "i64",
            Value::U64(_) => "u64",
            Value::Float(_) => "flt",
            Value::Double(_) => "dbl",
            Value::Str(_) => "str",
            Value::Bin(_) => "bin",
        }
    }

    /// The type's number on the wire, 1 to 12 [QG-7.1].
    pub fn type_number(&self) -> u8 {
        match self {
            Value::I8(_) => 1,
            Value::U8(_) => 2,
            Value::I16(_) => 3,
            Value::U16(_) => 4,
            Value::I32(_) => 5,
            Value::U32(_) => 6,
            Value::I64(_) => 7,
            Value::U64(_) => 8,
            Value::Float(_) => 9,
            Value::Double(_) => 10,
            Value::Str(_) => 11,
            Value::Bin(_) => 12,
        }
    }

    /// Reads `text` as a value of the named type, as `corosync-cmapctl -s KEY TYPE VALUE` does.
    ///
    /// # Errors
    /// Says whether the type is unknown, the text is not a number, or the number does not fit.
    pub fn parse(type_name: &str, text: &str) -> Result<Value, ValueError> {
        let integer = |low: i128, high: i128| -> Result<i128, ValueError> {
            let number = super::grammar::integer(text).ok_or(ValueError::NotA)?;
            if (low..=high).contains(&number) { Ok(number) } else { Err(ValueError::OutOfRange) }
        };
        Ok(match type_name {
            "i8" => Value::I8(integer(i8::MIN.into(), i8::MAX.into())? as i8),
            "u8" => Value::U8(integer(0, u8::MAX.into())? as u8),
            "i16" => Value::I16(integer(i16::MIN.into(), i16::MAX.into())? as i16),
            "u16" => Value::U16(integer(0, u16::MAX.into())? as u16),
            "i32" => Value::I32(integer(i32::MIN.into(), i32::MAX.into())? as i32),
            "u32" => Value::U32(integer(0, u32::MAX.into())? as u32),
            "i64" => Value::I64(integer(i64::MIN.into(), i64::MAX.into())? as i64),
            "u64" => Value::U64(integer(0, u64::MAX.into())? as u64),
            "flt" => Value::Float(text.trim().parse().map_err(|_| ValueError::NotA)?),
            "dbl" => Value::Double(text.trim().parse().map_err(|_| ValueError::NotA)?),
            "str" => Value::Str(text.to_owned()),
            "bin" => Value::Bin(text.as_bytes().to_vec()),
            _ => return Err(ValueError::UnknownType),
        })
    }
}

/// Numbers and text as tools print them; bytes print as nothing, because the tools show them only on request.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::I8(v) => write!(f, "{v}"),
            Value::U8(v) => write!(f, "{v}"),
            Value::I16(v) => write!(f, "{v}"),
            Value::U16(v) => write!(f, "{v}"),
            Value::I32(v) => write!(f, "{v}"),
            Value::U32(v) => write!(f, "{v}"),
            Value::I64(v) => write!(f, "{v}"),
            Value::U64(v) => write!(f, "{v}"),
            Value::Float(v) => write!(f, "{v:.6}"),
            Value::Double(v) => write!(f, "{v:.6}"),
            Value::Str(v) => f.write_str(v),
            Value::Bin(_) => Ok(()),
        }
    }
}

/// Why a text is not a value of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// No such type.
    #[error("unknown type")]
    UnknownType,
    /// Not a number at all.
    #[error("not a value of the type")]
    NotA,
    /// A number outside the range of the type.
    #[error("outside the range of the type")]
    OutOfRange,
}

/// What happened to a key.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyChange {
    /// The key.
    pub key: String,
    /// The value before; absent if the key was added.
    pub old: Option<Value>,
    /// The value after; absent if the key was deleted.
    pub new: Option<Value>,
}

/// The key store. Keys iterate in ascending byte order of the whole name, so `node.10` comes before `node.2`.
///
/// Two ways to write: the engine's own (`set`, `remove`), and the clients' (`client_set`, `client_remove`), which
/// respects read-only keys. Every real change is recorded until somebody takes it with [`Cmap::take_changes`].
///
/// ```
/// use totem_core::config::{Cmap, CsError, Value};
///
/// let mut map = Cmap::default();
/// map.set("totem.version", Value::U32(2)).unwrap();
/// assert_eq!(map.client_set("totem.version", Value::U32(3)), Err(CsError::Access));
/// assert_eq!(map.get_u32("totem.version"), Some(2));
/// assert_eq!(map.client_set("my.key", Value::Str("x".into())), Ok(()));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cmap {
    values: BTreeMap<String, Value>,
    extra_read_only: BTreeMap<String, ()>,
    changes: Vec<KeyChange>,
}

impl Cmap {
    /// Whether `name` may name a key: 3 to 255 bytes of `[A-Za-z0-9._/:-]`.
    pub fn is_valid_name(name: &str) -> bool {
        NAME_LENGTH.contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'/' | b':' | b'-'))
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    /// The value if it is text.
    pub fn get_str(&self, key: &str) -> Option<&str> {
        match self.values.get(key) {
            Some(Value::Str(text)) => Some(text),
            _ => None,
        }
    }

    /// The value if it is a `u32`.
    pub fn get_u32(&self, key: &str) -> Option<u32> {
        match self.values.get(key) {
            Some(Value::U32(value)) => Some(*value),
            _ => None,
        }
    }

    /// The value if it is a `u8`.
    pub fn get_u8(&self, key: &str) -> Option<u8> {
        match self.values.get(key) {
            Some(Value::U8(value)) => Some(*value),
            _ => None,
        }
    }

    /// The value if it is a `u16`.
    pub fn get_u16(&self, key: &str) -> Option<u16> {
        match self.values.get(key) {
            Some(Value::U16(value)) => Some(*value),
            _ => None,
        }
    }

    /// The value if it is a `u64`.
    pub fn get_u64(&self, key: &str) -> Option<u64> {
        match self.values.get(key) {
            Some(Value::U64(value)) => Some(*value),
            _ => None,
        }
    }

    /// All keys in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The keys that begin with `prefix`, in order.
    pub fn prefixed<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.values
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(prefix))
            .map(|(key, value)| (key.as_str(), value))
    }

    /// Writes a key for the engine itself. Equal value and type: no change and no notice.
    ///
    /// # Errors
    /// [`CsError::NameTooLong`] for a bad name, whatever is wrong with it [QG-7.1].
    pub fn set(&mut self, key: &str, value: Value) -> Result<(), CsError> {
        if !Self::is_valid_name(key) {
            return Err(CsError::NameTooLong);
        }
        let old = self.values.get(key);
        if old != Some(&value) {
            let old = old.cloned();
            self.changes.push(KeyChange { key: key.to_owned(), old, new: Some(value.clone()) });
            self.values.insert(key.to_owned(), value);
        }
        Ok(())
    }

    /// Deletes a key for the engine itself; says whether it was there.
    pub fn remove(&mut self, key: &str) -> bool {
        let Some(old) = self.values.remove(key) else { return false };
        self.changes.push(KeyChange { key: key.to_owned(), old: Some(old), new: None });
        true
    }

    /// Whether clients may only read the key.
    pub fn is_read_only(&self, key: &str) -> bool {
        READ_ONLY_PREFIXES.iter().any(|p| key.starts_with(p))
            || READ_ONLY_KEYS.contains(&key)
            || self.extra_read_only.contains_key(key)
    }

    /// From now on clients may only read the key; the quorum service does this for its options [QG-2.2].
    pub fn make_read_only(&mut self, key: &str) {
        self.extra_read_only.insert(key.to_owned(), ());
    }

    /// Writes a key on behalf of a client.
    ///
    /// # Errors
    /// [`CsError::Access`] for a read-only key, [`CsError::NameTooLong`] for a bad name.
    pub fn client_set(&mut self, key: &str, value: Value) -> Result<(), CsError> {
        if self.is_read_only(key) {
            return Err(CsError::Access);
        }
        self.set(key, value)
    }

    /// Deletes a key on behalf of a client.
    ///
    /// # Errors
    /// [`CsError::Access`] for a read-only key, [`CsError::NotExist`] if there is none.
    pub fn client_remove(&mut self, key: &str) -> Result<(), CsError> {
        if self.is_read_only(key) {
            return Err(CsError::Access);
        }
        if self.remove(key) { Ok(()) } else { Err(CsError::NotExist) }
    }

    /// The changes since the last call, in order.
    pub fn take_changes(&mut self) -> Vec<KeyChange> {
        std::mem::take(&mut self.changes)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no key at all.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_on_write_with_one_code_for_every_fault() {
        let mut map = Cmap::default();
        for bad in ["ab", "a!b", "", &"x".repeat(256)] {
            assert_eq!(map.set(bad, Value::U8(1)), Err(CsError::NameTooLong), "{bad}");
        }
        assert_eq!(map.set("abc", Value::U8(1)), Ok(()));
    }

    #[test]
    fn an_equal_write_is_no_change_but_a_change_of_type_is() {
        let mut map = Cmap::default();
        map.set("a.b", Value::U32(5)).unwrap();
        map.set("a.b", Value::U32(5)).unwrap();
        assert_eq!(map.take_changes().len(), 1);
        map.set("a.b", Value::U8(5)).unwrap();
        assert_eq!(map.take_changes().len(), 1);
    }

    #[test]
    fn iteration_is_by_bytes() {
        let mut map = Cmap::default();
        for key in ["node.2", "node.10", "node.1"] {
            map.set(key, Value::U8(0)).unwrap();
        }
        let keys: Vec<_> = map.prefixed("node.").map(|(k, _)| k).collect();
        assert_eq!(keys, ["node.1", "node.10", "node.2"]);
    }

    #[test]
    fn clients_cannot_touch_read_only_keys() {
        let mut map = Cmap::default();
        map.set("nodelist.local_node_pos", Value::U32(0)).unwrap();
        assert_eq!(map.client_set("nodelist.x", Value::U8(1)), Err(CsError::Access));
        assert_eq!(map.client_remove("nodelist.local_node_pos"), Err(CsError::Access));
        assert_eq!(map.client_remove("no.such"), Err(CsError::NotExist));
        assert_eq!(map.client_set("runtime.x", Value::U8(1)), Ok(()));
    }

    #[test]
    fn floats_print_six_decimals() {
        assert_eq!(Value::parse("flt", "1.5").unwrap().to_string(), "1.500000");
        assert_eq!(Value::parse("u8", "300"), Err(ValueError::OutOfRange));
        assert_eq!(Value::parse("u8", "abc"), Err(ValueError::NotA));
        assert_eq!(Value::parse("foo", "1"), Err(ValueError::UnknownType));
    }
}
