//! `corosync-keygen`: an authentication key [QG-13].

use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::process::ExitCode;

use super::getopt::{self, Word};

const TOOL: &str = "corosync-keygen";
const SIZES: std::ops::RangeInclusive<usize> = 128..=4096;
const USAGE: &str = "Usage: corosync-keygen [-k <keyfile>] [-s size] [-m <randomfile>] [-l] [-h]
     -k / --key-file=<filename> -  Write to the specified keyfile
            instead of the default /etc/corosync/authkey.
     -r / --random-file -  Random number source file. Default is 
            /dev/urandom. As an example /dev/random may be requested
            (that may require user input for entropy).
     -l / --less-secure - Not used, option is kept only
            for compatibility.
     -s / --size -  Length of key.
     -h / --help -  Print basic usage.

";

fn fail(status: u8, text: String) -> ExitCode {
    eprintln!("{TOOL}: {text}");
    ExitCode::from(status)
}

/// The reason alone, as the C library words it.
fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// `corosync-keygen`: make an authentication key.
pub fn corosync_keygen(args: &[String]) -> ExitCode {
    let long = [("key-file", 'k'), ("random-file", 'r'), ("less-secure", 'l'), ("size", 's'), ("help", 'h')];
    let words = match getopt::words(TOOL, "k:r:ls:h", &long, args) {
        Ok(words) => words,
        Err(wrong) => {
            eprintln!("{}", wrong.0);
            println!("Error parsing command line options.");
            return ExitCode::from(1);
        }
    };
    let (mut file, mut source, mut size) = ("/etc/corosync/authkey".to_owned(), "/dev/urandom".to_owned(), 256);
    for word in words {
        match word {
            Word::Valued('k', text) => file = text,
            Word::Valued('r', text) => source = text,
            Word::Valued('s', text) => match text.parse().ok().filter(|n| SIZES.contains(n)) {
                Some(bytes) => size = bytes,
                None => {
                    let (low, high) = (SIZES.start(), SIZES.end());
                    return fail(1, format!("Unsupported key size (supported <{low},{high}>)\n"));
                }
            },
            Word::Option('h') => {
                print!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            _ => {}
        }
    }
    println!("Corosync Cluster Engine Authentication key generator.");
    println!("Gathering {} bits for key from {source}.", size * 8);
    if source == "/dev/random" {
        println!("Press keys on your keyboard to generate entropy.");
    }
    write_key(&file, &source, size).unwrap_or_else(|(status, text)| fail(status, text))
}

fn write_key(file: &str, source: &str, size: usize) -> Result<ExitCode, (u8, String)> {
    let mut random =
        std::fs::File::open(source).map_err(|e| (1, format!("Failed to open random source: {}", reason(&e))))?;
    let mut key = vec![0; size];
    // The original asks a source that has ended for more, for ever.
    random.read_exact(&mut key).map_err(|e| (1, format!("Could not read {source}: {}", reason(&e))))?;
    let mut out = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(file)
        .map_err(|e| (2, format!("Could not create {file}: {}", reason(&e))))?;
    println!("Writing corosync key to {file}.");
    out.set_permissions(std::fs::Permissions::from_mode(0o400))
        .map_err(|e| (3, format!("Failed to set key file permissions to 0400: {}", reason(&e))))?;
    out.write_all(&key).map_err(|e| (4, format!("Could not write {file}: {}", reason(&e))))?;
    out.sync_all().map_err(|e| (5, format!("Could not close {file}: {}", reason(&e))))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_size_and_is_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write_key(path.to_str().unwrap(), "/dev/urandom", 128).unwrap();
        let data = std::fs::metadata(&path).unwrap();
        assert_eq!((data.len(), data.permissions().mode() & 0o777), (128, 0o400));
        let missing = folder.path().join("no/key");
        let (status, text) = write_key(missing.to_str().unwrap(), "/dev/urandom", 128).unwrap_err();
        assert_eq!(status, 2);
        assert!(text.ends_with(": No such file or directory"), "{text}");
    }
}
