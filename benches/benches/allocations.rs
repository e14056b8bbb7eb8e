//! Allocations of rings in memory in their steady state: how many for each message at each member, and how many bytes.

use benches::ring::Rings;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const MESSAGES: u64 = 4000;

/// Orders `messages` messages, sent round robin, at all members.
fn order(rings: &mut Rings, members: u64, payload: &[u8], messages: u64) {
    let target = rings.delivered() + messages * members;
    for n in 0..messages {
        while !rings.send((n % members) as usize, payload) {
            rings.step();
        }
    }
    rings.until_delivered(target);
}

fn main() {
    println!("{:>8} {:>8} {:>24} {:>16}", "members", "bytes", "allocations/message", "bytes/message");
    for members in [3u64, 16] {
        for size in [64usize, 1300, 40_000] {
            let payload = vec![7u8; size];
            let mut rings = Rings::formed(members as usize);
            // queues grow to their size first
            order(&mut rings, members, &payload, MESSAGES);
            let region = Region::new(ALLOCATOR);
            order(&mut rings, members, &payload, MESSAGES);
            let change = region.change();
            let calls = (change.allocations + change.reallocations) as f64;
            let each = (MESSAGES * members) as f64;
            let bytes = change.bytes_allocated as f64;
            println!("{members:>8} {size:>8} {:>24.3} {:>16.1}", calls / each, bytes / each);
        }
    }
}
