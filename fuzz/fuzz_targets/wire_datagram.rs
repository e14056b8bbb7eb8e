//! Any bytes as a datagram: decoded or refused, and what is decoded encodes to the bytes it was read from.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use totem_core::wire::Datagram;

fuzz_target!(|data: &[u8]| {
    if let Ok(datagram) = Datagram::decode(Bytes::copy_from_slice(data)) {
        let again = datagram.encode();
        assert_eq!(&again[..], &data[..again.len()]);
    }
});
