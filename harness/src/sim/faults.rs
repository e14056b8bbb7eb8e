//! Random faults: a plan of events drawn from a seed. A plan is a list like any scenario's, so a failing run can be shrunk by leaving
//! events out and running again.

use super::scenario::{AgentFault, At, Between, DiskFault, Event, NetworkSetting, Stretch};
use rand::rngs::ChaCha8Rng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};
use std::time::Duration;

/// Which faults may happen, and how often each is drawn against the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// When faults begin: the cluster has had time to start.
    pub from: Duration,
    /// When the last fault begins.
    pub until: Duration,
    /// How many faults are drawn, at most.
    pub most: u32,
    /// Power off and, later, on.
    pub crash: u32,
    /// Power off for all nodes at once.
    pub blackout: u32,
    /// Standing still past the token timeout.
    pub pause: u32,
    /// Two or three sides that do not hear each other.
    pub partition: u32,
    /// One direction between two nodes.
    pub cut: u32,
    /// Loss, delay, duplicates.
    pub network: u32,
    /// Agents that fail, hang or are slow.
    pub agent: u32,
    /// Services that die.
    pub kill: u32,
    /// Clean stop and start of the cluster software.
    pub restart: u32,
    /// Operators: standby, moves, changes of options, maintenance.
    pub operator: u32,
    /// Cluster software that is gone without a word, on a machine that goes on.
    pub die: u32,
    /// One link that goes up and down.
    pub flap: u32,
    /// One of several redundant links that fails, flaps, loses or is slow; drawn only where there are several.
    pub link: u32,
    /// Clocks that jump, calendars that are off.
    pub clock: u32,
    /// Disks that are full or slow.
    pub disk: u32,
    /// Power switches that fail.
    pub switch: u32,
    /// Highest loss that is drawn, in percent.
    pub loss_percent: u32,
    /// Loss from the first second to the end, besides what is drawn.
    pub lossy: bool,
}

impl Faults {
    /// The standard mix.
    pub fn standard() -> Self {
        Faults {
            from: Duration::from_secs(40),
            until: Duration::from_secs(240),
            most: 8,
            crash: 4,
            blackout: 1,
            pause: 2,
            partition: 3,
            cut: 2,
            network: 3,
            agent: 3,
            kill: 3,
            restart: 2,
            operator: 3,
            die: 2,
            flap: 1,
            link: 6,
            clock: 1,
            disk: 2,
            switch: 1,
            loss_percent: 20,
            lossy: false,
        }
    }

    /// Loss up to 20 % from the first second on, and one crash.
    pub fn loss_and_one_crash() -> Self {
        let none = Faults {
            crash: 1,
            blackout: 0,
            pause: 0,
            partition: 0,
            cut: 0,
            network: 0,
            agent: 0,
            kill: 0,
            restart: 0,
            operator: 0,
            die: 0,
            flap: 0,
            link: 0,
            clock: 0,
            disk: 0,
            switch: 0,
            lossy: true,
            ..Self::standard()
        };
        Faults { most: 1, until: Duration::from_secs(60), ..none }
    }

    /// Draws a plan for these nodes with so many redundant links, resources and fence devices. Everything is healed at the end, by
    /// a last `heal`, `boot`s and `agents well`.
    pub fn plan(
        &self,
        seed: u64,
        nodes: &[String],
        links: u8,
        resources: &[String],
        switches: &[String],
    ) -> Vec<At<Event>> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x0fa1_7500_0000_0000);
        let mut plan = Plan { rng: &mut rng, nodes, links, resources, switches, events: Vec::new() };
        if self.lossy {
            let loss = plan.loss(self);
            plan.push(Duration::ZERO, Event::Network(NetworkSetting::Loss(loss), None));
        }
        let count = plan.rng.random_range(1..=self.most.max(1));
        for _ in 0..count {
            let span = (self.until - self.from).as_millis() as u64;
            let at = self.from + Duration::from_millis(plan.rng.random_range(0..=span));
            plan.draw(self, at);
        }
        // Loss from the first second on lasts until what the crash did is over.
        let end = self.until + Duration::from_secs(if self.lossy { 120 } else { 60 });
        plan.push(end, Event::Heal);
        plan.push(end, Event::Network(NetworkSetting::Loss(0.0), None));
        plan.push(end, Event::Network(NetworkSetting::Duplicate(0.0), None));
        plan.push(end, Event::AgentsWell);
        plan.push(end, Event::Crm("configure property maintenance-mode=false".to_owned()));
        for name in nodes {
            plan.push(end, Event::Disk(name.clone(), DiskFault::Well));
            plan.push(end, Event::Online(name.clone()));
            plan.push(end + Duration::from_secs(1), Event::Boot(name.clone()));
        }
        let mut events = plan.events;
        events.sort_by_key(|e| e.time);
        events
    }
}

