//! How much fits into a packet, and how much a path carries [LK-11].

use std::net::IpAddr;

use super::packet::PING_LEN;

/// Most probes of one search.
const ATTEMPTS: u32 = 30;
/// Largest packet that is tried.
pub(super) const LARGEST: u32 = 65535;

/// Bytes that protection and headers take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Overhead {
    salt: u32,
    hash: u32,
    block: u32,
}

impl Overhead {
    /// Bytes in front, behind, and the block to which a packet is filled up (0 for none).
    pub(super) fn new(salt: u32, hash: u32, block: u32) -> Self {
        Overhead { salt, hash, block }
    }

    /// Payload bytes that fit into `room` bytes of a UDP datagram.
    pub(super) fn data(self, room: u32) -> u32 {
        let inside = room.saturating_sub(self.salt + self.hash);
        let header = PING_LEN as u32;
        match inside.checked_rem(self.block) {
            None => inside.saturating_sub(header),
            Some(rest) => (inside - rest).saturating_sub(1 + header),
        }
    }

    /// Bytes on the wire of `clear` bytes.
    fn wire(self, clear: u32) -> u32 {
        let padding = clear.checked_rem(self.block).map_or(0, |rest| self.block - rest);
        self.salt + self.hash + clear + padding
    }

    /// The smallest data MTU that any link may have.
    pub(super) fn minimum(self) -> u32 {
        // The IPv6 header and the largest header that a transport ever had.
        self.data(576 - 40 - 28)
    }

    /// What a link has before anything was discovered.
    pub(super) fn initial(self, address: IpAddr) -> u32 {
        self.data(if address.is_ipv4() { 576 - 28 } else { 1280 - 48 })
    }
}

/// Bytes of the IP and UDP headers.
pub(super) fn path_overhead(address: IpAddr) -> u32 {
    if address.is_ipv4() { 28 } else { 48 }
}

/// What a search wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A probe of `clear` bytes that says it is `size` bytes as an IP packet.
    Probe { size: u32, clear: u32 },
    /// Found: the link's data MTU.
    Found(u32),
    /// Given up.
    Failed,
}

/// One search on one link.
#[derive(Clone, Debug)]
pub(super) struct Search {
    overhead: Overhead,
    path: u32,
    good: u32,
    bad: u32,
    current: u32,
    largest: u32,
    attempts: u32,
}

impl Search {
    /// A search that begins with the largest packet that the interface takes; a ping is known to pass.
    pub(super) fn begin(overhead: Overhead, address: IpAddr, largest: u32) -> (Search, Step) {
        let path = path_overhead(address);
        let good = overhead.wire(PING_LEN as u32) + path;
        let mut search = Search { overhead, path, good, bad: 0, current: largest, largest, attempts: 0 };
        let step = search.probe();
        (search, step)
    }

    /// Size of the probe that is on its way.
    pub(super) fn size(&self) -> u32 {
        self.current
    }

    fn probe(&mut self) -> Step {
        if self.attempts >= ATTEMPTS {
            return Step::Failed;
        }
        self.attempts += 1;
        let clear = self.overhead.data(self.current.saturating_sub(self.path)) + PING_LEN as u32;
        self.current = self.overhead.wire(clear) + self.path;
        Step::Probe { size: self.current, clear }
    }

    fn halve(&mut self) -> Step {
        self.current = u32::midpoint(self.good, self.bad);
        self.probe()
    }

    /// The system refused to send it; it may have said how much it would.
    pub(super) fn refused(&mut self, system_mtu: Option<u32>) -> Step {
        match system_mtu {
            Some(mtu) => {
                self.bad = mtu + 1;
                self.current = mtu;
                self.probe()
            }
            None => self.unanswered(),
        }
    }

    /// Nobody answered, or with another size.
    pub(super) fn unanswered(&mut self) -> Step {
        self.bad = self.current;
        self.halve()
    }

    /// The same probe again, with more patience.
    pub(super) fn again(&mut self) -> Step {
        self.probe()
    }

    /// The probe arrived.
    pub(super) fn answered(&mut self) -> Step {
        let (current, bad, block, largest) = (self.current, self.bad, self.overhead.block, self.largest);
        let found = if block == 0 {
            current == largest || bad == current + 1 || bad == self.good
        } else {
            current + block >= largest || (bad != 0 && bad <= current + block)
        };
        if found {
            return Step::Found(self.overhead.data(current - self.path));
        }
        self.good = current;
        if self.bad == 0 {
            // Nothing failed yet, so nothing larger is known to fail: try the largest.
            self.bad = largest;
        }
        self.halve()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Cipher, Crypto, Hash};
    use crate::link::{Guard, Protection};
    use bytes::Bytes;

    const CLEAR: Overhead = Overhead { salt: 0, hash: 0, block: 0 };

    fn overhead(cipher: Cipher, hash: Hash) -> Overhead {
        let protection = Protection::new(Crypto { cipher, hash }, Bytes::from(vec![1; 128])).unwrap();
        Guard::from(protection).overhead()
    }

    /// The table of [LK-11.2]: data on 1500 bytes, initial, minimum.
    #[test]
    fn what_fits() {
        let ip: IpAddr = "10.0.0.1".parse().unwrap();
        let row = |o: Overhead| (o.data(1472), o.initial(ip), o.minimum());
        assert_eq!(row(CLEAR), (1446, 522, 482));
        assert_eq!(row(overhead(Cipher::None, Hash::Sha256)), (1414, 490, 450));
        assert_eq!(row(overhead(Cipher::None, Hash::Sha512)), (1382, 458, 418));
        assert_eq!(row(overhead(Cipher::Aes128, Hash::Md5)), (1413, 485, 437));
        assert_eq!(row(overhead(Cipher::Aes192, Hash::Sha1)), (1397, 485, 437));
        assert_eq!(row(overhead(Cipher::Aes256, Hash::Sha256)), (1397, 469, 421));
        assert_eq!(row(overhead(Cipher::Aes256, Hash::Sha384)), (1381, 453, 405));
        assert_eq!(row(overhead(Cipher::Aes256, Hash::Sha512)), (1365, 437, 389));
    }

    /// Sizes tried on an interface of 1500 whose path drops everything above `limit`.
    fn search(overhead: Overhead, limit: u32) -> (Vec<u32>, u32) {
        let ip: IpAddr = "10.0.0.1".parse().unwrap();
        let (mut search, mut step) = Search::begin(overhead, ip, LARGEST);
        let mut sizes = Vec::new();
        loop {
            match step {
                Step::Probe { size, .. } => {
                    sizes.push(size);
                    step = if size > 1500 {
                        search.refused(Some(1500))
                    } else if size > limit {
                        search.unanswered()
                    } else {
                        search.answered()
                    };
                }
                Step::Found(mtu) => return (sizes, mtu),
                Step::Failed => panic!("{sizes:?}"),
            }
        }
    }

    #[test]
    fn the_search_takes_the_steps_of_the_original() {
        let clear = CLEAR;
        assert_eq!(search(clear, 1500), (vec![65535, 1500], 1446));
        let black_hole = [65535, 1500, 777, 1138, 1319, 1228, 1183, 1205, 1194, 1199, 1202, 1200, 1201, 1200];
        assert_eq!(search(clear, 1200), (black_hole.to_vec(), 1146));
        let crypt = overhead(Cipher::Aes256, Hash::Sha256);
        let sizes = vec![65532, 1500, 796, 1148, 1324, 1228, 1180, 1196, 1212, 1196];
        assert_eq!(search(crypt, 1200), (sizes, 1093));
    }
}
