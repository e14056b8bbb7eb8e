//! UDP for a ring: `udpu` (one datagram per node) and `udp` (multicast or broadcast), in batches. [TM-6]

use bytes::{Bytes, BytesMut};
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Datagrams per system call.
const BATCH: usize = 64;
/// Datagrams up to this size are received in place; longer ones (large joins, large frames) are put together.
const SLOT: usize = 2048;
/// Longest datagram beyond its first [`SLOT`] bytes.
const OVERFLOW: usize = 65536 - SLOT;
/// Datagrams up to this size are copied out of their slot instead of giving it away.
const SMALL: usize = 256;
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
    slots: Vec<BytesMut>,
    overflow: Vec<Vec<u8>>,
    sent: u64,
    received: u64,
    dropped: u64,
}

fn socket(address: SocketAddr, dscp: u8) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // best effort: limits of the system apply, and neither priority nor class decides correctness
    let _ = socket.set_recv_buffer_size(BUFFER);
    let _ = socket.set_send_buffer_size(BUFFER);
    let _ = nix::sys::socket::setsockopt(&socket, nix::sys::socket::sockopt::Priority, &6);
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
        Ok(Self {
            receivers,
            sender,
            queue: Vec::with_capacity(BATCH),
            slots: vec![BytesMut::new(); BATCH],
            overflow: vec![vec![0; OVERFLOW]; BATCH],
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

    /// Puts a datagram into the batch; sends the batch when it is full.
    pub fn queue(&mut self, to: SocketAddr, datagram: Bytes) {
        self.queue.push((to, datagram));
        if self.queue.len() >= BATCH {
            self.flush();
        }
    }

    /// Sends the batch. What the system refuses is lost, as on any network: the protocol recovers. [TM-6.1]
    pub fn flush(&mut self) {
        let Some(socket) = self.sender.as_ref().or(self.receivers.last()) else { return };
        let fd = socket.as_raw_fd();
        let mut from = 0;
        while from < self.queue.len() {
            let batch = &self.queue[from..(from + BATCH).min(self.queue.len())];
            let slices: Vec<[IoSlice<'_>; 1]> = batch.iter().map(|(_, d)| [IoSlice::new(d)]).collect();
            let addresses: Vec<_> = batch.iter().map(|(to, _)| Some(SockaddrStorage::from(*to))).collect();
            let mut headers = MultiHeaders::preallocate(batch.len(), None);
            match sendmmsg(fd, &mut headers, &slices, &addresses, [], MsgFlags::MSG_DONTWAIT) {
                Ok(results) => {
                    let n = results.count().max(1);
                    self.sent += n as u64;
                    from += n;
                }
                Err(nix::Error::EINTR) => {}
                Err(_) => {
                    self.dropped += 1;
                    from += 1;
                }
            }
        }
        self.queue.clear();
    }

    /// Hands over what waits: every multicast first, then one batch of tokens. Returns how many datagrams came.
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
                if n < BATCH || !drain {
                    break;
                }
            }
        }
        self.received += total as u64;
        Ok(total)
    }

    fn receive_batch(&mut self, i: usize, hand: &mut impl FnMut(SocketAddr, Bytes)) -> io::Result<usize> {
        for slot in &mut self.slots {
            if slot.len() < SLOT {
                *slot = BytesMut::zeroed(SLOT);
            }
        }
        let mut got: Vec<(usize, SocketAddr)> = Vec::with_capacity(BATCH);
        {
            let mut slices: Vec<[IoSliceMut<'_>; 2]> = self
                .slots
                .iter_mut()
                .zip(&mut self.overflow)
                .map(|(slot, rest)| [IoSliceMut::new(slot), IoSliceMut::new(rest)])
                .collect();
            let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, None);
            let fd = self.receivers[i].as_raw_fd();
            match recvmmsg(fd, &mut headers, &mut slices, MsgFlags::MSG_DONTWAIT, None) {
                Ok(results) => {
                    for message in results {
                        let from = message.address.as_ref().and_then(address);
                        got.push((message.bytes, from.unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))));
                    }
                }
                // a peer's port was closed when an earlier datagram arrived there: no news about what waits here
                Err(nix::Error::EAGAIN | nix::Error::EINTR | nix::Error::ECONNREFUSED) => {}
                Err(e) => return Err(e.into()),
            }
        }
        for (k, &(len, from)) in got.iter().enumerate() {
            let datagram = if len <= SMALL {
                Bytes::copy_from_slice(&self.slots[k][..len])
            } else if len <= SLOT {
                let mut slot = std::mem::take(&mut self.slots[k]);
                slot.truncate(len);
                slot.freeze()
            } else {
                let mut whole = BytesMut::with_capacity(len);
                whole.extend_from_slice(&self.slots[k]);
                whole.extend_from_slice(&self.overflow[k][..len - SLOT]);
                whole.freeze()
            };
            hand(from, datagram);
        }
        Ok(got.len())
    }
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
