//! Whole-cluster cases that need more than a scenario file can say.

use harness::sim::scenario::{Condition, Event};
use harness::sim::{Builder, Simulation};
use std::time::Duration;

const CRM: &str =
    "primitive ip ocf:heartbeat:IPaddr2 params ip=10.0.0.9 op monitor interval=10s\nproperty stonith-enabled=false\n";

const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn trio(seed: u64) -> Builder {
    Simulation::builder(seed).nodes(&["n1", "n2", "n3"]).totem("token", "1000").configure(CRM)
}

fn is_dc(simulation: &Simulation, name: &str) -> bool {
    simulation.holds(&Condition::Dc(name.to_owned()))
}

/// A stored copy of this version, in which the resource has this address.
fn copy(version: (u32, u32, u32), address: &str) -> String {
    let mut doc = Builder::cib(&CRM.replace("10.0.0.9", address)).expect("valid text");
    let root = doc.root();
    for (name, value) in [("admin_epoch", version.0), ("epoch", version.1), ("num_updates", version.2)] {
        doc.set_attr(root, name, &value.to_string());
    }
    doc.write()
}

/// [CT-12.7] E3: the highest version wins, whoever coordinates.
#[test]
fn the_newest_stored_copy_is_everybodys() {
    for seed in 0..10 {
        let mut simulation = trio(seed)
            .stored_cib("n1", &copy((0, 5, 3), "10.0.0.1"))
            .stored_cib("n2", &copy((0, 7, 1), "10.0.0.2"))
            .stored_cib("n3", &copy((0, 7, 0), "10.0.0.3"))
            .build()
            .expect("a valid description");
        simulation.run_until(seconds(60));
        assert_eq!(simulation.violations(), []);
        for name in ["n1", "n2", "n3"] {
            let node = simulation.node(name).expect("it runs");
            let (admin, epoch, _) = node.cib_version();
            assert!((admin, epoch) >= (0, 7), "seed {seed}: {name} has {admin}.{epoch}");
            assert!(node.cib().write().contains("value=\"10.0.0.2\""), "seed {seed}: {name}");
        }
    }
}

/// [CT-12.7] E1: the oldest coordinates; when it comes back it is younger, and nothing changes.
#[test]
fn who_comes_back_does_not_coordinate() {
    for seed in 0..10 {
        let mut simulation = trio(seed).build().expect("a valid description");
        simulation.run_until(seconds(40));
        let first = ["n1", "n2", "n3"].into_iter().find(|n| is_dc(&simulation, n)).expect("one coordinates");
        let mut simulation = trio(seed)
            .at(seconds(40), Event::Crash(first.to_owned()))
            .at(seconds(60), Event::Boot(first.to_owned()))
            .build()
            .expect("a valid description");
        simulation.run_until(seconds(59));
        let second = ["n1", "n2", "n3"].into_iter().find(|n| is_dc(&simulation, n)).expect("one coordinates");
        assert_ne!(first, second);
        simulation.run_until(seconds(120));
        assert!(is_dc(&simulation, second), "seed {seed}");
        assert_eq!(simulation.unsettled(), None, "seed {seed}");
    }
}

/// [CT-12.7] E2: the lowest feature set coordinates; who has one below the coordinator's cannot come later.
#[test]
fn feature_sets_decide_who_coordinates_and_who_may_come() {
    let mut simulation = trio(1)
        .feature_set("n1", "3.20.5")
        .feature_set("n2", "3.19.0")
        .feature_set("n3", "3.18.0")
        .at(seconds(0), Event::Crash("n3".to_owned()))
        .at(seconds(50), Event::Boot("n3".to_owned()))
        .build()
        .expect("a valid description");
    simulation.run_until(seconds(49));
    assert!(is_dc(&simulation, "n2"));
    simulation.run_until(seconds(120));
    assert!(simulation.node("n3").is_none(), "{}", simulation.status_text());
    assert!(is_dc(&simulation, "n2"));
}
