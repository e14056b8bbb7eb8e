//! Comparing sequence numbers. [TM-7.1]

/// Whether `a` comes before `b`. Near the wrap both are moved back, so that 0xFFFFFFFF counts as "minus one".
pub(super) fn lt(a: u32, b: u32) -> bool {
    if a > 0x8000_0000 || b > 0x8000_0000 { a.wrapping_sub(0x1_0000) < b.wrapping_sub(0x1_0000) } else { a < b }
}

/// Whether `a` comes before `b` or is equal.
pub(super) fn le(a: u32, b: u32) -> bool {
    a == b || lt(a, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_aru_is_before_everything() {
        assert!(lt(u32::MAX, 0) && lt(u32::MAX, 1) && !lt(0, u32::MAX));
        assert!(lt(1, 2) && !lt(2, 1) && !lt(2, 2) && le(2, 2));
        assert!(lt(0x8000_0000, 0x8000_0001) && lt(0xffff_fff0, 5));
    }
}
