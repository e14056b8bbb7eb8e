//! The document of a large cluster.

use cib_core::xml::{Document, Limits};
use core::fmt::Write;

const NODES: usize = 16;

/// A document as a cluster of 16 nodes with so many resources has it, configuration and status: about 1,750 bytes a resource.
pub fn document(resources: usize) -> String {
    let mut out = String::from(
        "<cib crm_feature_set=\"3.20.5\" validate-with=\"pacemaker-4.0\" admin_epoch=\"0\" epoch=\"42\" num_updates=\"7\" have-quorum=\"1\" dc-uuid=\"1\">\n  <configuration>\n    <crm_config>\n      <cluster_property_set id=\"cib-bootstrap-options\">\n        <nvpair id=\"o1\" name=\"stonith-enabled\" value=\"false\"/>\n      </cluster_property_set>\n    </crm_config>\n    <nodes>\n",
    );
    for n in 1..=NODES {
        let _ = writeln!(out, "      <node id=\"{n}\" uname=\"node{n}\"/>");
    }
    out.push_str("    </nodes>\n    <resources>\n");
    for r in 0..resources {
        let _ = write!(
            out,
            "      <primitive id=\"rsc{r}\" class=\"ocf\" provider=\"heartbeat\" type=\"IPaddr2\">\n        <instance_attributes id=\"rsc{r}-ia\">\n          <nvpair id=\"rsc{r}-ia-ip\" name=\"ip\" value=\"10.{}.{}.{}\"/>\n          <nvpair id=\"rsc{r}-ia-nic\" name=\"nic\" value=\"eth0\"/>\n        </instance_attributes>\n        <meta_attributes id=\"rsc{r}-ma\">\n          <nvpair id=\"rsc{r}-ma-p\" name=\"priority\" value=\"{}\"/>\n        </meta_attributes>\n        <operations>\n          <op id=\"rsc{r}-monitor\" name=\"monitor\" interval=\"10s\" timeout=\"20s\"/>\n        </operations>\n      </primitive>\n",
            r >> 16,
            (r >> 8) & 255,
            r & 255,
            r % 10
        );
    }
    out.push_str("    </resources>\n    <constraints>\n");
    for r in 0..resources {
        let _ = writeln!(
            out,
            "      <rsc_location id=\"loc{r}\" rsc=\"rsc{r}\" node=\"node{}\" score=\"100\"/>",
            r % NODES + 1
        );
    }
    out.push_str("    </constraints>\n  </configuration>\n  <status>\n");
    for n in 1..=NODES {
        let _ = write!(
            out,
            "    <node_state id=\"{n}\" uname=\"node{n}\" in_ccm=\"1700000000\" crmd=\"1700000000\" join=\"member\" expected=\"member\" crm-debug-origin=\"controld_update_resource_history\">\n      <lrm id=\"{n}\">\n        <lrm_resources>\n"
        );
        for r in (0..resources).filter(|r| r % NODES + 1 == n) {
            let _ = writeln!(
                out,
                "          <lrm_resource id=\"rsc{r}\" class=\"ocf\" provider=\"heartbeat\" type=\"IPaddr2\">"
            );
            for (name, interval, rc) in [("start", 0, 0), ("monitor", 10_000, 0)] {
                let _ = writeln!(
                    out,
                    "            <lrm_rsc_op id=\"rsc{r}_{name}_{interval}\" operation_key=\"rsc{r}_{name}_{interval}\" operation=\"{name}\" crm-debug-origin=\"controld_update_resource_history\" crm_feature_set=\"3.20.5\" transition-key=\"{r}:2:0:5b0e5f33-2a76-4b75-a1b2-4ad2f1f3a9d7\" transition-magic=\"0:0;{r}:2:0:5b0e5f33-2a76-4b75-a1b2-4ad2f1f3a9d7\" exit-reason=\"\" on_node=\"node{n}\" call-id=\"{r}\" rc-code=\"{rc}\" op-status=\"0\" interval=\"{interval}\" last-rc-change=\"1700000000\" exec-time=\"21\" queue-time=\"0\" op-digest=\"f2317cad3d54cec5d7d7aa7d0bf35cf8\"/>"
                );
            }
            out.push_str("          </lrm_resource>\n");
        }
        out.push_str("        </lrm_resources>\n      </lrm>\n    </node_state>\n");
    }
    out.push_str("  </status>\n</cib>\n");
    out
}

/// The same document parsed, and a copy in which one attribute in the middle has another value.
///
/// # Panics
/// If there are no resources.
pub fn pair(text: &str, resources: usize) -> (Document, Document) {
    let doc = Document::parse_with(text, &Limits::file()).expect("well-formed");
    let mut changed = doc.clone();
    let n = changed.find_id(changed.root(), &format!("rsc{}-ma-p", resources / 2)).expect("in the middle");
    changed.set_attr(n, "value", "99");
    (doc, changed)
}
