//! Documents that nobody would write: scheduling them must neither panic nor hang.

use cib_core::xml::{Document, NodeIx};
use policy_core::model::{Model, Wants};
use policy_core::report::{self, Display, Report};
use policy_core::{Options, graph, schedule, simulate};
use std::path::Path;

/// A generator of numbers that is the same everywhere.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

const SAMPLE: &str = r##"<cib validate-with="pacemaker-4.0" have-quorum="1" dc-uuid="1" execution-date="1700000000">
  <configuration>
    <crm_config><cluster_property_set id="o">
      <nvpair id="o1" name="fencing-enabled" value="true"/><nvpair id="o2" name="placement-strategy" value="balanced"/>
      <nvpair id="o3" name="shutdown-lock" value="true"/>
    </cluster_property_set></crm_config>
    <nodes>
      <node id="1" uname="a"><utilization id="u1"><nvpair id="u2" name="cpu" value="4"/></utilization></node>
      <node id="2" uname="b"/><node id="3" uname="c" type="remote"/>
    </nodes>
    <resources>
      <primitive id="f" class="stonith" type="fence_dummy"/>
      <primitive id="c" class="ocf" provider="pacemaker" type="remote"/>
      <primitive id="vm" class="ocf" provider="heartbeat" type="VirtualDomain">
        <meta_attributes id="vm-m"><nvpair id="vm-n" name="remote-node" value="guest"/>
          <nvpair id="vm-a" name="allow-migrate" value="true"/></meta_attributes>
        <utilization id="vm-u"><nvpair id="vm-c" name="cpu" value="2"/></utilization>
      </primitive>
      <template id="t" class="ocf" provider="pacemaker" type="Dummy"/>
      <group id="g"><primitive id="g1" template="t"/><primitive id="g2" class="ocf" provider="pacemaker" type="Dummy">
        <operations><op id="g2-m" name="monitor" interval="10s" on-fail="block"/></operations></primitive></group>
      <clone id="ms"><meta_attributes id="ms-m"><nvpair id="ms-p" name="promotable" value="true"/>
        <nvpair id="ms-n" name="notify" value="true"/><nvpair id="ms-i" name="interleave" value="true"/></meta_attributes>
        <primitive id="s" class="ocf" provider="pacemaker" type="Stateful"/></clone>
      <bundle id="bun"><podman image="x" replicas="2" promoted-max="1"/><network ip-range-start="10.0.0.1"/>
        <primitive id="in" class="ocf" provider="pacemaker" type="Stateful"/></bundle>
    </resources>
    <constraints>
      <rsc_location id="l1" rsc="g" node="a" score="100"/>
      <rsc_location id="l2" rsc-pattern="^g" resource-discovery="exclusive"><rule id="l2r" score="INFINITY">
        <expression id="l2e" attribute="#uname" operation="eq" value="a"/></rule></rsc_location>
      <rsc_colocation id="c1" rsc="g" with-rsc="ms" with-rsc-role="Promoted" score="INFINITY"/>
      <rsc_colocation id="c2" rsc="vm" with-rsc="bun" score="-INFINITY"/>
      <rsc_order id="o1" first="ms" then="g" first-action="promote" then-action="start"/>
      <rsc_order id="o2"><resource_set id="s1" require-all="false" sequential="false"><resource_ref id="vm"/><resource_ref id="g"/>
        </resource_set><resource_set id="s2"><resource_ref id="bun"/></resource_set></rsc_order>
      <rsc_ticket id="t1" rsc="ms" ticket="T" loss-policy="fence"/>
    </constraints>
    <tags><tag id="tag"><obj_ref id="g"/></tag></tags>
  </configuration>
  <status>
    <node_state id="1" uname="a" in_ccm="true" crmd="online" join="member" expected="member">
      <lrm id="1"><lrm_resources>
        <lrm_resource id="vm" class="ocf" provider="heartbeat" type="VirtualDomain">
          <lrm_rsc_op id="vm_last_0" operation="migrate_to" operation_key="vm_migrate_to_0" migrate_source="a" migrate_target="b"
            transition-key="1:1:0:x" transition-magic="0:0;1:1:0:x" call-id="7" rc-code="0" op-status="0" interval="0"/>
        </lrm_resource>
        <lrm_resource id="s" class="ocf" provider="pacemaker" type="Stateful">
          <lrm_rsc_op id="s_last_failure_0" operation="monitor" operation_key="s_monitor_10000" transition-key="2:1:8:x"
            transition-magic="0:9;2:1:8:x" call-id="9" rc-code="9" op-status="0" interval="10000" last-rc-change="1699999000"/>
        </lrm_resource>
        <lrm_resource id="gone" class="ocf" provider="pacemaker" type="remote" container="vm">
          <lrm_rsc_op id="gone_last_0" operation="start" operation_key="gone_start_0" transition-key="3:1:0:x"
            transition-magic="0:0;3:1:0:x" call-id="3" rc-code="0" op-status="0" interval="0"/>
        </lrm_resource>
      </lrm_resources></lrm>
    </node_state>
    <node_state id="2" uname="b" in_ccm="false" crmd="offline" join="member" expected="member"/>
  </status>
</cib>"##;

