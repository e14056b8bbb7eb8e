use super::*;
use crate::xml::Limits;

const DOC: &str = r#"<cib epoch="7"><configuration><!--note--><nodes><node id="1" uname="a"/><node id="2" uname="b"/></nodes>
<resources><group id="g"><primitive id="A" n="3"/><primitive id="B" n="10"><op id="o"/></primitive></group>
<primitive id="C"/></resources></configuration><status/></cib>"#;

/// The ids, names or values of what is found.
fn found(xpath: &str) -> Result<String, XPathError> {
    let doc = Document::parse_with(DOC, &Limits::file()).unwrap();
    let found = XPath::parse(xpath)?.select(&doc)?;
    let text = found.iter().map(|f| match *f {
        Found::Document => "/".into(),
        Found::Node(n) => doc.id(n).unwrap_or(doc.name(n)).to_owned(),
        Found::Attribute { name, value, .. } => format!("{name}={value}"),
    });
    Ok(text.collect::<Vec<String>>().join(" "))
}

#[test]
fn queries() {
    for (xpath, expected) in [
        ("/", "/"),
        ("/cib", "cib"),
        ("/cib/*", "configuration status"),
        ("//primitive", "A B C"),
        ("//primitive[1]", "A C"),
        ("(//primitive)[2]", "B"),
        ("//primitive[last()]", "B C"),
        ("//primitive[position()>1]", "B"),
        ("//group/primitive[@id='B']/@n", "n=10"),
        ("//@uname", "uname=a uname=b"),
        ("//node/@*", "id=1 uname=a id=2 uname=b"),
        ("//primitive[@n>3]", "B"),
        ("//primitive[@n]", "A B"),
        ("//primitive[not(@n)]", "C"),
        ("//primitive[op]", "B"),
        ("//op/..", "B"),
        ("//op/ancestor::*", "cib configuration resources g B"),
        ("//op/ancestor::*[1]", "B"),
        ("//op/ancestor-or-self::primitive", "B"),
        ("//primitive[@id='B']/preceding-sibling::*", "A"),
        ("//primitive[@id='A']/following::*", "B o C status"),
        ("//op/preceding::*", "nodes 1 2 A"),
        ("//group/following-sibling::primitive", "C"),
        ("//node[2] | //group", "2 g"),
        ("//group | //node", "1 2 g"),
        ("//*[starts-with(@uname, 'b') or @n = 3]", "2 A"),
        ("//*[contains(@id, 'o') and self::op]", "o"),
        ("//comment()", "#comment"),
        ("//configuration/node()", "#comment nodes resources"),
        ("//*[count(primitive) = 2]", "g"),
        ("//*[string-length(@id) = 1 and translate(@id,'abc','ABC') = 'C']", "C"),
        ("//node[@uname = concat('a', '')]", "1"),
        ("//primitive[@n mod 2 = 1]", "A"),
        ("//primitive[@n div 2 = 5]", "B"),
        ("//primitive[-@n = -3]", "A"),
        ("//primitive[substring(@id, 1, 1) = 'A']", "A"),
        ("//*[name() = 'op']", "o"),
        ("/*[false()]", ""),
        ("//nothing", ""),
        ("descendant::op", "o"),
        ("//group//op", "o"),
        ("//*[@id = 'A' or @id = 'C']", "A C"),
        ("//div[1]", ""),
        ("//node[@id=//op/@id]", ""),
        ("//*[sum(primitive/@n) = 13]", "g"),
        ("//group[primitive/@n = 10]", "g"),
    ] {
        assert_eq!(found(xpath).as_deref(), Ok(expected), "{xpath}");
    }
}

#[test]
fn errors_tell_the_place() {
    let syntax = |column, what: &str| Err(XPathError::Syntax { column, what: what.into() });
    assert_eq!(found("//["), syntax(3, "a step expected"));
    assert_eq!(found("//a["), syntax(5, "an expression expected"));
    assert_eq!(found("//a[1"), syntax(6, "']' expected"));
    assert_eq!(found("a b"), syntax(3, "an operator or the end expected"));
    assert_eq!(found("'a"), syntax(1, "string without end"));
    assert_eq!(found("//x[$v]"), Err(XPathError::Unsupported { column: 5, what: "a variable".into() }));
    assert_eq!(found("//x:y"), Err(XPathError::Unsupported { column: 3, what: "namespace prefix 'x'".into() }));
    assert_eq!(found("f(1)"), Err(XPathError::Unsupported { column: 1, what: "function 'f'".into() }));
    assert_eq!(found("count(//node)"), Err(XPathError::NotNodes));
    assert_eq!(found(&"(".repeat(100)), Err(XPathError::TooLarge));
    assert!(found("count()").is_err());
}

#[test]
fn evaluation_is_bounded() {
    let doc = Document::parse(&format!("<a>{}</a>", "<b/>".repeat(1000))).unwrap();
    let xpath = XPath::parse("//*[//*[//*[//*]]]").unwrap();
    assert_eq!(xpath.select_within(&doc, 100_000), Err(XPathError::TooExpensive(100_000)));
}
