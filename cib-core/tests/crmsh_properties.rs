//! Properties of the crm language over random texts.

use cib_core::crmsh::{Configuration, configure, parse, show};
use cib_core::xml::{Document, Style};
use proptest::prelude::*;

const EMPTY: &str = "<cib validate-with='pacemaker-3.9'><configuration><crm_config/><nodes/><resources/>\
                     <constraints/></configuration></cib>";

const WORDS: [&str; 64] = [
    "node",
    "primitive",
    "rsc_template",
    "group",
    "clone",
    "ms",
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
    "tag",
    "alert",
    "monitor",
    "xml",
    "params",
    "meta",
    "utilization",
    "operations",
    "op",
    "op_params",
    "rule",
    "attributes",
    "a",
    "b",
    "c",
    "g",
    "n1",
    "Dummy",
    "ocf:x:y",
    "@a",
    "@id:name",
    "$id=x",
    "$id-ref=a",
    "$n:k=v",
    "k=v",
    "k=",
    "inf:",
    "100:",
    "-5:",
    "Mandatory:",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "a:Master",
    "b:start",
    "eq",
    "date",
    "spec",
    "hours=9",
    "and",
    "or",
    "\"q q\"",
    "\\\n",
];

fn text() -> impl Strategy<Value = String> {
    let word = prop_oneof![8 => prop::sample::select(&WORDS[..]).prop_map(str::to_owned), 1 => "[ -~]{0,6}"];
    let line = prop::collection::vec(word, 1..9).prop_map(|words| words.join(" "));
    prop::collection::vec(line, 1..6).prop_map(|lines| lines.join("\n"))
}

/// Statements that are mostly right.
fn statements() -> impl Strategy<Value = String> {
    let kinds = ["Dummy", "ocf:pacemaker:Stateful", "stonith:fence_x", "systemd:x"];
    let pairs = prop::collection::vec("[a-z]{1,3}=[ -~&&[^\"\\\\]]{0,4}", 1..3);
    let primitive = (prop::sample::select(kinds.to_vec()), prop::option::of(pairs)).prop_map(|(kind, pairs)| {
        let pairs: Vec<String> = pairs.into_iter().flatten().map(|pair| format!("\"{pair}\"")).collect();
        format!("{kind}{}{}", if pairs.is_empty() { "" } else { " params " }, pairs.join(" "))
    });
    let others = prop::sample::subsequence(
        vec![
            "group g p0 p1",
            "clone c p2 meta interleave=true",
            "clone cg g",
            "location l p0 100: n1",
            "tag t p0 p1",
            "location l2 { p0 p1 } inf: n1",
            "location l3 p3 rule -inf: not_defined ping or ping lte 0",
            "colocation co inf: p0 p2",
            "colocation cs 5: p0 ( p1 p2 ) p3",
            "order o Mandatory: p0:start p1",
            "order os p0 [ p1 p2 ] p3",
            "rsc_ticket ti tick: p0 loss-policy=stop",
            "node 1: n1 attributes rack=r1",
            "node n2",
            "property a=1 b=\"x y\"",
            "property more: rule #uname eq n1 a=2",
            "rsc_defaults priority=1",
            "op_defaults timeout=9s",
            "fencing_topology n1: p3 p2 n2: p3",
            "role r read cib write ref:p0",
            "acl_target joe r",
            "alert al /bin/true select nodes to /x meta a=1",
            "bundle bu docker image=x network primitive p3",
            "xml <primitive id='x' class='ocf' type='y'/>",
        ],
        0..16,
    );
    (prop::collection::vec(primitive, 4), others).prop_map(|(primitives, others)| {
        let primitives = primitives.iter().enumerate().map(|(index, rest)| format!("primitive p{index} {rest}"));
        primitives.chain(others.into_iter().map(str::to_owned)).collect::<Vec<_>>().join("\n")
    })
}

/// What is accepted can be printed, read again, and prints the same.
fn check(text: &str) -> Result<bool, TestCaseError> {
    let mut cib = Document::parse(EMPTY).unwrap();
    if let Err(error) = configure(&mut cib, text) {
        prop_assert!(!error.messages.is_empty());
        prop_assert_eq!(cib.write(), Document::parse(EMPTY).unwrap().write(), "a refused text changed the document");
        return Ok(false);
    }
    let written = cib.write_node(cib.root(), Style::Compact);
    let read = Document::parse(&written).map_err(|error| TestCaseError::fail(format!("{error}: {written}")))?;
    let shown = show(&read);
    prop_assert_eq!(&shown, &show(&cib));
    let mut again = Document::parse(EMPTY).unwrap();
    let read_again = configure(&mut again, &shown).is_ok();
    // Raw XML is read with its runs of blanks made one [SH-2.6], so what it holds may change once.
    if read_again && !shown.contains("xml <") {
        prop_assert_eq!(show(&again), shown);
    }
    let mut copy = Configuration::new(&cib);
    copy.erase();
    copy.erase_nodes();
    prop_assert_eq!(copy.objects(), vec![]);
    Ok(true)
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in text()) {
        match parse(&text) {
            Ok(_) => {}
            Err(error) => prop_assert!(error.line >= 1 && error.column >= 1 && !error.to_string().is_empty()),
        }
        check(&text)?;
    }

    #[test]
    fn printed_text_says_the_same(text in statements()) {
        prop_assert!(check(&text)?, "refused");
    }
}

#[test]
fn comments_can_be_read_again() {
    for comment in ["# ---", "# -- a ----- b -", "#-->", "#\ta"] {
        assert!(check(&format!("{comment}\nop_defaults timeout=1\n")).unwrap(), "{comment}");
    }
    for comment in ["#\u{19}", "# a\u{0}", "#\u{FFFE}"] {
        assert!(!check(&format!("{comment}\nop_defaults timeout=1\n")).unwrap(), "{comment:?}");
    }
    assert!(!check("property a=\u{FFFF}").unwrap());
}
