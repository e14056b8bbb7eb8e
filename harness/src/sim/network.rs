//! The virtual network: who hears whom, and when.

use super::scenario::NetworkSetting;
use rand::{Rng, RngExt};
use std::collections::BTreeMap;
use std::time::Duration;

/// Index of a node in a simulation.
pub type NodeIx = usize;

/// Most links that two nodes have between them. [LK-2]
pub(super) const MAX_LINKS: usize = 8;

/// How one link carries datagrams.
#[derive(Clone, Copy, Debug)]
struct Weather {
    loss: f64,
    duplicate: f64,
    delay: (Duration, Duration),
    /// This share of datagrams takes up to so much longer.
    spikes: (f64, Duration),
}

impl Default for Weather {
    fn default() -> Self {
        Weather {
            loss: 0.0,
            duplicate: 0.0,
            delay: (Duration::from_micros(100), Duration::from_micros(400)),
            spikes: (0.0, Duration::ZERO),
        }
    }
}

/// Links as bits.
type Links = u8;

/// A network between the nodes of a simulation. Every link is a network of its own: it has its own cuts, loss and delay.
#[derive(Clone, Debug)]
pub struct Network {
    /// By link.
    weather: Vec<Weather>,
    /// Links on which datagrams of one node do not reach another; never zero.
    cuts: BTreeMap<(NodeIx, NodeIx), Links>,
    /// Datagrams handed over.
    pub sent: u64,
    /// Datagrams that never arrived.
    pub lost: u64,
}

impl Default for Network {
    fn default() -> Self {
        Network::new(1)
    }
}

impl Network {
    /// A network of so many links, from 1 to 8, on which everybody hears everybody.
    pub fn new(links: usize) -> Self {
        assert!((1..=MAX_LINKS).contains(&links), "{links} links");
        Network { weather: vec![Weather::default(); links], cuts: BTreeMap::new(), sent: 0, lost: 0 }
    }

    /// How many links there are.
    pub fn links(&self) -> usize {
        self.weather.len()
    }

    /// One link, or all.
    fn bits(&self, link: Option<u8>) -> Links {
        let all = Links::MAX >> (MAX_LINKS - self.links());
        link.map_or(all, |link| 1u8.checked_shl(link.into()).unwrap_or(0) & all)
    }

    /// Changes one property of a link, or of all.
    pub fn set(&mut self, setting: NetworkSetting, link: Option<u8>) {
        for (i, weather) in self.weather.iter_mut().enumerate() {
            if link.is_some_and(|link| usize::from(link) != i) {
                continue;
            }
            match setting {
                NetworkSetting::Loss(share) => weather.loss = share,
                NetworkSetting::Duplicate(share) => weather.duplicate = share,
                NetworkSetting::Delay(from, to) => weather.delay = (from, to),
                NetworkSetting::Spikes(share, most) => weather.spikes = (share, most),
            }
        }
    }

    /// Datagrams of `from` no longer reach `to`, on one link or on all.
    pub fn cut(&mut self, from: NodeIx, to: NodeIx, link: Option<u8>) {
        let bits = self.bits(link);
        if bits != 0 {
            *self.cuts.entry((from, to)).or_default() |= bits;
        }
    }

    /// Datagrams of `from` reach `to` again, on one link or on all.
    pub fn mend_pair(&mut self, from: NodeIx, to: NodeIx, link: Option<u8>) {
        let bits = self.bits(link);
        if let Some(cut) = self.cuts.get_mut(&(from, to)) {
            *cut &= !bits;
            if *cut == 0 {
                self.cuts.remove(&(from, to));
            }
        }
    }

    /// Only nodes of one side hear each other; nodes on no side keep what they have.
    pub fn partition(&mut self, sides: &[Vec<NodeIx>]) {
        for (i, side) in sides.iter().enumerate() {
            for other in sides.iter().skip(i + 1) {
                for (&a, &b) in side.iter().flat_map(|a| other.iter().map(move |b| (a, b))) {
                    self.cut(a, b, None);
                    self.cut(b, a, None);
                }
            }
        }
    }

    /// Everybody hears everybody; loss and delay stay.
    pub fn heal(&mut self) {
        self.cuts.clear();
    }

    /// Everybody hears everybody, without loss or duplicates.
    pub fn mend(&mut self) {
        self.heal();
        self.set(NetworkSetting::Loss(0.0), None);
        self.set(NetworkSetting::Duplicate(0.0), None);
    }

    /// Whether datagrams of `from` can reach `to` over some link.
    pub fn connects(&self, from: NodeIx, to: NodeIx) -> bool {
        from == to || self.cuts.get(&(from, to)).is_none_or(|cut| *cut != self.bits(None))
    }

    /// The delays after which a datagram arrives: none, one or two.
    pub fn route(&mut self, from: NodeIx, to: NodeIx, link: usize, rng: &mut impl Rng) -> [Option<Duration>; 2] {
        self.sent += 1;
        let cut = self.cuts.get(&(from, to)).is_some_and(|cut| cut >> link & 1 == 1);
        let weather = self.weather.get(link).filter(|_| !cut);
        let Some(weather) = weather.filter(|w| !(w.loss > 0.0 && rng.random_bool(w.loss))) else {
            self.lost += 1;
            return [None, None];
        };
        let twice = weather.duplicate > 0.0 && rng.random_bool(weather.duplicate);
        let first = Some(weather.delay(rng));
        [first, if twice { Some(weather.delay(rng)) } else { None }]
    }
}

impl Weather {
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
    #[test]
    fn a_link_is_cut_and_mended_alone_and_with_the_others() {
        let mut network = Network::new(2);
        let mut rng = rand::rngs::ChaCha8Rng::seed_from_u64(1);
        let mut passes = |network: &mut Network| [0, 1].map(|link| network.route(0, 1, link, &mut rng)[0].is_some());
        network.cut(0, 1, Some(1));
        assert_eq!((passes(&mut network), network.connects(0, 1)), ([true, false], true));
        network.cut(0, 1, Some(0));
        assert_eq!((passes(&mut network), network.connects(0, 1)), ([false, false], false));
        network.mend_pair(0, 1, None);
        network.cut(0, 1, None);
        network.mend_pair(0, 1, Some(0));
        assert_eq!((passes(&mut network), network.connects(0, 1)), ([true, false], true));
        network.mend();
        network.set(NetworkSetting::Loss(1.0), Some(0));
        assert_eq!(passes(&mut network), [false, true]);
        network.mend();
        assert_eq!(passes(&mut network), [true, true]);
        // There is no third link.
        network.cut(0, 1, Some(2));
        assert!(network.cuts.is_empty());
    }
}
