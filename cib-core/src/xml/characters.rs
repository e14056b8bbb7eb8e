//! Characters: which ones a document may hold, what references stand for, how values and line ends are normalised.

/// What the scan of a value found: bits.
pub(super) const PLAIN: u8 = 0;
pub(super) const SPACE: u8 = 1; // newline, tab, carriage return: normalised
pub(super) const REFERENCE: u8 = 2;
pub(super) const FORBIDDEN: u8 = 4; // control characters, `<`
pub(super) const MAYBE: u8 = 8; // lead byte of U+FFFE, U+FFFF

pub(super) const CLASS: [u8; 256] = {
    let mut table = [PLAIN; 256];
    let mut i = 0;
    while i < 0x20 {
        table[i] = FORBIDDEN;
        i += 1;
    }
    table[0x09] = SPACE;
    table[0x0A] = SPACE;
    table[0x0D] = SPACE;
    table[b'&' as usize] = REFERENCE;
    table[b'<' as usize] = FORBIDDEN;
    table[0xEF] = MAYBE;
    table
};

pub(super) fn classes(bytes: &[u8]) -> u8 {
    bytes.iter().fold(PLAIN, |found, &b| found | CLASS[usize::from(b)])
}

pub(super) fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\n' | b'\r')
}

pub(super) fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}

pub(super) fn unify_line_ends(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// The character that a reference (without `&` and `;`) stands for.
pub(super) fn resolve(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let (digits, radix) = number.strip_prefix('x').map_or((number, 10), |hex| (hex, 16));
            if digits.is_empty() || !digits.bytes().all(|b| char::from(b).is_digit(radix)) {
                return None;
            }
            char::from_u32(u32::from_str_radix(digits, radix).ok()?).filter(|&c| is_xml_char(c))
        }
    }
}