struct Plan<'a, R: Rng> {
    rng: &'a mut R,
    nodes: &'a [String],
    links: u8,
    resources: &'a [String],
    switches: &'a [String],
    events: Vec<At<Event>>,
}

impl<R: Rng> Plan<'_, R> {
    fn push(&mut self, time: Duration, what: Event) {
        self.events.push(At { time, what, line: 0 });
    }

    fn node(&mut self) -> String {
        self.nodes.choose(self.rng).cloned().unwrap_or_default()
    }

    fn later(&mut self, at: Duration, from_s: u64, to_s: u64) -> Duration {
        at + Duration::from_millis(self.rng.random_range(from_s * 1000..=to_s * 1000))
    }

    fn loss(&mut self, faults: &Faults) -> f64 {
        f64::from(self.rng.random_range(1..=faults.loss_percent.max(1))) / 100.0
    }

    fn draw(&mut self, faults: &Faults, at: Duration) {
        let weights = [
            faults.crash,
            faults.pause,
            faults.partition,
            faults.cut,
            faults.network,
            faults.agent,
            faults.kill,
            faults.restart,
            faults.operator,
            faults.blackout,
            faults.die,
            faults.flap,
            faults.clock,
            faults.disk,
            faults.switch,
            // Where there is one link, what is drawn is as if this kind did not exist.
            if self.links > 1 { faults.link } else { 0 },
        ];
        let total: u32 = weights.iter().sum();
        let mut pick = self.rng.random_range(0..total.max(1));
        let kind = weights.iter().position(|&w| {
            let hit = pick < w;
            pick = pick.saturating_sub(w);
            hit
        });
        match kind.unwrap_or(0) {
            0 => self.down_and_up(at, Event::Crash, (5, 60)),
            1 => {
                let node = self.node();
                let span = Duration::from_millis(self.rng.random_range(200..15_000));
                self.push(at, Event::Pause(node, span));
            }
            2 => self.partition(at),
            3 => self.cut(at),
            4 => self.weather(faults, at),
            5 => self.agent(at),
            6 => {
                let node = self.node();
                if let Some(resource) = self.resources.choose(self.rng).cloned() {
                    self.push(at, Event::Kill(resource, node));
                }
            }
            7 => self.down_and_up(at, Event::Stop, (10, 60)),
            8 => self.operator(at),
            9 => {
                for node in self.nodes {
                    self.push(at, Event::Crash(node.clone()));
                    let back = self.later(at, 5, 30);
                    self.push(back, Event::Boot(node.clone()));
                }
            }
            10 => self.down_and_up(at, Event::Die, (1, 20)),
            11 => self.flap(at),
            12 => self.clock(at),
            13 => self.disk(at),
            14 => self.switch(at),
            _ => self.link(faults, at),
        }
    }

    fn down_and_up(&mut self, at: Duration, down: fn(String) -> Event, seconds: (u64, u64)) {
        let node = self.node();
        self.push(at, down(node.clone()));
        let back = self.later(at, seconds.0, seconds.1);
        self.push(back, Event::Boot(node));
    }

    fn pair(&mut self) -> Option<(String, String)> {
        let (a, b) = (self.node(), self.node());
        (a != b).then_some((a, b))
    }

    fn cut(&mut self, at: Duration) {
        let Some((a, b)) = self.pair() else { return };
        let both = self.rng.random_bool(0.3);
        self.fail(at, Stretch::pair(a, b, both), 30);
    }

    /// A stretch of the network fails for so many seconds at most.
    fn fail(&mut self, at: Duration, stretch: Stretch, most: u64) {
        self.push(at, Event::Cut(stretch.clone()));
        let back = self.later(at, 1, most);
        self.push(back, Event::Mend(stretch));
    }

    fn flap(&mut self, at: Duration) {
        let Some((a, b)) = self.pair() else { return };
        let both = self.rng.random_bool(0.7);
        self.up_and_down(at, &Stretch::pair(a, b, both));
    }

    fn up_and_down(&mut self, at: Duration, stretch: &Stretch) {
        let mut time = at;
        for _ in 0..self.rng.random_range(3..=12) {
            self.push(time, Event::Cut(stretch.clone()));
            time += Duration::from_millis(self.rng.random_range(50..3000));
            self.push(time, Event::Mend(stretch.clone()));
            time += Duration::from_millis(self.rng.random_range(50..3000));
        }
    }

    /// One of several links: between two nodes, of one node or everywhere.
    fn link(&mut self, faults: &Faults, at: Duration) {
        let link = self.rng.random_range(0..self.links);
        match self.rng.random_range(0..8) {
            0..=2 => {
                let stretch = self.stretch().on(link);
                self.fail(at, stretch, 60);
            }
            3..=5 => {
                let stretch = self.stretch().on(link);
                self.up_and_down(at, &stretch);
            }
            6 => {
                let loss = self.loss(faults);
                self.push(at, Event::Network(NetworkSetting::Loss(loss), Some(link)));
                let back = self.later(at, 5, 60);
                self.push(back, Event::Network(NetworkSetting::Loss(0.0), Some(link)));
            }
            _ => {
                let most = Duration::from_millis(self.rng.random_range(5..1500));
                let share = f64::from(self.rng.random_range(1..=50)) / 100.0;
                self.push(at, Event::Network(NetworkSetting::Spikes(share, most), Some(link)));
                let back = self.later(at, 5, 60);
                self.push(back, Event::Network(NetworkSetting::Spikes(0.0, Duration::ZERO), Some(link)));
            }
        }
    }

    fn stretch(&mut self) -> Stretch {
        match self.rng.random_range(0..10) {
            0..=4 => {
                let both = self.rng.random_bool(0.6);
                self.pair().map_or(Between::All.into(), |(a, b)| Stretch::pair(a, b, both))
            }
            5..=7 => Between::Node(self.node()).into(),
            _ => Between::All.into(),
        }
    }

    fn clock(&mut self, at: Duration) {
        let node = self.node();
        if self.rng.random_bool(0.6) {
            let span = Duration::from_millis(self.rng.random_range(100..20_000));
            self.push(at, Event::Jump(node, span));
        } else {
            let off = self.rng.random_range(-7200..=7200);
            self.push(at, Event::Calendar(node.clone(), off));
            self.push(at, Event::Stop(node.clone()));
            let back = self.later(at, 20, 60);
            self.push(back, Event::Boot(node));
        }
    }

    fn disk(&mut self, at: Duration) {
        let node = self.node();
        let back = self.later(at, 5, 60);
        if self.rng.random_bool(0.3) {
            self.push(at, Event::Disk(node.clone(), DiskFault::Full));
            self.push(back, Event::Disk(node.clone(), DiskFault::Well));
            self.push(back, Event::Boot(node));
        } else {
            let slow = Duration::from_millis(self.rng.random_range(1..400));
            self.push(at, Event::Disk(node.clone(), DiskFault::Slow(slow)));
            self.push(back, Event::Disk(node, DiskFault::Well));
        }
    }

    /// The next runs of fence agents fail or hang, wherever they run.
    fn switch(&mut self, at: Duration) {
        let Some(resource) = self.switches.choose(self.rng).cloned() else { return };
        let action = ["reboot", "off"].choose(self.rng).map(|a| (*a).to_owned());
        let fault = if self.rng.random_bool(0.6) { AgentFault::Fails(1) } else { AgentFault::Hangs };
        let times = Some(self.rng.random_range(1..=12));
        self.push(at, Event::Agent { resource, action, fault, node: None, times });
    }

    fn operator(&mut self, at: Duration) {
        let node = self.node();
        let back = self.later(at, 5, 40);
        let resource = self.resources.choose(self.rng).cloned();
        match (self.rng.random_range(0..5), resource) {
            (0, Some(resource)) => {
                self.push(at, Event::Crm(format!("resource move {resource} {node}")));
                self.push(back, Event::Crm(format!("resource clear {resource}")));
            }
            (1, _) => {
                let limit = self.rng.random_range(0..=3);
                self.push(at, Event::Crm(format!("configure property batch-limit={limit}")));
            }
            (2, Some(resource)) => self.push(at, Event::Crm(format!("resource cleanup {resource}"))),
            (3, _) => {
                self.push(at, Event::Crm("configure property maintenance-mode=true".to_owned()));
                self.push(back, Event::Crm("configure property maintenance-mode=false".to_owned()));
            }
            _ => {
                self.push(at, Event::Standby(node.clone()));
                self.push(back, Event::Online(node));
            }
        }
    }

    fn partition(&mut self, at: Duration) {
        let sides = if self.nodes.len() > 3 { self.rng.random_range(2..=3) } else { 2 };
        let mut parts = vec![Vec::new(); sides];
        for node in self.nodes {
            parts[self.rng.random_range(0..sides)].push(node.clone());
        }
        parts.retain(|p| !p.is_empty());
        if parts.len() > 1 {
            self.push(at, Event::Partition(parts));
            let back = self.later(at, 2, 60);
            self.push(back, Event::Heal);
        }
    }

    fn weather(&mut self, faults: &Faults, at: Duration) {
        let back = self.later(at, 5, 60);
        match self.rng.random_range(0..4) {
            3 => {
                let most = Duration::from_millis(self.rng.random_range(5..1500));
                let share = f64::from(self.rng.random_range(1..=10)) / 100.0;
                self.push(at, Event::Network(NetworkSetting::Spikes(share, most), None));
                self.push(back, Event::Network(NetworkSetting::Spikes(0.0, Duration::ZERO), None));
            }
            0 => {
                let loss = self.loss(faults);
                self.push(at, Event::Network(NetworkSetting::Loss(loss), None));
                self.push(back, Event::Network(NetworkSetting::Loss(0.0), None));
            }
            1 => {
                self.push(at, Event::Network(NetworkSetting::Duplicate(0.1), None));
                self.push(back, Event::Network(NetworkSetting::Duplicate(0.0), None));
            }
            _ => {
                let slow = Duration::from_millis(self.rng.random_range(1..40));
                self.push(at, Event::Network(NetworkSetting::Delay(Duration::from_micros(100), slow), None));
                let usual = NetworkSetting::Delay(Duration::from_micros(100), Duration::from_micros(400));
                self.push(back, Event::Network(usual, None));
            }
        }
    }

    fn agent(&mut self, at: Duration) {
        let Some(resource) = self.resources.choose(self.rng).cloned() else { return };
        let action = ["start", "stop", "monitor"].choose(self.rng).map(|a| (*a).to_owned());
        let fault = match self.rng.random_range(0..5) {
            0 => AgentFault::Fails(1),
            1 => AgentFault::Fails(7),
            2 => AgentFault::Hangs,
            // A stop that lies could not be told from one that worked: no cluster survives it.
            3 if action.as_deref() != Some("stop") => AgentFault::Lies,
            _ => AgentFault::Slow(Duration::from_secs(self.rng.random_range(1..30))),
        };
        let node = if self.rng.random_bool(0.5) { Some(self.node()) } else { None };
        let times = Some(self.rng.random_range(1..=3));
        self.push(at, Event::Agent { resource, action, fault, node, times });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_plan_and_all_is_healed_at_the_end() {
        let nodes: Vec<String> = ["a", "b", "c"].map(str::to_owned).into();
        let resources = vec!["ip".to_owned()];
        let faults = Faults::standard();
        assert_eq!(faults.plan(7, &nodes, 1, &resources, &[]), faults.plan(7, &nodes, 1, &resources, &[]));
        for seed in 0..200 {
            for links in [0, 3] {
                let plan = faults.plan(seed, &nodes, links, &resources, &[]);
                let last_cut = plan.iter().rposition(|e| matches!(e.what, Event::Cut(..) | Event::Partition(_)));
                let last_heal = plan.iter().rposition(|e| e.what == Event::Heal);
                assert!(last_cut < last_heal);
            }
        }
    }

    #[test]
    fn single_links_fail_only_where_there_are_several() {
        let nodes: Vec<String> = ["a", "b", "c"].map(str::to_owned).into();
        let faults = Faults::standard();
        let of_one_link = |links: u8| {
            let plans = (0..100).flat_map(|seed| faults.plan(seed, &nodes, links, &[], &[]));
            let link = |event: Event| match event {
                Event::Cut(Stretch { link, .. }) | Event::Mend(Stretch { link, .. }) | Event::Network(_, link) => link,
                _ => None,
            };
            plans.filter_map(|e| link(e.what)).collect::<std::collections::BTreeSet<u8>>()
        };
        assert!(of_one_link(0).is_empty() && of_one_link(1).is_empty());
        assert_eq!(of_one_link(2), [0, 1].into());
        assert_eq!(faults.plan(5, &nodes, 0, &[], &[]), faults.plan(5, &nodes, 1, &[], &[]));
    }
}