/// Values that have been trouble somewhere.
const VALUES: [&str; 24] = [
    "",
    "0",
    "-1",
    "INFINITY",
    "-INFINITY",
    "true",
    "false",
    "1",
    "99999999999999999999",
    "2147483647",
    "-2147483648",
    "a",
    "g",
    "ms",
    "vm",
    "bun",
    "start",
    "stop",
    "Promoted",
    "Stopped",
    "P0Y",
    "1:2:3:4",
    "x:0",
    "9223372036854775807",
];

/// Everything that is done with a document.
fn exercise(text: &str) {
    let Ok(mut cib) = Document::parse(text) else { return };
    let wants = Wants { scores: true, utilization: true, trace: true, location_only: false };
    let options = Options { wants, clock: 1_700_000_000, ..Options::default() };
    let Ok(mut made) = schedule(&cib, &options) else { return };
    let _ = made.graph.write();
    let _ = graph::dot(&made.model, graph::DotOptions { all_actions: true, verbose: true });
    let _ = report::svg(&made.graph);
    let mut report = Report::new();
    for at in 0..made.model.top.len() {
        let _ = report::explain(&made.model, made.model.top[at]);
    }
    report::scores(&made.model, &mut report);
    report::changes::summary(&mut made.model, &mut report);
    let mut copy = simulate::Copy::new(&mut cib, 1_700_000_000, false);
    simulate::execute(&mut copy, &made.model, &made.graph, &[], &mut report);
    if let Ok(mut after) = Model::read(&cib, &options) {
        let display = Display { attributes: true, failcounts: true, ..Display::current() };
        report::status(&mut after, &cib, display, "Status", &mut report);
    }
}

/// Changes one thing: a value, an element's place, an element's presence.
fn mutate(doc: &mut Document, numbers: &mut Numbers) {
    let all: Vec<NodeIx> = doc.descendants(doc.root()).collect();
    if all.is_empty() {
        return;
    }
    let n = all[numbers.below(all.len())];
    match numbers.below(8) {
        0 => doc.remove(n),
        1 => {
            if let Some(parent) = doc.parent(n) {
                doc.duplicate(parent, None, n);
            }
        }
        2 => {
            let other = all[numbers.below(all.len())];
            let name = doc.name(other).to_owned();
            doc.rename(n, &name);
        }
        _ => {
            let names: Vec<String> = doc.attrs(n).map(|(name, _)| name.to_owned()).collect();
            if names.is_empty() {
                return;
            }
            let name = &names[numbers.below(names.len())];
            let other = all[numbers.below(all.len())];
            let foreign = doc.id(other).map(str::to_owned);
            let value = match foreign {
                Some(id) if numbers.below(2) == 0 => id,
                _ => VALUES[numbers.below(VALUES.len())].to_owned(),
            };
            doc.set_attr(n, name, &value);
        }
    }
}

fn shake(text: &str, seed: u64, rounds: usize) {
    let mut numbers = Numbers(seed | 1);
    for _ in 0..rounds {
        let Ok(mut doc) = Document::parse(text) else { return };
        for _ in 0..=numbers.below(6) {
            mutate(&mut doc, &mut numbers);
        }
        let changed = doc.write();
        let outcome = std::panic::catch_unwind(|| exercise(&changed));
        assert!(outcome.is_ok(), "scheduling this panics:\n{changed}");
    }
}

#[test]
fn the_sample_is_scheduled() {
    exercise(SAMPLE);
    let cib = Document::parse(SAMPLE).unwrap();
    let made = schedule(&cib, &Options::default()).unwrap();
    assert!(!made.graph.synapses.is_empty());
    assert!(made.explain("vm").unwrap().starts_with("vm: "));
}

#[test]
fn mutated_samples_do_not_panic() {
    shake(SAMPLE, 0x5eed, 400);
}

#[test]
fn absurd_numbers_of_instances_are_refused() {
    let text = r#"<cib><configuration><nodes><node id="1" uname="a"/></nodes><resources><clone id="c"><meta_attributes id="m">
        <nvpair id="n" name="clone-max" value="2147483647"/></meta_attributes><primitive id="p" class="ocf" provider="x" type="y"/>
        </clone></resources></configuration><status/></cib>"#;
    let cib = Document::parse(text).unwrap();
    let model = Model::read(&cib, &Options::at(0)).unwrap();
    assert!(model.top.is_empty());
    assert!(model.messages.iter().any(|m| m.text.contains("too many instances")));
}

/// Every case of the corpus, changed a little. `METRONOME_ROUNDS` says how often.
#[test]
fn mutated_corpus_does_not_panic() {
    let corpus = std::env::var("METRONOME_CORPUS").unwrap_or_else(|_| "../../shared/corpus".to_owned());
    let folder = Path::new(&corpus).join("scheduler/xml");
    let Ok(files) = std::fs::read_dir(&folder) else {
        println!("skipped: no corpus at {}", folder.display());
        return;
    };
    let rounds = std::env::var("METRONOME_ROUNDS").ok().and_then(|r| r.parse().ok()).unwrap_or(1);
    let mut files: Vec<_> = files.flatten().map(|f| f.path()).collect();
    files.sort();
    for (at, file) in files.iter().enumerate() {
        if let Ok(text) = std::fs::read_to_string(file) {
            shake(&text, at as u64 * 7919 + 1, rounds);
        }
    }
}
