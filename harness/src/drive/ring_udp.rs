//! UDP for a ring: `udpu` (one datagram per node) and `udp` (multicast or broadcast), in batches. [TM-6]

use bytes::{Bytes, BytesMut};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmsg, setsockopt,
    sockopt,
};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Datagrams that wait until a batch is sent.
const BATCH: usize = 512;
/// Datagrams to one node that one system call sends as segments of one packet.
const SEGMENTS: usize = 44;
/// Slots per system call that receives; each takes one datagram, or several that travelled as segments.
const SLOTS: usize = 16;
/// Slots that are offered at least.
const FEW: usize = 2;
/// Bytes of a slot.
const SLOT: usize = 65536;
/// What was received is copied out of its slot up to this size instead of giving the slot away.
const SMALL: usize = 4096;
/// What the daemons ask for. [TM-2]
const BUFFER: usize = 16 * 136_192;

/// How the sockets are made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RingSocketOptions {
    /// The own address, with the port that tokens go to.
    pub own: SocketAddr,
    /// The multicast group or broadcast address of `udp`; `None` for `udpu`.
    pub group: Option<SocketAddr>,
    /// Hops that a multicast may travel.
    pub ttl: u8,
    /// `ip_dscp`, 0 to 63.
    pub dscp: u8,
    /// Index of the interface of an IPv6 group.
    pub interface: u32,
}

/// The sockets of one ring member, with batches of what goes out.
pub struct RingSockets {
    /// Multicasts come first: a token must not overtake them. [TM-9.2] step 5
    receivers: Vec<Socket>,
    sender: Option<Socket>,
    queue: Vec<(SocketAddr, Bytes)>,
    /// Whether datagrams to one node are sent as segments; off once the system refused.
    segments: bool,
    slots: Vec<BytesMut>,
    /// How many of them the next look offers: more while they are filled, few while tokens come one by one.
    offered: usize,
    /// Where small datagrams are copied to, many to a block.
    small: BytesMut,
    sent: u64,
    received: u64,
    dropped: u64,
}

fn socket(address: SocketAddr, dscp: u8) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // best effort: limits of the system apply, and neither priority nor class decides correctness
    if setsockopt(&socket, sockopt::RcvBufForce, &BUFFER).is_err() {
        let _ = socket.set_recv_buffer_size(BUFFER);
    }
    let _ = socket.set_send_buffer_size(BUFFER);
    let _ = setsockopt(&socket, sockopt::Priority, &6);
    if dscp != 0 {
        match address {
            SocketAddr::V4(_) => socket.set_tos_v4(u32::from(dscp) << 2)?,
            SocketAddr::V6(_) => socket.set_tclass_v6(u32::from(dscp) << 2)?,
        }
    }
    Ok(socket)
}

fn bound(address: SocketAddr, dscp: u8) -> io::Result<Socket> {
    let socket = socket(address, dscp)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&SockAddr::from(address))?;
    Ok(socket)
}

/// Receives the group's datagrams only: bound to the group itself.
fn group_receiver(group: SocketAddr, options: &RingSocketOptions) -> io::Result<Socket> {
    let address = match group {
        SocketAddr::V6(g) => SocketAddr::V6(SocketAddrV6::new(*g.ip(), g.port(), 0, options.interface)),
        other => other,
    };
    let socket = bound(address, options.dscp)?;
    match (group.ip(), options.own.ip()) {
        (IpAddr::V4(g), IpAddr::V4(own)) if g.is_multicast() => socket.join_multicast_v4(&g, &own)?,
        (IpAddr::V6(g), _) => socket.join_multicast_v6(&g, options.interface)?,
        _ => socket.set_broadcast(true)?,
    }
    Ok(socket)
}

/// Sends multicasts and tokens, from the port below.
fn group_sender(group: SocketAddr, options: &RingSocketOptions) -> io::Result<Socket> {
    let mut from = options.own;
    from.set_port(options.own.port().wrapping_sub(1));
    let socket = bound(from, options.dscp)?;
    match (group.ip(), options.own.ip()) {
        (IpAddr::V4(g), IpAddr::V4(own)) if g.is_multicast() => {
            socket.set_multicast_loop_v4(false)?;
            socket.set_multicast_ttl_v4(u32::from(options.ttl))?;
            socket.set_multicast_if_v4(&own)?;
        }
        (IpAddr::V6(_), _) => {
            socket.set_multicast_loop_v6(false)?;
            socket.set_multicast_hops_v6(u32::from(options.ttl))?;
            socket.set_multicast_if_v6(options.interface)?;
        }
        _ => socket.set_broadcast(true)?,
    }
    Ok(socket)
}

