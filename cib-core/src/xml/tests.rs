use super::*;
use proptest::prelude::*;

fn compact(text: &str) -> String {
    let doc = Document::parse(text).unwrap();
    doc.write_node(doc.root(), Style::CompactText)
}

fn fault(text: &str) -> (u32, u32, XmlErrorKind) {
    let e = Document::parse(text).unwrap_err();
    (e.line, e.column, e.kind)
}

#[test]
fn a_byte_order_mark_does_not_shift_places() {
    let doc = Document::parse("\u{feff}<?xml version=\"1.0\"?>\n<h>)<h/>\n<h/> ' </h>").unwrap();
    assert_eq!(doc.line(doc.children(doc.root()).last().unwrap()), 3);
    let bad = Document::parse("\u{feff}\n<h>\n<h>)<h><h> 0!!!>'\rh>< h>)").unwrap_err();
    assert_eq!(bad.line, 3);
    assert!(Document::parse("\u{feff}\u{feff}<h>\n</h>").is_err());
}

#[test]
fn reads_what_xml_allows() {
    assert_eq!(compact("<a/>"), "<a/>");
    assert_eq!(compact("\u{FEFF}<?xml version='1.0'?>\n<!-- before --><a></a>\n<?pi x?>"), "<a/>");
    assert_eq!(compact("<a> <b x='1' y = \"2\"\n z='3' /> </a >"), r#"<a><b x="1" y="2" z="3"/></a>"#);
    assert_eq!(
        compact("<a>x &lt; &#65;&#x42;<b/>\n<!-- c --><![CDATA[<&]]></a>"),
        "<a>x &lt; AB<b/><!-- c --><![CDATA[<&]]></a>"
    );
    assert_eq!(compact("<a x='1\n2\t3\r\n4&#10;5'/>"), r#"<a x="1 2 3 4&#x0A;5"/>"#);
    assert_eq!(compact("<a x='&quot;&apos;&#x1F600;é'/>"), "<a x=\"&quot;'😀é\"/>");
}

#[test]
fn pretty_form_puts_every_node_on_its_line() {
    let doc = Document::parse_with("<a>text<b><!--c--><d/></b><e>only text</e></a>", &Limits::file()).unwrap();
    assert_eq!(doc.write(), "<a>\n  <b>\n    <!--c-->\n    <d/>\n  </b>\n  <e/>\n</a>\n");
    let doc = Document::parse("<a><e>only text</e></a>").unwrap();
    assert_eq!(doc.write(), "<a>\n  <e>\n  </e>\n</a>\n");
    assert_eq!(doc.write_node(doc.root(), Style::Compact), "<a><e></e></a>");
}

#[test]
fn control_characters_are_written_as_references() {
    let mut doc = Document::new("a");
    doc.set_attr(doc.root(), "v", "<>&\"'\n\t\u{1}\u{7F}");
    assert_eq!(doc.write(), "<a v=\"&lt;&gt;&amp;&quot;'&#x0A;&#x09;&#x01;&#x7F;\"/>\n");
}

#[test]
fn refuses_what_is_not_well_formed() {
    use XmlErrorKind as K;
    assert_eq!(fault("").2, K::Empty);
    assert_eq!(fault("<a>\n <b></c></a>"), (2, 5, K::Mismatch { expected: "b".into(), found: "c".into() }));
    assert_eq!(fault("<a><b>").2, K::Unclosed("b".into()));
    assert_eq!(fault("<a/><b/>").2, K::OutsideRoot);
    assert_eq!(fault("<a/>x").2, K::OutsideRoot);
    assert_eq!(fault("</a>").2, K::OutsideRoot);
    assert_eq!(fault("<a x='1' x='2'/>").2, K::DuplicateAttribute("x".into()));
    assert_eq!(fault("<a x='1'y='2'/>").2, K::BadAttributes("a".into()));
    for text in ["<a x/>", "<a x=1/>", "<a x='1/>", "<a 'x'/>", "<a x='<'/>", "<1/>", "<a -x='1'/>", "<a>]]></a>"] {
        assert!(Document::parse(text).is_err(), "{text}");
    }
    for text in ["<a>&nope;</a>", "<a>&#0;</a>", "<a>&#xD800;</a>", "<a x='&nope;'/>", "<a x='&lt'/>", "<a x='&#;'/>"] {
        assert!(Document::parse(text).is_err(), "{text}");
    }
    for text in ["<a>\u{1}</a>", "<a x='\u{1}'/>", "<a x='\u{FFFE}'/>", "<!-- -- --><a/>", "<a><!-- \u{2} --></a>"] {
        assert!(Document::parse(text).is_err(), "{text}");
    }
    assert_eq!(fault("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>").2, K::DocumentType);
}

#[test]
fn limits_hold() {
    let deep = format!("{}{}", "<a>".repeat(300), "</a>".repeat(300));
    assert!(Document::parse(&deep).is_err());
    assert!(Document::parse_with(&deep, &Limits::default().with_depth(300)).is_ok());
    assert!(Document::parse_with("<a x='1' y='1'/>", &Limits::default().with_attributes(1)).is_err());
    assert!(Document::parse_with("<a><b/><b/></a>", &Limits::default().with_nodes(2)).is_err());
    assert!(Document::parse_with("<a><b/><b/></a>", &Limits::default().with_bytes(10)).is_err());
}

#[test]
fn lines_and_looks() {
    let doc = Document::parse("<a>\n<b id='1'/>\n\n<c\nid='2'><b id='3'/></c>t</a>").unwrap();
    let root = doc.root();
    let lines: Vec<_> = doc.descendants(root).map(|n| (doc.name(n), doc.line(n), doc.id(n).unwrap())).collect();
    assert_eq!(lines, [("b", 2, "1"), ("c", 4, "2"), ("b", 5, "3")]);
    assert_eq!(doc.text(root), Some("t"));
    assert_eq!(doc.children_named(root, "b").count(), 1);
    assert_eq!(doc.path(root, &["c", "b"]).and_then(|n| doc.id(n)), Some("3"));
    assert_eq!(doc.find_id(root, "3").map(|n| doc.position(n)), Some(0));
    assert!(doc.attr(root, "id").is_none());
}

#[test]
fn edits() {
    let mut doc = Document::parse("<a><b/><c x='1' y='2'/><d/></a>").unwrap();
    let (a, c) = (doc.root(), doc.child(doc.root(), "c").unwrap());
    doc.insert(a, 1, "e");
    doc.set_attr(c, "x", "3");
    doc.set_attr(c, "z", "");
    doc.remove_attr(c, "y");
    doc.rename_attr(c, "x", "w");
    let d = doc.child(a, "d").unwrap();
    doc.relocate(d, c, None);
    let b = doc.child(a, "b").unwrap();
    doc.remove(b);
    let other = Document::parse("<r><s><t u='v'/></s><w/></r>").unwrap();
    doc.copy(c, &other, other.root());
    doc.duplicate(a, None, c);
    doc.append_comment(a, "x");
    let expected = r#"<c w="3" z=""><d/><r><s><t u="v"/></s><w/></r></c>"#;
    assert_eq!(doc.write_node(a, Style::Compact), format!("<a><e/>{expected}{expected}<!--x--></a>"));
    doc.clear(c);
    assert_eq!(doc.write_node(c, Style::Compact), r#"<c w="3" z=""/>"#);
}

#[test]
fn garbage_is_collected() {
    let mut doc = Document::parse("<a><b/></a>").unwrap();
    let (a, b) = (doc.root(), doc.child(doc.root(), "b").unwrap());
    for i in 0..50_000u32 {
        doc.set_attr(b, "x", &"v".repeat(i as usize % 40));
        let n = doc.append(a, "c");
        doc.set_attr(n, "y", "1");
        doc.set_attr(n, "z", "2");
        doc.remove(n);
    }
    assert!(doc.text.len() < 1 << 19 && doc.attrs.len() < 1 << 19 && doc.nodes.len() < 8, "{}", doc.text.len());
    assert_eq!(doc.write_node(a, Style::Compact), format!("<a><b x=\"{}\"/></a>", "v".repeat(49_999 % 40)));
}

/// A random tree, as text in compact form.
fn tree() -> impl Strategy<Value = String> {
    let attrs = prop::collection::btree_map("[a-c]", "[ !#-%'-;=?-~é\u{1F600}]{0,6}", 0..3);
    let tag = ("[a-d]", attrs).prop_map(|(name, attrs)| {
        let attrs: String = attrs.iter().map(|(k, v)| format!(" {k}=\"{v}\"")).collect();
        (name, attrs)
    });
    let leaf = prop_oneof![
        4 => tag.clone().prop_map(|(name, attrs)| format!("<{name}{attrs}/>")),
        1 => "[ -,.-~]{0,5}".prop_map(|text| format!("<!--{text}-->")),
    ];
    let inner = leaf.prop_recursive(5, 40, 5, move |child| {
        (tag.clone(), prop::collection::vec(child, 1..5))
            .prop_map(|((name, attrs), children)| format!("<{name}{attrs}>{}</{name}>", children.concat()))
    });
    prop::collection::vec(inner, 0..4).prop_map(|children| match children.len() {
        0 => "<r/>".into(),
        _ => format!("<r>{}</r>", children.concat()),
    })
}

proptest! {
    #[test]
    fn writing_what_was_read_gives_it_back(text in tree()) {
        let doc = Document::parse(&text).unwrap();
        prop_assert_eq!(doc.write_node(doc.root(), Style::Compact), text.clone());
        let again = Document::parse(&doc.write()).unwrap();
        prop_assert_eq!(again.write_node(again.root(), Style::Compact), text.clone());
        let copy = doc.fragment(doc.root());
        prop_assert_eq!(copy.write_node(copy.root(), Style::Compact), text);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[<>a-c/!\\-\\[\\]='\" &;#?x\n]{0,60}") {
        let _ = Document::parse(&text);
    }
}

/// A random change: which node, what to do with it, where else.
fn change(doc: &mut Document, node: usize, what: u8, other: usize) {
    let all: Vec<NodeIx> = core::iter::once(doc.root()).chain(doc.descendants(doc.root())).collect();
    let (n, m) = (all[node % all.len()], all[other % all.len()]);
    let below = |doc: &Document, n, m| n == m || doc.descendants(n).any(|d| d == m);
    match what % 9 {
        0 => doc.set_attr(n, "a", "new"),
        1 => doc.set_attr(n, ["x", "y", "z"][other % 3], "n"),
        2 => doc.remove_attr(n, ["a", "b", "c"][other % 3]),
        3 => drop(doc.append(n, "e")),
        4 => drop(doc.insert(n, other % 3, "f")),
        5 if n != doc.root() => doc.remove(n),
        6 if n != doc.root() && !below(doc, n, m) => {
            let before = doc.first_node(m).filter(|&b| b != n);
            doc.relocate(n, m, before);
        }
        7 => doc.rename(n, "g"),
        8 if !below(doc, n, m) => {
            doc.duplicate(m, None, n);
        }
        8 if other.is_multiple_of(3) => {
            let from = doc.clone();
            doc.replace_root(&from, n);
        }
        _ => doc.clear_attrs(n),
    }
}

proptest! {
    #[test]
    fn a_rollback_takes_everything_back(
        text in tree(),
        before in prop::collection::vec((0usize..20, 0u8..9, 0usize..20), 0..6),
        after in prop::collection::vec((0usize..20, 0u8..9, 0usize..20), 0..12),
    ) {
        let mut doc = Document::parse(&text).unwrap();
        before.iter().for_each(|&(n, what, m)| change(&mut doc, n, what, m));
        let was = doc.write();
        let mut plain = doc.clone();
        doc.checkpoint();
        after.iter().for_each(|&(n, what, m)| change(&mut doc, n, what, m));
        after.iter().for_each(|&(n, what, m)| change(&mut plain, n, what, m));
        prop_assert_eq!(doc.write(), plain.write());
        let mut kept = doc.clone();
        kept.commit();
        prop_assert_eq!(kept.write(), plain.write());
        doc.rollback();
        prop_assert_eq!(doc.write(), was);
    }
}
