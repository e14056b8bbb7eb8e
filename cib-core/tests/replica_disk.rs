//! A replica and its disk: what was acknowledged survives a loss of power at any point, whatever the disk makes of what was
//! not synchronised; a file that goes bad later is told of and replaced by the newest good one.
//!
//! `METRONOME_CRASHES` sets the number of crash points.

mod support;

use core::time::Duration;
use std::collections::BTreeMap;

use cib_core::cib::Version;
use cib_core::patch::digest;
use cib_core::replica::store::{FILE, Finding, SIGNATURE, Step, Stored, stored_form};
use cib_core::replica::{Config, MemberId, Output, Replica, RequestId};
use support::{Random, request};

const NOW: Duration = Duration::from_secs(1);

/// Files by name, with what would be left of them after a loss of power.
#[derive(Clone, Default)]
struct Disk {
    files: Vec<File>,
    names: BTreeMap<String, usize>,
    durable: BTreeMap<String, usize>,
    /// Changes of names since the directory was last synchronised; those of one entry happen together or not at all.
    pending: Vec<Vec<(String, Option<usize>)>>,
    clock: u64,
}

#[derive(Clone, Default)]
struct File {
    content: Vec<u8>,
    /// What was last synchronised; `None` before the first time.
    durable: Option<Vec<u8>>,
    changed: u64,
}

impl Disk {
    fn carry_out(&mut self, step: &Step) {
        self.clock += 1;
        match step {
            Step::Remove(name) => self.name(vec![(name.clone(), None)]),
            Step::Link { from, to } => {
                if let Some(&file) = self.names.get(from) {
                    self.files[file].changed = self.clock;
                    self.name(vec![(to.clone(), Some(file))]);
                }
            }
            Step::Write { name, content } => match self.names.get(name) {
                Some(&file) => self.files[file].content = content.clone().into_bytes(),
                None => {
                    let content = content.clone().into_bytes();
                    self.files.push(File { content, durable: None, changed: self.clock });
                    self.name(vec![(name.clone(), Some(self.files.len() - 1))]);
                }
            },
            Step::Sync(name) => {
                let file = &mut self.files[self.names[name]];
                file.durable = Some(file.content.clone());
            }
            Step::Rename { from, to } => {
                let file = self.names[from];
                self.files[file].changed = self.clock;
                self.name(vec![(to.clone(), Some(file)), (from.clone(), None)]);
            }
            Step::SyncDirectory => {
                self.durable.clone_from(&self.names);
                self.pending.clear();
            }
        }
    }

    fn name(&mut self, changes: Vec<(String, Option<usize>)>) {
        apply(&mut self.names, &changes);
        self.pending.push(changes);
    }

    /// The power fails. Of the changes of names that were not synchronised, any subset is there, in any order; of the
    /// content, what it was, what it should be, a part of it, or a part with a hole.
    fn lose_power(&mut self, random: &mut Random) {
        let mut left = core::mem::take(&mut self.pending);
        match random.below(3) {
            // As on a file system with a journal.
            0 => left.truncate(random.below(left.len() + 1)),
            1 => left.retain(|_| random.chance(50)),
            _ => {
                left.retain(|_| random.chance(70));
                for i in (1..left.len()).rev() {
                    left.swap(i, random.below(i + 1));
                }
            }
        }
        left.iter().for_each(|changes| apply(&mut self.durable, changes));
        self.names.clone_from(&self.durable);
        for file in &mut self.files {
            if file.durable.as_ref() != Some(&file.content) {
                let old = file.durable.take().unwrap_or_default();
                file.content = torn(&old, &file.content, random);
            }
            file.durable = Some(file.content.clone());
        }
    }

    /// A file that was good goes bad: bits flip, the end is lost, or all of it.
    fn damage(&mut self, name: &str, random: &mut Random) {
        let Some(&file) = self.names.get(name) else { return };
        let file = &mut self.files[file];
        let at = random.below(file.content.len());
        match random.below(3) {
            _ if file.content.is_empty() => return,
            0 => file.content[at] ^= 1 << random.below(8),
            1 => file.content.truncate(at),
            _ => file.content.clear(),
        }
        file.durable = Some(file.content.clone());
    }

    fn stored(&self) -> Vec<Stored> {
        let file = |(name, &file): (&String, &usize)| Stored {
            name: name.clone(),
            content: self.files[file].content.clone(),
            changed: self.files[file].changed,
        };
        self.names.iter().map(file).collect()
    }
}

fn apply(names: &mut BTreeMap<String, usize>, changes: &[(String, Option<usize>)]) {
    for (name, file) in changes {
        match file {
            Some(file) => names.insert(name.clone(), *file),
            None => names.remove(name),
        };
    }
}

fn torn(old: &[u8], new: &[u8], random: &mut Random) -> Vec<u8> {
    let (from, to) = (random.below(new.len() + 1), random.below(new.len() + 1));
    match random.below(4) {
        0 => old.to_vec(),
        1 => new.to_vec(),
        2 => new[..to].to_vec(),
        _ => {
            let mut content = new.to_vec();
            content[from.min(to)..from.max(to)].fill(0);
            content
        }
    }
}

/// The part of a version that is on disk.
fn on_disk(version: Version) -> (i32, i32) {
    (version.admin_epoch, version.epoch)
}

