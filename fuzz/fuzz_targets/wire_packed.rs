//! Any bytes as a packing-layer packet and as what is inside one.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use totem_core::wire::{ByteOrder, Executive, GroupHeader, Packed, SyncMessage};

fuzz_target!(|data: &[u8]| {
    let bytes = Bytes::copy_from_slice(data);
    for order in [ByteOrder::Little, ByteOrder::Big] {
        if let Ok(packed) = Packed::decode(&bytes, order) {
            assert_eq!(packed.encode(order), bytes);
        }
        if let Ok((header, rest)) = GroupHeader::decode(&bytes, order) {
            assert_eq!(&header.encode(order)[..], &data[..data.len() - rest.len()]);
        }
        let _ = Executive::decode(data, order);
        let _ = SyncMessage::decode(data, order);
    }
});
