//! Round trips of every message in both byte orders, and refusals without harm.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use totem_core::wire::*;

fn node() -> impl Strategy<Value = NodeId> {
    any::<u32>().prop_map(NodeId)
}

fn ring() -> impl Strategy<Value = RingId> {
    (node(), any::<u64>()).prop_map(|(rep, seq)| RingId { rep, seq })
}

fn token() -> impl Strategy<Value = Body> {
    let request = (ring(), any::<u32>()).prop_map(|(ring, seq)| Request { ring, seq });
    (any::<[u32; 6]>(), node(), ring(), vec(request, 0..=MAX_REQUESTS)).prop_map(|(n, aru_addr, ring, requests)| {
        Body::Token(OrfToken {
            seq: n[0],
            token_seq: n[1],
            aru: n[2],
            aru_addr,
            ring,
            backlog: n[3],
            fcc: n[4],
            retrans_flg: n[5],
            requests,
        })
    })
}

fn multicast() -> impl Strategy<Value = Body> {
    (any::<[u32; 4]>(), node(), ring(), 1..=2u8, vec(any::<u8>(), 0..2000)).prop_map(
        |(n, system_from, ring, encapsulated, payload)| {
            Body::Multicast(Multicast {
                encapsulated,
                system_from,
                seq: n[0],
                this_seqno: n[1],
                ring,
                node_id: n[2],
                guarantee: n[3],
                payload: payload.into(),
            })
        },
    )
}

fn commit() -> impl Strategy<Value = Body> {
    let entry = (ring(), any::<[u32; 3]>()).prop_map(|(ring, n)| CommitEntry {
        ring,
        aru: n[0],
        high_delivered: n[1],
        received: n[2],
    });
    (any::<[u32; 3]>(), ring(), vec((node(), entry), 0..=MAX_NODES)).prop_map(|(n, ring, members)| {
        Body::CommitToken(CommitToken { token_seq: n[0], ring, retrans_flg: n[1], memb_index: n[2], members })
    })
}

fn body() -> impl Strategy<Value = Body> {
    let nodes = || vec(node(), 0..=MAX_NODES);
    prop_oneof![
        token(),
        multicast(),
        commit(),
        (node(), ring()).prop_map(|(system_from, ring)| Body::MergeDetect(MergeDetect { system_from, ring })),
        ring().prop_map(|ring| Body::HoldCancel(HoldCancel { ring })),
        (node(), any::<u64>(), nodes(), nodes(), any::<u8>()).prop_map(
            |(system_from, ring_seq, proc, failed, width)| Body::Join(Join {
                width,
                system_from,
                ring_seq,
                proc,
                failed
            })
        ),
    ]
}

fn datagram() -> impl Strategy<Value = Datagram> {
    (body(), node(), any::<u32>(), any::<bool>()).prop_map(|(body, from, target, big)| {
        let mut d = Datagram::new(from, body);
        d.header.target = target;
        d.header.order = if big { ByteOrder::Big } else { ByteOrder::Little };
        d
    })
}

proptest! {
    #[test]
    fn every_message_round_trips(d in datagram()) {
        prop_assert_eq!(Datagram::decode(d.encode()).unwrap(), d);
    }

    #[test]
    fn a_cut_message_is_refused(d in datagram(), cut in 1usize..60) {
        let bytes = d.encode();
        prop_assume!(!matches!(d.body, Body::Multicast(_)));
        // a join without its mark is a join
        let mark = if matches!(&d.body, Body::Join(join) if join.width > 0) { 4 } else { 0 };
        let cut = bytes.len().saturating_sub(cut + mark);
        prop_assert!(Datagram::decode(bytes.slice(..cut)).is_err());
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(mut bytes in vec(any::<u8>(), 0..600), kind in 0u8..7) {
        if bytes.len() > 4 {
            bytes[..4].copy_from_slice(&[0x70, 0xc0, 3, kind]);
        }
        let bytes = Bytes::from(bytes);
        if let Ok(d) = Datagram::decode(bytes.clone()) {
            let again = d.encode();
            prop_assert_eq!(&again[..], &bytes[..again.len()]);
        }
        for order in [ByteOrder::Little, ByteOrder::Big] {
            let _ = Packed::decode(&bytes, order);
            let _ = GroupHeader::decode(&bytes, order);
            let _ = SyncMessage::decode(&bytes, order);
        }
    }

    #[test]
    fn packets_round_trip(pieces in vec(vec(any::<u8>(), 0..200), 1..20), f in any::<u8>(), c in any::<u8>(), big in any::<bool>()) {
        let order = if big { ByteOrder::Big } else { ByteOrder::Little };
        let packed = Packed {
            version: 0,
            kind: 0,
            fragmented: f,
            continuation: c,
            pieces: pieces.into_iter().map(Bytes::from).collect(),
        };
        let bytes = packed.encode(order);
        prop_assert_eq!(Packed::decode(&bytes, order).unwrap(), packed);
        let longer = Bytes::from([&bytes[..], &[0]].concat());
        prop_assert!(Packed::decode(&longer, order).is_err(), "trailing bytes make a packet invalid");
    }
}

#[test]
fn refusals_name_their_reason() {
    let reason = |bytes: &[u8]| Datagram::decode(Bytes::copy_from_slice(bytes)).unwrap_err().to_string();
    assert_eq!(reason(&[0x70, 0xc0, 3]), "Message received is too short...  Ignoring 3.");
    let mut d = [0u8; 13];
    d[..4].copy_from_slice(&[0xfe, 0xfe, 3, 0]);
    assert_eq!(reason(&d), "Message received has bad magic number (probably sent by Corosync 2.3+).. Ignoring");
    d[..4].copy_from_slice(&[0x70, 0xc0, 2, 0]);
    assert_eq!(reason(&d), "Message received has unsupported version 2... Ignoring");
    d[..4].copy_from_slice(&[0xc0, 0x70, 3, 6]);
    assert_eq!(reason(&d), "Message received has wrong type...  ignoring 6.");
    d[..4].copy_from_slice(&[0x70, 0xc0, 3, 0]);
    assert_eq!(reason(&d), "Received orf_token message is too short...  ignoring.");
}
