//! Evaluation of whole rules, as examples.

use std::collections::BTreeMap;

use super::*;
use crate::xml::Document;

const NOW: &str = "2020-06-15 12:30:00Z";

fn date(text: &str) -> DateTime {
    DateTime::parse(text, &DateTime::from_epoch(0, 0)).unwrap()
}

fn attributes() -> BTreeMap<&'static str, &'static str> {
    [("rack", "B"), ("load", "10"), ("ratio", "2.5"), ("version", "1.10"), ("db-site", "east")].into()
}

/// Whether a rule with these conditions passes, and its next change.
fn evaluate(op: &str, conditions: &str) -> (bool, Option<String>, Vec<String>) {
    let doc = Document::parse(&format!(r#"<rule id="r" boolean-op="{op}">{conditions}</rule>"#)).unwrap();
    let node = attributes();
    let parameters: BTreeMap<&str, &str> = [("where", "b")].into();
    let mut context = Context::at(date(NOW)).with_node(&node).with_operation("monitor", 10_000);
    context.parameters = Some(&parameters);
    context.resource = ResourceKind { class: Some("ocf"), provider: Some("heartbeat"), kind: Some("IPaddr2") };
    let matches = [Some("db-1"), Some("db")];
    context.matches = &matches;
    let mut evaluation = Evaluation::default();
    let passes = Rules::new(&doc).evaluate(doc.root(), &context, &mut evaluation);
    let remarks = evaluation.remarks.into_iter().map(|remark| remark.text).collect();
    (passes, evaluation.next_change.map(|change| change.to_string()), remarks)
}

fn passes(conditions: &str) -> bool {
    evaluate("and", conditions).0
}

fn expression(rest: &str) -> bool {
    passes(&format!(r#"<expression id="e" {rest}/>"#))
}

#[test]
fn attribute_expressions() {
    assert!(expression(r#"attribute="rack" operation="defined""#));
    assert!(!expression(r#"attribute="rack" operation="defined" value="x""#));
    assert!(expression(r#"attribute="none" operation="not_defined""#));
    assert!(expression(r#"attribute="rack" operation="eq" value="b""#));
    assert!(expression(r#"attribute="rack" operation="EQ" value="where" value-source="param""#));
    assert!(expression(r#"attribute="none" operation="eq" value="x" value-source="meta""#));
    assert!(expression(r#"attribute="none" operation="ne" value="x""#));
    assert!(!expression(r#"attribute="none" operation="lt" value="x""#));
    assert!(expression(r#"attribute="load" operation="gt" value="9""#));
    assert!(!expression(r#"attribute="load" operation="gt" value="9" type="string""#));
    assert!(expression(r#"attribute="ratio" operation="gt" value="2""#));
    assert!(!expression(r#"attribute="ratio" operation="gt" value="2" type="integer""#));
    assert!(expression(r#"attribute="version" operation="gte" value="1.9" type="version""#));
    assert!(expression(r#"attribute="%1-site" operation="eq" value="east""#));
    assert!(!expression(r#"attribute="rack" operation="like" value="b""#));
    assert!(!expression(r#"attribute="rack" value="b""#));
}

#[test]
fn combinations_stop_early() {
    let no = r#"<expression id="e" attribute="rack" operation="eq" value="z"/>"#;
    let yes = r#"<expression id="e" attribute="rack" operation="defined"/>"#;
    let soon = r#"<date_expression id="d" operation="lt" end="2020-07-01"/>"#;
    assert!(evaluate("or", &format!("{no}{yes}")).0);
    assert!(!evaluate("or", no).0);
    assert_eq!(evaluate("and", &format!("{no}{soon}")), (false, None, vec![]));
    assert_eq!(evaluate("and", &format!("{yes}{soon}")), (true, Some("2020-07-01 00:00:00Z".to_owned()), vec![]));
    assert!(!evaluate("xor", yes).0);
    let (passes, _, remarks) = evaluate("and", "");
    assert!(passes);
    assert_eq!(remarks, ["Ignoring rule r because it contains no conditions"]);
    assert!(passes_nested());
}

fn passes_nested() -> bool {
    passes(
        r#"<rule id="inner" boolean-op="or"><rsc_expression id="x" class="lsb"/><rsc_expression id="y" class="ocf" type="IPaddr2"/></rule>"#,
    )
}

#[test]
fn resource_and_operation_conditions() {
    assert!(passes(r#"<rsc_expression id="x"/>"#));
    assert!(!passes(r#"<rsc_expression id="x" provider="pacemaker"/>"#));
    assert!(passes(r#"<op_expression id="x" name="monitor" interval="10s"/>"#));
    assert!(!passes(r#"<op_expression id="x" name="monitor" interval="10"/><op_expression id="y" name="start"/>"#));
    assert!(!passes(r#"<op_expression id="x" name="monitor" interval="often"/>"#));
}

#[test]
fn date_expressions() {
    let at = |rest: &str, inside: &str| {
        let (passes, change, _) =
            evaluate("and", &format!(r#"<date_expression id="d" {rest}>{inside}</date_expression>"#));
        (passes, change)
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(at(r#"operation="gt" start="2020-06-15T12:30:00Z""#, ""), (false, some("2020-06-15 12:30:01Z")));
    assert_eq!(at(r#"operation="gt" start="2020-06-15T12:29:59Z""#, ""), (true, None));
    assert_eq!(at(r#"operation="lt" end="2020-06-15T12:30:00Z""#, ""), (false, None));
    assert_eq!(at(r#"start="2020-06-15" end="2020-06-16""#, ""), (true, some("2020-06-16 00:00:01Z")));
    assert_eq!(at(r#"start="2020-07-01""#, ""), (false, some("2020-07-01 00:00:00Z")));
    assert_eq!(at(r#"start="2020-06-01""#, r#"<duration id="u" days="10"/>"#), (false, None));
    assert_eq!(at(r#"start="2020-06-01""#, r#"<duration id="u" months="1"/>"#), (true, some("2020-07-01 00:00:01Z")));
    assert_eq!(at(r#"start="2020-06-01""#, r#"<duration id="u" months="many"/>"#), (false, None));
    assert_eq!(at("", ""), (false, None));
    assert_eq!(at(r#"operation="date_spec""#, r#"<date_spec id="s" hours="9-12" weekdays="1"/>"#), (true, None));
    assert_eq!(at(r#"operation="date_spec""#, r#"<date_spec id="s" weekdays="2-"/>"#), (false, None));
    assert_eq!(
        at(r#"operation="date_spec""#, r#"<date_spec id="s" weeks="25" yeardays="167" weekyears="2020"/>"#),
        (true, None)
    );
    assert_eq!(at(r#"operation="date_spec""#, ""), (false, None));
}

#[test]
fn references_lead_to_one_element_of_the_name() {
    let doc = Document::parse(
        r#"<x><rule id="a"><rule id-ref="b"/></rule><rule id="b"><rule id-ref="a"/></rule>
           <rule id="c"><rule id-ref="d"/></rule><expression id="d" attribute="a" operation="defined"/></x>"#,
    )
    .unwrap();
    let rules = Rules::new(&doc);
    for rule in doc.children_named(doc.root(), "rule") {
        let mut evaluation = Evaluation::default();
        assert!(!rules.evaluate(rule, &Context::at(date(NOW)), &mut evaluation));
        assert_eq!(evaluation.remarks.len(), 1);
    }
}

#[test]
fn sets_of_equal_score_are_taken_last_first() {
    let doc = Document::parse(
        r##"<crm_config>
             <cluster_property_set id="one"><nvpair id="1" name="a" value="1"/><nvpair id="2" name="a" value="2"/></cluster_property_set>
             <cluster_property_set id="two"><nvpair id="3" name="a" value="3"/><nvpair id="4" name="b" value="#DEFAULT"/></cluster_property_set>
             <cluster_property_set id="boot" score="-5"><nvpair id="5" name="c" value="5"/><nvpair id-ref="1"/></cluster_property_set>
             <cluster_property_set id="late" score="INFINITY">
               <rule id="r"><date_expression id="d" operation="gt" start="2030-01-01"/></rule><nvpair id="6" name="c" value="6"/>
             </cluster_property_set>
             <cluster_property_set id="high" score="5"><nvpair id="7" name="b" value="7"/><nvpair id="8" name="c" value="8"/></cluster_property_set>
           </crm_config>"##,
    )
    .unwrap();
    let unpack = |preferred| {
        let mut table = BTreeMap::<&str, &str>::new();
        let mut evaluation = Evaluation::default();
        let context = Context::at(date(NOW));
        Rules::new(&doc).unpack(doc.root(), "cluster_property_set", &context, &mut evaluation, &mut table, preferred);
        assert_eq!(evaluation.next_change.unwrap().to_string(), "2030-01-01 00:00:01Z");
        table
    };
    assert_eq!(unpack(None), [("a", "3"), ("c", "8")].into());
    assert_eq!(unpack(Some("boot")), [("a", "1"), ("c", "5")].into());
}

#[test]
fn checks_look_at_the_only_date_expression() {
    let doc = Document::parse(
        r#"<cib>
             <rule id="range"><expression id="e" attribute="a" operation="defined"/>
               <rule id="inner"><date_expression id="d1" operation="in_range" start="2020-01-01" end="2021-01-01"/></rule></rule>
             <rule id="two"><date_expression id="d2" operation="lt" end="2021-01-01"/><date_expression id="d3" operation="lt" end="2021-01-01"/></rule>
             <rule id="none"><expression id="e2" attribute="a" operation="defined"/></rule>
             <rule id="months"><date_expression id="d4" operation="date_spec"><date_spec id="s4" months="6"/></date_expression></rule>
             <rule id="years"><date_expression id="d5" operation="date_spec"><date_spec id="s5" years="2020" months="6"/></date_expression></rule>
             <rule id="absent"><date_expression id="d6" start="2020-01-01"/></rule>
             <rule id="bad"><date_expression id="d7" operation="gt" start="foo"/></rule>
           </cib>"#,
    )
    .unwrap();
    let check = |id: &str, when: &str| Rules::new(&doc).check(id, date(when), date(when));
    assert_eq!(check("range", "2020-06-15"), Ok(Effect::InEffect));
    assert_eq!(check("inner", "2019-06-15"), Ok(Effect::NotYet));
    assert_eq!(check("range", "2021-06-15"), Ok(Effect::Expired));
    assert_eq!(check("years", "2020-06-15"), Ok(Effect::Satisfied));
    assert_eq!(check("years", "2020-05-15"), Ok(Effect::NotYet));
    assert_eq!(check("years", "2020-07-15"), Ok(Effect::Expired));
    assert_eq!(check("two", "2020-06-15"), Err(CheckError::SeveralDateExpressions));
    assert_eq!(check("none", "2020-06-15"), Err(CheckError::NoDateExpression));
    assert_eq!(check("months", "2020-06-15"), Err(CheckError::Recurring));
    assert_eq!(check("absent", "2020-06-15"), Err(CheckError::Recurring));
    assert_eq!(check("bad", "2020-06-15"), Err(CheckError::Malformed));
    assert_eq!(check("nope", "2020-06-15"), Err(CheckError::NotFound));
}
