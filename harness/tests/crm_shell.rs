//! The shell as a program, beyond its corpus: status, shadows, a played status, completion, help, and the checker.

use std::path::Path;
use std::process::{Command, Output};

const CIB: &str = r#"<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.9" admin_epoch="0" epoch="5" num_updates="0" have-quorum="1" dc-uuid="1">
<configuration><crm_config><cluster_property_set id="cib-bootstrap-options"><nvpair id="o1" name="stonith-enabled" value="false"/>
</cluster_property_set></crm_config><nodes><node id="1" uname="n1"/><node id="2" uname="n2"/></nodes>
<resources><primitive id="A" class="ocf" provider="pacemaker" type="Dummy"/></resources><constraints/></configuration>
<status><node_state id="1" uname="n1" in_ccm="true" crmd="online" join="member" expected="member"><lrm id="1"><lrm_resources>
<lrm_resource id="A" class="ocf" provider="pacemaker" type="Dummy"><lrm_rsc_op id="A_last_0" operation_key="A_start_0" operation="start"
 transition-key="1:1:0:11111111-2222-3333-4444-555555555555" transition-magic="0:0;1:1:0:11111111-2222-3333-4444-555555555555" call-id="2" rc-code="0" op-status="0" interval="0"/>
</lrm_resource></lrm_resources></lrm></node_state>
<node_state id="2" uname="n2" in_ccm="true" crmd="online" join="member" expected="member"/></status></cib>"#;

/// A folder with a CIB, and the shell on it.
struct Shell(tempfile::TempDir);

impl Shell {
    fn new() -> Shell {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("cib.xml"), CIB).expect("a file");
        Shell(folder)
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }

    fn metronome(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_metronome"));
        command.args(words).env("CIB_file", self.folder().join("cib.xml")).env("CIB_shadow_dir", self.folder());
        command.env_remove("CIB_shadow").env("TZ", "UTC").env("LC_ALL", "C").output().expect("the program runs")
    }

    /// What lines print, and whether all of them succeeded.
    fn batch(&self, lines: &str) -> (String, bool) {
        let file = self.folder().join("lines");
        std::fs::write(&file, lines).expect("a file");
        let output = self.metronome(&["crm", "-f", file.to_str().expect("a plain path")]);
        (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.success())
    }

    fn out(&self, words: &[&str]) -> String {
        String::from_utf8_lossy(&self.metronome(words).stdout).into_owned()
    }
}

#[test]
fn status_is_that_of_the_monitor() {
    let shell = Shell::new();
    let text = shell.out(&["crm", "status", "noheaders", "bynode"]);
    let expected = "Node List:\n  * Node n1: online:\n    * Resources:\n      * A\t(ocf:pacemaker:Dummy):\t Started\n  \
                    * Node n2: online:\n    * Resources:\n\n";
    assert_eq!(text, expected);
    let text = shell.out(&["crm_mon", "-1", "-r", "-Q"]);
    let expected = "Cluster Summary:\n  * Stack: unknown\n  * Current DC: n1 (version unknown) - partition with quorum\n  \
                    * 2 nodes configured\n  * 1 resource instance configured\n\nNode List:\n  * Online: [ n1 n2 ]\n\n\
                    Full List of Resources:\n  * A\t(ocf:pacemaker:Dummy):\t Started n1\n";
    assert_eq!(text, expected);
    assert_eq!(shell.metronome(&["crm_mon", "--include=nonsense"]).status.code(), Some(64));
}

#[test]
fn changes_are_tried_on_a_shadow() {
    let shell = Shell::new();
    let (text, fine) = shell.batch("cib new try\nconfigure tag t A\ncib diff\nconfigure show t\n");
    assert!(fine, "{text}");
    assert!(text.contains("INFO: cib.new: try shadow CIB created\n"), "{text}");
    assert!(text.contains("++ /cib/configuration:  <tags/>"), "{text}");
    assert!(text.ends_with("tag t A\n"), "{text}");
    assert!(!shell.out(&["crm", "configure", "show"]).contains("tag t"));
    assert!(shell.out(&["crm", "-c", "try", "configure", "show"]).contains("tag t"));
    let (text, fine) = shell.batch("cib commit try\ncib delete try\ncib use try\n");
    assert!(!fine, "the shadow is gone");
    assert!(text.contains("INFO: cib.commit: committed 'try' shadow CIB to the cluster\n"), "{text}");
    assert!(shell.out(&["crm", "configure", "show"]).contains("tag t"));
}

#[test]
fn a_status_is_played_with() {
    let shell = Shell::new();
    let lines = "cibstatus node n1 offline\ncibstatus show changed\nconfigure ptest actions\ncibstatus origin\n";
    let (text, fine) = shell.batch(lines);
    assert!(fine, "{text}");
    assert!(text.contains("node:n1:offline\n"), "{text}");
    assert!(text.lines().any(|line| line.contains("Start") && line.ends_with(" n2 )")), "{text}");
    assert!(text.ends_with("live\n"), "{text}");
    // Nothing of it reaches the CIB.
    assert_eq!(std::fs::read_to_string(shell.folder().join("cib.xml")).expect("a file"), CIB);
}

#[test]
fn the_line_is_completed_and_explained() {
    let shell = Shell::new();
    let complete = |line: &str| shell.out(&["crm", "--compgen", &line.len().to_string(), line]);
    assert_eq!(complete("crm conf"), "configure\n");
    assert_eq!(complete("crm resource stop "), "A\n");
    assert_eq!(complete("crm node standby "), "n1\nn2\n");
    assert!(shell.out(&["crm", "configure", "help", "order"]).contains("\nUsage: order ID "));
}

#[test]
fn the_checker_is_asked_before_a_commit() {
    let shell = Shell::new();
    let (_, fine) = shell.batch("configure property stonith-enabled=true\n");
    assert!(!fine, "no fence device");
    let (text, fine) =
        shell.batch("configure primitive B ocf:pacemaker:Dummy meta target-role=Started\nconfigure show B\n");
    // Without agents on this machine the shell cannot know that there is one.
    if Path::new("/usr/lib/ocf/resource.d/pacemaker/Dummy").is_file() {
        assert!(fine && text.contains("primitive B"), "{text}");
    }
}

#[test]
fn only_a_node_that_is_away_is_deleted() {
    for (here, away) in [(r#"crmd="online""#, r#"crmd="offline""#), (r#"crmd="1767225815""#, r#"crmd="0""#)] {
        let shell = Shell::new();
        let file = shell.folder().join("cib.xml");
        std::fs::write(&file, CIB.replace(r#"crmd="online""#, here)).expect("a file");
        let output = shell.metronome(&["crm", "node", "delete", "n2"]);
        assert!(!output.status.success(), "{here}");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains("according to crm_node, node n2 is still active"), "{text}");
        std::fs::write(&file, CIB.replace(r#"crmd="online""#, away)).expect("a file");
        assert!(shell.metronome(&["crm", "node", "delete", "n2"]).status.success(), "{away}");
        assert!(!std::fs::read_to_string(&file).expect("a file").contains("n2"));
    }
}
