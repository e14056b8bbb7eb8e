//! The link layer against packets of real daemons.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;
use totem_core::config::{Cipher, Crypto, Hash};
use totem_core::link::{Body, Packet, Protection};

fn corpus() -> Option<PathBuf> {
    let root = std::env::var_os("METRONOME_CORPUS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus"), PathBuf::from);
    let folder = root.join("knet");
    if !folder.is_dir() {
        println!("skipped: no corpus at {}", folder.display());
        return None;
    }
    Some(folder)
}

fn unhex(text: &str) -> Bytes {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect::<Vec<_>>().into()
}

fn lines(folder: &std::path::Path, name: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap();
    text.lines().map(|line| line.split(' ').map(str::to_owned).collect()).collect()
}

#[test]
fn clear_packets_of_real_daemons_reencode() {
    let Some(folder) = corpus() else { return };
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for name in ["plain", "two-links", "restart", "mtu-blackhole", "compressed"] {
        for words in lines(&folder, name) {
            let bytes = unhex(&words[1]);
            let packet = Packet::decode(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(packet.encode(), bytes, "{name}");
            let kind = match packet.body {
                Body::Ping(_) => "ping",
                Body::Pong(_) => "pong",
                Body::Probe { .. } => "pmtud",
                Body::ProbeReply { .. } => "pmtud-reply",
                Body::Data(ref d) if d.fragments > 1 => "data-frag",
                Body::Data(_) => "data",
            };
            assert_eq!(kind, words[0], "{name}");
            *seen.entry(words[0].clone()).or_default() += 1;
        }
    }
    println!("{seen:?}");
    assert_eq!(seen.len(), 6);
}

#[test]
fn protected_packets_of_real_daemons_open_seal_and_refuse_changes() {
    let Some(folder) = corpus() else { return };
    let keys = std::fs::read_to_string(folder.join("keys.txt")).unwrap();
    let key = |name: &str| unhex(keys.lines().find_map(|l| l.strip_prefix(name)).unwrap().trim());
    let mut opened = 0;
    for (name, cipher, hash, key_name) in [
        ("aes256-sha256", Cipher::Aes256, Hash::Sha256, "key128"),
        ("aes256-sha256-nss", Cipher::Aes256, Hash::Sha256, "key128"),
        ("aes256-sha256-zlib", Cipher::Aes256, Hash::Sha256, "key128"),
        ("aes128-sha1", Cipher::Aes128, Hash::Sha1, "key128"),
        ("aes192-md5", Cipher::Aes192, Hash::Md5, "key128"),
        ("aes256-sha384", Cipher::Aes256, Hash::Sha384, "key128"),
        ("aes256-sha512-key256", Cipher::Aes256, Hash::Sha512, "key256"),
        ("hash-sha256", Cipher::None, Hash::Sha256, "key128"),
        ("hash-sha512", Cipher::None, Hash::Sha512, "key128"),
    ] {
        let protection = Protection::new(Crypto { cipher, hash }, key(key_name)).unwrap();
        for words in lines(&folder, name) {
            let (packet, clear) = (unhex(&words[1]), unhex(&words[2]));
            assert_eq!(protection.open(&packet).unwrap(), clear, "{name}");
            let mut salt = [0; 16];
            salt.copy_from_slice(&packet[..16]);
            assert_eq!(protection.seal(&clear, &salt), packet, "{name}");
            for at in (0..packet.len()).step_by(7) {
                let mut altered = packet.to_vec();
                altered[at] ^= 0x10;
                assert!(protection.open(&altered.into()).is_err(), "{name}");
            }
            opened += 1;
        }
    }
    println!("{opened} packets");
    let one = Protection::new(Crypto { cipher: Cipher::Aes256, hash: Hash::Sha256 }, key("key128")).unwrap();
    let two = Protection::new(Crypto { cipher: Cipher::Aes128, hash: Hash::Sha512 }, key("key128")).unwrap();
    for words in lines(&folder, "reconfigure") {
        let (packet, clear) = (unhex(&words[1]), unhex(&words[2]));
        let results = [one.open(&packet), two.open(&packet)];
        assert_eq!(results.iter().filter(|r| r.as_ref() == Ok(&clear)).count(), 1);
        assert_eq!(results.iter().filter(|r| r.is_err()).count(), 1);
    }
}
