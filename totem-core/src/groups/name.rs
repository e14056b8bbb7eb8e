//! Names of groups: up to 128 bytes, any bytes [QG-1.4, QG-5.8].

use std::fmt;

use bytes::Bytes;

use crate::config::CsError;

/// Longest name in bytes.
pub const MAX_NAME: usize = 128;

/// The name of a process group. Displays as logs and tools show it: anything unprintable is escaped.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupName(Bytes);

impl GroupName {
    /// A name of these bytes.
    ///
    /// # Errors
    /// [`CsError::NameTooLong`] above 128 bytes.
    pub fn new(name: impl AsRef<[u8]>) -> Result<GroupName, CsError> {
        let name = name.as_ref();
        if name.len() > MAX_NAME {
            return Err(CsError::NameTooLong);
        }
        Ok(GroupName(Bytes::copy_from_slice(name)))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes up to the first zero: membership changes are grouped and ordered by them [QG-5.6].
    pub(super) fn c_string(&self) -> &[u8] {
        self.0.split(|b| *b == 0).next().unwrap_or_default()
    }
}

/// Bytes as logs and tools show them: printable ASCII as it is, a backslash doubled, others in hexadecimal. Bytes of
/// 0x80 and more print as signed characters do.
pub fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'\\' => out.push_str("\\\\"),
            0x20..=0x7e => out.push(char::from(*byte)),
            0x80.. => out.push_str(&format!("\\xFFFFFF{byte:02X}")),
            _ => out.push_str(&format!("\\x{byte:02X}")),
        }
    }
    out
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape(&self.0))
    }
}

impl fmt::Debug for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unprintable_bytes_are_escaped() {
        assert_eq!(GroupName::new(b"gr\\x\tz").unwrap().to_string(), "gr\\\\x\\x09z");
        assert_eq!(GroupName::new([0x80]).unwrap().to_string(), "\\xFFFFFF80");
        assert!(GroupName::new([0; 129]).is_err());
        assert!(GroupName::new([0; 128]).is_ok());
    }
}
