use super::*;
use crate::schema::validate;
use crate::xml::{Limits, Style};

fn document(schema: &str, configuration: &str) -> Document {
    let text = format!(
        r#"<cib validate-with="{schema}" admin_epoch="0" epoch="1" num_updates="0"><configuration>{configuration}</configuration></cib>"#
    );
    Document::parse_with(&text, &Limits::file()).unwrap()
}

fn upgraded(schema: &str, configuration: &str) -> String {
    let mut doc = document(schema, configuration);
    upgrade(&mut doc).unwrap();
    assert_eq!(validate(&doc), Ok(()));
    let configuration = doc.child(doc.root(), "configuration").unwrap();
    let text: String = doc.children(configuration).map(|n| doc.write_node(n, Style::Compact)).collect();
    text
}

#[test]
fn nothing_changes_without_need() {
    let text = "<crm_config/><nodes/><resources/><constraints/>";
    assert_eq!(upgraded("pacemaker-3.0", text), text);
    assert_eq!(upgraded("pacemaker-1.2", text), text);
}

#[test]
fn a_chain_goes_through_both_transformations() {
    let properties = r#"<nvpair id="a" name="stonith_enabled" value="true"/><nvpair id="b" name="crmd-transition-delay" value="1s"/>"#;
    let text = format!(
        r#"<crm_config><cluster_property_set id="o">{properties}</cluster_property_set></crm_config><nodes/><resources/><constraints/>"#
    );
    let expected =
        text.replace("stonith_enabled", "stonith-enabled").replace("crmd-transition-delay", "transition-delay");
    assert_eq!(upgraded("pacemaker-2.3", &text), expected);
}

#[test]
fn the_value_that_counts_stays() {
    let pairs = |list: &[(&str, &str)]| -> String {
        list.iter().enumerate().map(|(i, (n, v))| format!(r#"<nvpair id="p{i}{n}" name="{n}" value="{v}"/>"#)).collect()
    };
    let configuration = |pairs: String| {
        format!(
            r#"<crm_config><cluster_property_set id="o">{pairs}<nvpair id="x" name="remove-after-stop" value="1"/></cluster_property_set></crm_config><nodes/><resources/><constraints/>"#
        )
    };
    let all = [("a", "1"), ("a", "#default"), ("a", "2"), ("a", "3"), ("b", "#default"), ("c", "1"), ("c", "#default")];
    let text = upgraded("pacemaker-3.10", &configuration(pairs(&all)));
    let left: Vec<&str> = text.split("nvpair id=\"").skip(1).map(|p| &p[..3]).collect();
    assert_eq!(left, ["p2a", "p4b", "p6c"]);
}

#[test]
fn errors_say_how_far_it_went() {
    let mut doc = document("pacemaker-3.5", "<nonsense/>");
    let before = doc.write();
    assert_eq!(upgrade(&mut doc), Err(UpgradeError::NeverValid("pacemaker-3.5".into())));
    assert_eq!(doc.write(), before);
    let mut doc = document("pacemaker-0.6", "");
    assert!(matches!(upgrade(&mut doc), Err(UpgradeError::Unknown(_))));
    let mut doc = document("none", "<anything/>");
    assert_eq!(upgrade(&mut doc), Ok(Vec::new()));
}

#[test]
fn references_in_circles_end() {
    let text = r#"<crm_config/><nodes/><resources/><constraints><rsc_location id="l" rsc-pattern="x"><rule id="r" score="1">
        <rule id="s"><rule id-ref="r"/></rule></rule><rule id="t"><rule id-ref="s"/></rule></rsc_location></constraints>"#;
    let mut doc = document("pacemaker-3.10", text);
    let _ = upgrade(&mut doc);
}

#[test]
fn what_moves_from_2_10_and_what_is_lost() {
    // Found with the released 2.1.5 programs.
    let property = r#"<nvpair id="a" name="default-resource-stickiness" value="5"/>"#;
    let rule = r#"<rule id="r" score="1"><expression id="e" attribute="a" operation="defined"/></rule>"#;
    let document = |set: &str, section: &str| {
        upgraded(
            "pacemaker-2.10",
            &format!(
                r#"<crm_config><cluster_property_set id="o">{set}</cluster_property_set></crm_config><nodes/><resources/><constraints/>{section}"#
            ),
        )
    };
    let rest = "<crm_config/><nodes/><resources/><constraints/>";
    let moved = r#"<nvpair id="a" name="resource-stickiness" value="5"/>"#;
    assert_eq!(
        document(property, ""),
        format!(
            r#"{rest}<rsc_defaults><meta_attributes id="_2TO3_-rsc-defaults">{moved}</meta_attributes></rsc_defaults>"#
        )
    );
    assert_eq!(document(property, "<rsc_defaults/>"), format!("{rest}<rsc_defaults/>"));
    assert_eq!(document(&format!("{rule}{property}"), ""), rest);
    let resource = |inner: &str| {
        format!(
            r#"<crm_config/><nodes/><resources><primitive id="A" class="ocf" provider="p" type="D">{inner}</primitive></resources><constraints/>"#
        )
    };
    let meta = r#"<meta_attributes id="m"><nvpair id="m1" name="priority" value="1"/></meta_attributes>"#;
    let operations = r#"<operations><op id="o1" name="start" interval="0" requires="fencing"/><op id="o2" name="promote" interval="0" requires="quorum"/></operations>"#;
    assert_eq!(
        upgraded("pacemaker-2.10", &resource(&format!("{meta}{operations}"))),
        resource(&format!(
            r#"{meta}<operations><op id="o1" name="start" interval="0"/><op id="o2" name="promote" interval="0"/></operations><meta_attributes id="_2TO3_A-meta"><nvpair id="_2TO3_o2-meta-requires" name="requires" value="quorum"/></meta_attributes>"#
        ))
    );
}
