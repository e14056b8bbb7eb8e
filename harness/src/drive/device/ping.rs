//! Which addresses answer an ICMP echo request.

use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

/// Marks own requests beside their sequence number.
const MARK: &[u8; 8] = b"metronom";

/// A socket for echo requests: a raw one with privileges, else the kind that the system may allow to everybody.
fn socket(v6: bool) -> io::Result<(Socket, bool)> {
    let (domain, protocol) = if v6 { (Domain::IPV6, Protocol::ICMPV6) } else { (Domain::IPV4, Protocol::ICMPV4) };
    match Socket::new(domain, Type::RAW, Some(protocol)) {
        Ok(socket) => Ok((socket, true)),
        Err(_) => Ok((Socket::new(domain, Type::DGRAM, Some(protocol))?, false)),
    }
}

fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes.chunks(2).map(|c| u32::from(c[0]) << 8 | c.get(1).copied().map_or(0, u32::from)).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// An echo request; the system fills in the checksum of ICMPv6 itself.
fn request(v6: bool, id: u16) -> Vec<u8> {
    let mut out = vec![if v6 { 128 } else { 8 }, 0, 0, 0];
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(&[0, 1]);
    out.extend_from_slice(MARK);
    if !v6 {
        let sum = checksum(&out);
        out[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    out
}

/// Whether a packet answers the request; raw IPv4 sockets show the IP header too.
fn answers(packet: &[u8], v6: bool, raw: bool, id: u16) -> bool {
    let header = if raw && !v6 { packet.first().map_or(0, |b| usize::from(b & 15) * 4) } else { 0 };
    if raw && !v6 && header < 20 {
        return false;
    }
    let Some(icmp) = packet.get(header..) else { return false };
    let kind = if v6 { 129 } else { 0 };
    // The system chooses the id of sockets that are not raw.
    let ours = !raw || icmp.get(4..6) == Some(&id.to_be_bytes()[..]);
    icmp.first() == Some(&kind) && ours && icmp.get(8..16) == Some(MARK)
}

/// Asks all addresses at once and waits for their answers, at most so long.
///
/// # Errors
/// If the system has no socket for this.
pub(super) fn ask(targets: &[IpAddr], patience: Duration) -> io::Result<Vec<IpAddr>> {
    let end = Instant::now() + patience;
    let mut answered = Vec::new();
    let id = std::process::id() as u16;
    for v6 in [false, true] {
        let mut open: Vec<IpAddr> = targets.iter().copied().filter(|t| t.is_ipv6() == v6).collect();
        if open.is_empty() {
            continue;
        }
        let (mut socket, raw) = socket(v6)?;
        for target in &open {
            // An address without a route simply does not answer.
            let _ = socket.send_to(&request(v6, id), &SocketAddr::new(*target, 0).into());
        }
        let mut buffer = [0; 2048];
        while !open.is_empty() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            socket.set_read_timeout(Some(left.min(Duration::from_millis(100))))?;
            let from = socket.peek_sender().ok().and_then(|from| from.as_socket()).map(|from| from.ip());
            let Ok(len) = socket.read(&mut buffer) else { continue };
            if answers(&buffer[..len], v6, raw, id)
                && let Some(from) = from
            {
                answered.extend(open.iter().copied().filter(|t| *t == from));
                open.retain(|t| *t != from);
            }
        }
    }
    Ok(answered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_carry_a_checksum_and_answers_are_known() {
        let request = request(false, 7);
        assert_eq!(checksum(&request), 0);
        let mut reply = request.clone();
        reply[0] = 0;
        assert!(answers(&reply, false, false, 9) && answers(&[&[0x45; 20][..], &reply].concat(), false, true, 7));
        assert!(!answers(&reply, false, true, 7) && !answers(&request, false, false, 7));
        assert!(!answers(&[], false, true, 7) && !answers(&[0x4f; 3], true, true, 7));
    }

    #[test]
    fn the_own_host_answers_where_the_system_lets_ask() {
        let here: IpAddr = "127.0.0.1".parse().unwrap();
        match ask(&[here], Duration::from_secs(2)) {
            Ok(answered) => assert_eq!(answered, [here]),
            Err(error) => println!("skipped: no ICMP socket here: {error}"),
        }
    }
}
