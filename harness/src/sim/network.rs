//! The virtual network: who hears whom, and when.

use super::scenario::NetworkSetting;
use rand::{Rng, RngExt};
use std::collections::BTreeSet;
use std::time::Duration;

/// Index of a node in a simulation.
pub type NodeIx = usize;

/// A network between the nodes of a simulation. Every link is a network of its own; cuts hold for all of them unless
/// they name one.
#[derive(Clone, Debug)]
pub struct Network {
    loss: f64,
    duplicate: f64,
    delay: (Duration, Duration),
    /// This share of datagrams takes up to so much longer.
    spikes: (f64, Duration),
    cuts: BTreeSet<(NodeIx, NodeIx)>,
    link_cuts: BTreeSet<(NodeIx, NodeIx, usize)>,
    /// Datagrams handed over.
    pub sent: u64,
    /// Datagrams that never arrived.
    pub lost: u64,
}

impl Default for Network {
    fn default() -> Self {
        Network {
            loss: 0.0,
            duplicate: 0.0,
            delay: (Duration::from_micros(100), Duration::from_micros(400)),
            spikes: (0.0, Duration::ZERO),
            cuts: BTreeSet::new(),
            link_cuts: BTreeSet::new(),
            sent: 0,
            lost: 0,
        }
    }
}

impl Network {
    /// Changes one property.
    pub fn set(&mut self, setting: NetworkSetting) {
        match setting {
            NetworkSetting::Loss(share) => self.loss = share,
            NetworkSetting::Duplicate(share) => self.duplicate = share,
            NetworkSetting::Delay(from, to) => self.delay = (from, to),
            NetworkSetting::Spikes(share, most) => self.spikes = (share, most),
        }
    }

    /// Datagrams of `from` no longer reach `to`.
    pub fn cut(&mut self, from: NodeIx, to: NodeIx) {
        self.cuts.insert((from, to));
    }

    /// Datagrams of `from` reach `to` again.
    pub fn mend_pair(&mut self, from: NodeIx, to: NodeIx) {
        self.cuts.remove(&(from, to));
    }

    /// As [`Network::cut`], on one link only.
    pub fn cut_link(&mut self, from: NodeIx, to: NodeIx, link: usize) {
        self.link_cuts.insert((from, to, link));
    }

    /// Only nodes of one side hear each other; nodes on no side keep what they have.
    pub fn partition(&mut self, sides: &[Vec<NodeIx>]) {
        for (i, side) in sides.iter().enumerate() {
            for other in sides.iter().skip(i + 1) {
                for (&a, &b) in side.iter().flat_map(|a| other.iter().map(move |b| (a, b))) {
                    self.cut(a, b);
                    self.cut(b, a);
                }
            }
        }
    }

    /// Everybody hears everybody; loss and delay stay.
    pub fn heal(&mut self) {
        self.cuts.clear();
        self.link_cuts.clear();
    }

    /// Everybody hears everybody, without loss or duplicates.
    pub fn mend(&mut self) {
        self.heal();
        self.loss = 0.0;
        self.duplicate = 0.0;
    }

    /// Whether datagrams of `from` can reach `to` over some link.
    pub fn connects(&self, from: NodeIx, to: NodeIx) -> bool {
        from == to || !self.cuts.contains(&(from, to))
    }

    /// The delays after which a datagram arrives: none, one or two.
    pub fn route(&mut self, from: NodeIx, to: NodeIx, link: usize, rng: &mut impl Rng) -> [Option<Duration>; 2] {
        self.sent += 1;
        let cut = self.cuts.contains(&(from, to)) || self.link_cuts.contains(&(from, to, link));
        if cut || (self.loss > 0.0 && rng.random_bool(self.loss)) {
            self.lost += 1;
            return [None, None];
        }
        let twice = self.duplicate > 0.0 && rng.random_bool(self.duplicate);
        let first = Some(self.delay(rng));
        [first, if twice { Some(self.delay(rng)) } else { None }]
    }

    fn delay(&self, rng: &mut impl Rng) -> Duration {
        let between = |(from, to): (Duration, Duration), rng: &mut dyn Rng| {
            let (from, to) = (from.as_nanos() as u64, to.as_nanos() as u64);
            Duration::from_nanos(if from < to { rng.random_range(from..=to) } else { from })
        };
        let usual = between(self.delay, rng);
        let (share, most) = self.spikes;
        if share > 0.0 && rng.random_bool(share) { usual + between((Duration::ZERO, most), rng) } else { usual }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn partitions_cut_both_ways_and_heal() {
        let mut network = Network::default();
        network.partition(&[vec![0, 1], vec![2]]);
        assert!(network.connects(0, 1) && !network.connects(1, 2) && !network.connects(2, 0));
        let mut rng = rand::rngs::ChaCha8Rng::seed_from_u64(1);
        assert_eq!(network.route(0, 2, 0, &mut rng), [None, None]);
        network.heal();
        assert!(network.route(0, 2, 0, &mut rng)[0].is_some());
        assert_eq!((network.sent, network.lost), (2, 1));
    }
}