impl RingSockets {
    /// Opens and binds.
    ///
    /// # Errors
    /// Whatever the system refuses.
    pub fn open(options: &RingSocketOptions) -> io::Result<Self> {
        let mut receivers = Vec::new();
        let mut sender = None;
        if let Some(group) = options.group {
            receivers.push(group_receiver(group, options)?);
            sender = Some(group_sender(group, options)?);
        }
        receivers.push(bound(options.own, options.dscp)?);
        for receiver in &receivers {
            // older systems hand every datagram over by itself
            let _ = setsockopt(receiver, sockopt::UdpGroSegment, &true);
        }
        Ok(Self {
            receivers,
            sender,
            queue: Vec::with_capacity(BATCH),
            segments: true,
            slots: vec![BytesMut::new(); SLOTS],
            offered: FEW,
            small: BytesMut::new(),
            sent: 0,
            received: 0,
            dropped: 0,
        })
    }

    /// What to wait on for datagrams.
    pub fn readable(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.receivers.iter().map(AsFd::as_fd)
    }

    /// Datagrams sent, received, and dropped because the system had no room.
    pub fn counts(&self) -> (u64, u64, u64) {
        (self.sent, self.received, self.dropped)
    }

    /// How many bytes the system holds for the one receiver that has the least room.
    pub fn receive_room(&self) -> usize {
        self.receivers.iter().filter_map(|socket| socket.recv_buffer_size().ok()).min().unwrap_or(0)
    }

    /// Puts a datagram into the batch; sends the batch when it is full.
    pub fn queue(&mut self, to: SocketAddr, datagram: Bytes) {
        self.queue.push((to, datagram));
        if self.queue.len() >= BATCH {
            self.flush();
        }
    }

    /// Sends the batch. What the system refuses is lost, as on any network: the protocol recovers. [TM-6.1]
    ///
    /// Datagrams to one node keep their order; those of one length go out as segments of one packet, which the
    /// network (or the receiver's system) takes apart again.
    pub fn flush(&mut self) {
        if self.queue.is_empty() {
            return;
        }
        let Some(socket) = self.sender.as_ref().or(self.receivers.last()) else { return };
        let fd = socket.as_raw_fd();
        let mut queue = std::mem::take(&mut self.queue);
        // stable: one node's datagrams stay in order
        queue.sort_by_key(|(to, _)| *to);
        let mut rest = &queue[..];
        while let Some((to, first)) = rest.first() {
            let run = if self.segments { run_length(rest) } else { 1 };
            let (now, later) = rest.split_at(run);
            let slices: Vec<IoSlice<'_>> = now.iter().map(|(_, d)| IoSlice::new(d)).collect();
            let size = first.len() as u16;
            let segments = [ControlMessage::UdpGsoSegments(&size)];
            let control = if run > 1 { &segments[..] } else { &[] };
            let address = SockaddrStorage::from(*to);
            match sendmsg(fd, &slices, control, MsgFlags::MSG_DONTWAIT, Some(&address)) {
                Ok(_) => self.sent += run as u64,
                Err(nix::Error::EINTR) => continue,
                Err(nix::Error::EIO | nix::Error::EINVAL | nix::Error::EMSGSIZE) if run > 1 => {
                    self.segments = false;
                    continue;
                }
                Err(_) => self.dropped += run as u64,
            }
            rest = later;
        }
        queue.clear();
        self.queue = queue;
    }

    /// Hands over what waits: every multicast first, then one batch of tokens. Returns how often something came.
    ///
    /// # Errors
    /// If a socket cannot be read any more.
    pub fn receive(&mut self, mut hand: impl FnMut(SocketAddr, Bytes)) -> io::Result<usize> {
        let mut total = 0;
        for i in 0..self.receivers.len() {
            let drain = i + 1 < self.receivers.len();
            loop {
                let n = self.receive_batch(i, &mut hand)?;
                total += n;
                if n == 0 || !drain {
                    break;
                }
            }
        }
        Ok(total)
    }

