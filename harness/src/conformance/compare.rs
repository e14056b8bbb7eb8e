//! Normal forms of the outputs, and a readable difference [OR-12] [SM-14].

/// Without the attributes that differ between versions.
pub(super) fn normal_graph(text: &str) -> String {
    let without_set = remove_attribute(text, "crm_feature_set", |_| true);
    remove_attribute(&without_set, "batch-limit", |v| !v.is_empty() && v.bytes().all(|b| b.is_ascii_digit()))
}

fn remove_attribute(text: &str, name: &str, fits: fn(&str) -> bool) -> String {
    let start = format!("{name}=\"");
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(&start) {
        let value = &rest[at + start.len()..];
        let Some(end) = value.find('"') else { break };
        if fits(&value[..end]) {
            out.push_str(&rest[..at]);
        } else {
            out.push_str(&rest[..at + start.len() + end + 1]);
        }
        rest = &value[end + 1..];
    }
    out.push_str(rest);
    out
}

/// First and last line kept, the lines between sorted and made unique.
pub(super) fn normal_dot(text: &str) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let [first, middle @ .., last] = &lines[..] else { return String::new() };
    let mut middle = middle.to_vec();
    middle.sort_unstable();
    middle.dedup();
    std::iter::once(*first).chain(middle).chain(std::iter::once(*last)).collect()
}

/// Sorted by line.
pub(super) fn normal_scores(text: &str) -> String {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    lines.sort_unstable();
    lines.concat()
}

/// Lines around a difference that are shown.
const CONTEXT: usize = 2;
/// The longest texts for which a shortest difference is looked for, as a product of line counts.
const LIMIT: usize = 4_000_000;

/// Prints how two texts differ, line by line.
pub(super) fn print_diff(expected: &str, actual: &str) {
    let a: Vec<&str> = expected.lines().collect();
    let b: Vec<&str> = actual.lines().collect();
    let lines = difference(&a, &b);
    let changed: Vec<usize> = (0..lines.len()).filter(|&i| lines[i].0 != ' ').collect();
    let mut last = None;
    for (i, (mark, line)) in lines.iter().enumerate() {
        let near = changed.partition_point(|&c| c + CONTEXT < i);
        if changed.get(near).is_some_and(|&c| c <= i + CONTEXT) {
            if last.is_some_and(|l: usize| l + 1 < i) {
                println!("  ...");
            }
            println!("{mark} {line}");
            last = Some(i);
        }
    }
}

/// The lines of both texts, marked: `-` only in `a`, `+` only in `b`.
fn difference<'t>(a: &[&'t str], b: &[&'t str]) -> Vec<(char, &'t str)> {
    let head = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let tail = a[head..].iter().rev().zip(b[head..].iter().rev()).take_while(|(x, y)| x == y).count();
    let (am, bm) = (&a[head..a.len() - tail], &b[head..b.len() - tail]);
    let mut lines: Vec<(char, &str)> = a[..head].iter().map(|l| (' ', *l)).collect();
    if am.len() * bm.len() > LIMIT {
        lines.extend(am.iter().map(|l| ('-', *l)));
        lines.extend(bm.iter().map(|l| ('+', *l)));
    } else {
        lines.extend(shortest(am, bm));
    }
    lines.extend(a[a.len() - tail..].iter().map(|l| (' ', *l)));
    lines
}

/// By the longest common subsequence.
fn shortest<'t>(a: &[&'t str], b: &[&'t str]) -> Vec<(char, &'t str)> {
    let width = b.len() + 1;
    let mut length = vec![0u32; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            length[i * width + j] = if a[i] == b[j] {
                length[(i + 1) * width + j + 1] + 1
            } else {
                length[(i + 1) * width + j].max(length[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            lines.push((' ', a[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == b.len() || (i < a.len() && length[(i + 1) * width + j] >= length[i * width + j + 1]) {
            lines.push(('-', a[i]));
            i += 1;
        } else {
            lines.push(('+', b[j]));
            j += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_forms() {
        assert_eq!(normal_graph(r#"<a crm_feature_set="3.1" batch-limit="0" x="1"/>"#), r#"<a   x="1"/>"#);
        assert_eq!(normal_dot("{\nb\na\nb\n}\n"), "{\na\nb\n}\n");
        assert_eq!(normal_scores("b\n\na\n"), "\na\nb\n");
    }

    #[test]
    fn differences_are_shortest() {
        let marks: String = difference(&["a", "b", "c"], &["a", "x", "c"]).iter().map(|l| l.0).collect();
        assert_eq!(marks, " -+ ");
    }
}