/// A member that crashes again and again.
#[derive(Default)]
struct Life {
    disk: Disk,
    /// What was acknowledged last.
    acknowledged: (i32, i32),
    /// Every content that a version had.
    contents: BTreeMap<(i32, i32), Vec<String>>,
}

impl Life {
    /// Starts from what is on disk.
    fn recover(&self) -> (Replica, Vec<Finding>) {
        let (mut replica, findings) = Replica::recover(Config::new(MemberId(1), "n"), &self.disk.stored(), NOW);
        let found = on_disk(replica.cib().version());
        let content = digest::on_disk(&stored_form(replica.cib()));
        if let Some(known) = self.contents.get(&found) {
            assert!(known.contains(&content), "{found:?} has another content");
        }
        replica.handle_peers(NOW, &[MemberId(1)]);
        (replica, findings)
    }

    /// Works until the power is about to fail after so many steps of writing.
    fn work(&mut self, replica: &mut Replica, steps: usize, random: &mut Random) {
        let mut left = steps;
        for next in 0..100 {
            while let Some(output) = replica.poll_output() {
                match output {
                    Output::Persist(step) => {
                        self.disk.carry_out(&step);
                        left -= 1;
                        if left == 0 {
                            return;
                        }
                    }
                    Output::Broadcast(bytes) => {
                        replica.handle_message(NOW, MemberId(1), &bytes).unwrap();
                        let content = digest::on_disk(&stored_form(replica.cib()));
                        self.contents.entry(on_disk(replica.cib().version())).or_default().push(content);
                    }
                    Output::Reply { result: Ok(()), .. } => self.acknowledged = on_disk(replica.cib().version()),
                    _ => {}
                }
            }
            replica.handle_request(NOW, RequestId(next), request(random));
        }
    }
}

#[test]
fn five_thousand_crash_points_recover() {
    let wanted: usize = std::env::var("METRONOME_CRASHES").ok().and_then(|n| n.parse().ok()).unwrap_or(5_000);
    let (mut crashes, mut backups) = (0, 0);
    for seed in 0.. {
        if crashes >= wanted {
            break;
        }
        let mut random = Random::new(seed);
        let mut life = Life::default();
        for _ in 0..12 {
            let (mut replica, findings) = life.recover();
            let (found, acknowledged) = (on_disk(replica.cib().version()), life.acknowledged);
            assert!(found >= acknowledged, "seed {seed}: {acknowledged:?} was acknowledged, {found:?} is left");
            backups += usize::from(findings.iter().any(|f| matches!(f, Finding::Backup { .. })));
            let steps = 1 + random.below(60);
            life.work(&mut replica, steps, &mut random);
            life.disk.lose_power(&mut random);
            crashes += 1;
        }
    }
    println!("{crashes} crash points, {backups} recovered from a backup");
    assert!(backups > wanted / 100, "{backups}");
}

#[test]
fn a_damaged_file_gives_way_to_the_newest_good_one() {
    let (mut recovered, mut empty, mut harmless) = (0, 0, 0);
    for seed in 0..1_000 {
        let mut random = Random::new(seed);
        let mut life = Life::default();
        let (mut replica, _) = life.recover();
        life.work(&mut replica, 200, &mut random);
        let good = life.disk.stored();
        life.disk.damage(random.pick(&[FILE, FILE, SIGNATURE]), &mut random);
        // Backups go bad as well: hard links of the file do so with it.
        let next = random.below(8);
        if random.chance(50) {
            life.disk.damage(&format!("cib-{next}.raw"), &mut random);
        }
        // The good files: what was signed is as it was signed.
        let now = life.disk.stored();
        let intact = |name: &str| {
            let same = |name: &str| {
                let content = |files: &[Stored]| files.iter().find(|f| f.name == name).map(|f| f.content.clone());
                content(&good).is_some_and(|was| content(&now) == Some(was))
            };
            same(name) && same(&format!("{name}.sig"))
        };
        let alone = |name: &str| {
            let only: Vec<Stored> = good.iter().filter(|f| f.name == name).cloned().collect();
            let renamed = only.into_iter().map(|f| Stored { name: FILE.into(), ..f }).collect::<Vec<_>>();
            on_disk(Replica::recover(Config::new(MemberId(1), "n"), &renamed, NOW).0.cib().version())
        };
        let backups = (0..100).map(|n| format!("cib-{n}.raw")).filter(|name| intact(name));
        let best = backups.map(|name| alone(&name)).max();
        let (replica, findings) = life.recover();
        let found = on_disk(replica.cib().version());
        let told = |name: &str| findings.iter().any(|f| matches!(f, Finding::Damaged { name: n, .. } if n == name));
        if !told(FILE) {
            // A flipped bit may change nothing but blanks between elements, or the case of the signature's letters.
            assert_eq!(found, alone(FILE), "seed {seed}");
            assert!(life.contents.contains_key(&found), "seed {seed}: nothing was said");
            harmless += 1;
        } else if let Some(best) = best {
            assert_eq!(found, best, "seed {seed}: not the newest good one, {findings:?}");
            assert!(findings.iter().any(|f| matches!(f, Finding::Backup { version, .. } if on_disk(*version) == best)));
            recovered += 1;
        } else {
            assert!(findings.contains(&Finding::Empty), "seed {seed}: {findings:?}");
            empty += 1;
        }
    }
    println!(
        "1000 damaged files: {recovered} recovered from the newest good one, {empty} without any, {harmless} harmless"
    );
    assert!(recovered > 800);
}