    /// Reads from a receiver as often as slots are offered; returns how many were filled.
    fn receive_batch(&mut self, i: usize, hand: &mut impl FnMut(SocketAddr, Bytes)) -> io::Result<usize> {
        let offered = self.offered;
        for slot in &mut self.slots[..offered] {
            if slot.len() < SLOT {
                *slot = BytesMut::zeroed(SLOT);
            }
        }
        // bytes, segment size, sender
        let mut got: Vec<(usize, usize, SocketAddr)> = Vec::with_capacity(offered);
        {
            let mut slices: Vec<[IoSliceMut<'_>; 1]> =
                self.slots[..offered].iter_mut().map(|slot| [IoSliceMut::new(slot)]).collect();
            let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(offered, Some(nix::cmsg_space!(i32)));
            let fd = self.receivers[i].as_raw_fd();
            match recvmmsg(fd, &mut headers, &mut slices, MsgFlags::MSG_DONTWAIT, None) {
                Ok(results) => {
                    for message in results {
                        let from = message.address.as_ref().and_then(address);
                        let from = from.unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
                        let size = message.cmsgs().ok().and_then(|mut all| {
                            all.find_map(|c| match c {
                                ControlMessageOwned::UdpGroSegments(n) => usize::try_from(n).ok(),
                                _ => None,
                            })
                        });
                        got.push((message.bytes, size.unwrap_or(0), from));
                    }
                }
                // a peer's port was closed when an earlier datagram arrived there: no news about what waits here
                Err(nix::Error::EAGAIN | nix::Error::EINTR | nix::Error::ECONNREFUSED) => {}
                Err(e) => return Err(e.into()),
            }
        }
        self.offered = if got.len() == offered { (2 * offered).min(SLOTS) } else { got.len().clamp(FEW, offered) };
        for (k, &(len, size, from)) in got.iter().enumerate() {
            let mut whole = if len <= SMALL {
                if self.small.capacity() < len {
                    self.small = BytesMut::with_capacity(SLOT);
                }
                self.small.extend_from_slice(&self.slots[k][..len]);
                self.small.split().freeze()
            } else {
                let mut slot = std::mem::take(&mut self.slots[k]);
                slot.truncate(len);
                slot.freeze()
            };
            let size = if size == 0 { len } else { size };
            while whole.len() > size {
                self.received += 1;
                hand(from, whole.split_to(size));
            }
            self.received += 1;
            hand(from, whole);
        }
        Ok(got.len())
    }
}

/// Longest datagram that may be a segment: an Ethernet frame without IP and UDP headers.
fn segment_limit(to: &SocketAddr) -> usize {
    if to.is_ipv4() { 1472 } else { 1452 }
}

/// How many datagrams from the front on go to one node and have one length; the last may be shorter.
fn run_length(queue: &[(SocketAddr, Bytes)]) -> usize {
    let (to, first) = &queue[0];
    if first.len() > segment_limit(to) {
        return 1;
    }
    let mut n = 1;
    while let Some((next, datagram)) = queue.get(n) {
        if next != to || datagram.len() > first.len() || n == SEGMENTS || datagram.is_empty() {
            break;
        }
        n += 1;
        if datagram.len() < first.len() {
            break;
        }
    }
    n
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = storage.as_sockaddr_in() {
        return Some(SocketAddr::V4(SocketAddrV4::from(*v4)));
    }
    storage.as_sockaddr_in6().map(|v6| {
        let v6 = SocketAddrV6::from(*v6);
        let ip: Ipv6Addr = *v6.ip();
        SocketAddr::new(ip.into(), v6.port())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (RingSockets, RingSockets, SocketAddr) {
        let open = |port| {
            let own = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            RingSockets::open(&RingSocketOptions { own, group: None, ttl: 1, dscp: 0, interface: 0 })
        };
        let free = std::net::UdpSocket::bind("127.0.0.1:0").and_then(|s| s.local_addr()).unwrap();
        (open(0).unwrap(), open(free.port()).unwrap(), free)
    }

    #[test]
    fn datagrams_of_every_size_arrive_whole_and_in_order() {
        let (mut a, mut b, to) = pair();
        let sizes = [13, 57, 256, 257, 1455, 2048, 2049, 9000, 60_000];
        for (n, size) in sizes.into_iter().enumerate() {
            a.queue(to, Bytes::from(vec![n as u8; size]));
        }
        a.flush();
        let mut got = Vec::new();
        for _ in 0..100 {
            b.receive(|_, d| got.push(d)).unwrap();
            if got.len() == sizes.len() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let want: Vec<_> = sizes.into_iter().enumerate().map(|(n, s)| Bytes::from(vec![n as u8; s])).collect();
        assert_eq!(got, want);
    }
}
