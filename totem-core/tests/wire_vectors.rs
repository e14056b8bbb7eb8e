//! Every captured packet decodes to the recorded fields and re-encodes to the same bytes.

use bytes::Bytes;
use std::fmt::Write as _;
use std::path::PathBuf;
use totem_core::wire::{
    Body, ByteOrder, Datagram, ENCAPSULATED, Executive, GROUP_SYNC, GroupHeader, Multicast, NodeId, Packed, SyncMessage,
};

fn corpus(part: &str) -> Option<PathBuf> {
    let root = std::env::var_os("METRONOME_CORPUS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus"), PathBuf::from);
    let dir = root.join(part);
    if dir.is_dir() {
        return Some(dir);
    }
    println!("skipped: no corpus at {}", dir.display());
    None
}

fn unhex(text: &str) -> Bytes {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn nodes(list: &[NodeId]) -> String {
    if list.is_empty() {
        return "-".into();
    }
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// The words of one `.fields` line.
fn fields(bytes: &Bytes) -> String {
    let d = Datagram::decode(bytes.clone()).unwrap();
    assert_eq!(d.encode(), bytes, "re-encoding");
    let h = d.header;
    let kind = match &d.body {
        Body::Token(_) => "orf-token",
        Body::Multicast(_) => "mcast",
        Body::MergeDetect(_) => "merge-detect",
        Body::Join(_) => "join",
        Body::CommitToken(_) => "commit-token",
        Body::HoldCancel(_) => "hold-cancel",
    };
    let mut out = format!("type={kind} version=3 encapsulated={} nodeid={}", h.encapsulated, h.nodeid);
    let ring = |r: totem_core::wire::RingId| format!("{}.{}", r.rep.0, r.seq);
    match &d.body {
        Body::Token(t) => {
            let _ = write!(
                out,
                " seq={} token_seq={} aru={} aru_addr={} ring={} backlog={} fcc={} retrans_flg={} rtr_count={}",
                t.seq,
                t.token_seq,
                t.aru,
                t.aru_addr,
                ring(t.ring),
                t.backlog,
                t.fcc,
                t.retrans_flg,
                t.requests.len()
            );
            for q in &t.requests {
                let _ = write!(out, " rtr={}/{}", ring(q.ring), q.seq);
            }
        }
        Body::Multicast(m) => multicast(&mut out, m, h.order),
        Body::MergeDetect(m) => {
            let _ = write!(out, " system_from={} ring={}", m.system_from, ring(m.ring));
        }
        Body::Join(j) => {
            let _ = write!(
                out,
                " system_from={} proc_count={} failed_count={} ring_seq={} proc={} failed={}",
                j.system_from,
                j.proc.len(),
                j.failed.len(),
                j.ring_seq,
                nodes(&j.proc),
                nodes(&j.failed)
            );
        }
        Body::CommitToken(t) => {
            let members: Vec<_> = t.members.iter().map(|m| m.0).collect();
            let _ = write!(
                out,
                " token_seq={} ring={} retrans_flg={} memb_index={} addr_entries={} addr={}",
                t.token_seq,
                ring(t.ring),
                t.retrans_flg,
                t.memb_index,
                t.members.len(),
                nodes(&members)
            );
            for (_, e) in &t.members {
                let _ = write!(
                    out,
                    " entry={}/aru={}/high_delivered={}/received={}",
                    ring(e.ring),
                    e.aru,
                    e.high_delivered,
                    e.received
                );
            }
        }
        Body::HoldCancel(m) => {
            let _ = write!(out, " ring={}", ring(m.ring));
        }
    }
    let _ = write!(out, " len={}", bytes.len());
    out
}

fn multicast(out: &mut String, m: &Multicast, order: ByteOrder) {
    let _ = write!(
        out,
        " system_from={} seq={} this_seqno={} ring={}.{} node_id={} guarantee={}",
        m.system_from, m.seq, m.this_seqno, m.ring.rep, m.ring.seq, m.node_id, m.guarantee
    );
    if m.encapsulated == ENCAPSULATED {
        let _ = write!(out, " INNER[ {} ]", fields(&m.payload));
        return;
    }
    let p = Packed::decode(&m.payload, order).unwrap();
    assert_eq!(p.encode(order), m.payload, "packing layer re-encoding");
    let lens: Vec<_> = p.pieces.iter().map(|b| b.len().to_string()).collect();
    let _ = write!(
        out,
        " pg_version={} pg_type={} fragmented={} continuation={} count={} lens={}",
        p.version,
        p.kind,
        p.fragmented,
        p.continuation,
        p.pieces.len(),
        lens.join(",")
    );
    for (i, piece) in p.pieces.iter().enumerate() {
        if i == 0 && p.continuation != 0 {
            out.push_str(" {continued piece}");
            continue;
        }
        let (groups, data) = GroupHeader::decode(piece, order).unwrap();
        assert_eq!(&groups.encode(order)[..], &piece[..piece.len() - data.len()], "group header re-encoding");
        let executive = Executive::decode(&data, order).unwrap();
        let name = std::str::from_utf8(&groups.groups[0]).unwrap();
        let _ = write!(out, " {{group={name} id=0x{:x} size={}", executive.id, executive.size);
        if groups.contains(GROUP_SYNC) {
            sync(out, &data, order);
        }
        out.push('}');
    }
}

fn sync(out: &mut String, data: &Bytes, order: ByteOrder) {
    let message = SyncMessage::decode(data, order).unwrap();
    let again = message.encode();
    assert_eq!(SyncMessage::decode(&again, ByteOrder::Little).unwrap(), message);
    assert_eq!(again.len(), data.len());
    match message {
        SyncMessage::Barrier(b) => {
            let _ = write!(out, " ring={}.{}", b.ring.rep, b.ring.seq);
        }
        SyncMessage::ServiceBuild(b) => {
            let ids: Vec<_> = b.services.iter().map(ToString::to_string).collect();
            let _ = write!(out, " ring={}.{} services={}", b.ring.rep, b.ring.seq, ids.join(","));
        }
    }
}

#[test]
fn captured_packets() {
    let Some(dir) = corpus("totem") else { return };
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "txt"))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    let mut packets = 0;
    for file in files {
        let hex = std::fs::read_to_string(&file).unwrap();
        let want = std::fs::read_to_string(file.with_extension("fields")).unwrap();
        for (n, (line, want)) in hex.lines().zip(want.lines()).enumerate() {
            let bytes = unhex(line.split_once(' ').unwrap().1);
            assert_eq!(fields(&bytes), want, "{}:{}", file.display(), n + 1);
            packets += 1;
        }
    }
    println!("{packets} packets");
}
