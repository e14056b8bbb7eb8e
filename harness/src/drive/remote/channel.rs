//! One protected connection: whole messages, in order, between two who hold the same key.

use sha2::{Digest, Sha256};
use snow::{Builder, StatelessTransportState};
use std::io;
use std::path::Path;
use std::sync::Arc;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// Nobody at all holds a shorter key on purpose.
const SHORTEST_KEY: usize = 16;
/// A longer key file is some other file.
const LONGEST_KEY: u64 = 64 * 1024;
/// Bytes of a message at most: an agent's output is bounded far below.
pub(super) const MESSAGE_LIMIT: usize = 16 << 20;

const PATTERN: &str = "Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s";
/// Bytes of a Noise message at most.
const PACKET: usize = 65_535;
/// Bytes that its authentication takes.
const TAG: usize = 16;
/// Bytes of a message in one packet, beside the byte that says whether more follow.
const PIECE: usize = PACKET - TAG - 1;

/// What both ends of a connection must hold.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

/// Why a key cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file cannot be read.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// Too short or too long to be a key.
    #[error("{path}: a key has 16 to 65536 bytes, not {length}")]
    Length {
        /// Which file.
        path: String,
        /// Its bytes.
        length: u64,
    },
}

impl Key {
    /// The key that is made of these bytes, all of them.
    pub fn new(secret: &[u8]) -> Key {
        let digest = Sha256::new().chain_update(b"metronome remote host\0").chain_update(secret);
        Key(digest.finalize().into())
    }

    /// Reads a key file, such as `/etc/pacemaker/authkey`: any bytes, 16 to 65,536 of them.
    ///
    /// # Errors
    /// The file cannot be read, or is no key.
    pub fn read(path: &Path) -> Result<Key, KeyError> {
        let name = || path.display().to_string();
        let file = |error| KeyError::File { path: name(), error };
        let length = std::fs::metadata(path).map_err(file)?.len();
        if !(SHORTEST_KEY as u64..=LONGEST_KEY).contains(&length) {
            return Err(KeyError::Length { path: name(), length });
        }
        std::fs::read(path).map(|secret| Key::new(&secret)).map_err(file)
    }
}

/// How a connection could not be made.
#[derive(Debug, Error)]
pub(super) enum HandshakeError {
    #[error("the other end holds another key")]
    OtherKey,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The receiving half.
pub(super) struct Receiver {
    stream: OwnedReadHalf,
    state: Arc<StatelessTransportState>,
    nonce: u64,
}

/// The sending half.
pub(super) struct Sender {
    stream: OwnedWriteHalf,
    state: Arc<StatelessTransportState>,
    nonce: u64,
}

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// The side that connects. An end of the stream in place of an answer means that the other side did not understand.
pub(super) async fn connect(mut stream: TcpStream, key: &Key) -> Result<(Sender, Receiver), HandshakeError> {
    let mut noise = builder(key).build_initiator().map_err(|_| HandshakeError::OtherKey)?;
    let mut buffer = vec![0; PACKET];
    let length = noise.write_message(&[], &mut buffer).map_err(|_| HandshakeError::OtherKey)?;
    write_packet(&mut stream, &buffer[..length]).await?;
    let answer = match read_packet(&mut stream).await {
        Err(error) if is_end(&error) => return Err(HandshakeError::OtherKey),
        answer => answer?,
    };
    noise.read_message(&answer, &mut buffer).map_err(|_| HandshakeError::OtherKey)?;
    halves(stream, noise)
}

/// The side that was connected to. Who holds another key is not answered.
pub(super) async fn accept(mut stream: TcpStream, key: &Key) -> Result<(Sender, Receiver), HandshakeError> {
    let mut noise = builder(key).build_responder().map_err(|_| HandshakeError::OtherKey)?;
    let mut buffer = vec![0; PACKET];
    let hello = read_packet(&mut stream).await?;
    noise.read_message(&hello, &mut buffer).map_err(|_| HandshakeError::OtherKey)?;
    let length = noise.write_message(&[], &mut buffer).map_err(|_| HandshakeError::OtherKey)?;
    write_packet(&mut stream, &buffer[..length]).await?;
    halves(stream, noise)
}

fn is_end(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)
}

fn builder(key: &Key) -> Builder<'_> {
    let builder = Builder::new(PATTERN.parse().expect("a known pattern"));
    builder.psk(0, &key.0).expect("the pattern has one key, at place 0")
}

fn halves(stream: TcpStream, noise: snow::HandshakeState) -> Result<(Sender, Receiver), HandshakeError> {
    stream.set_nodelay(true)?;
    let state = noise.into_stateless_transport_mode().map_err(|_| HandshakeError::OtherKey)?;
    let state = Arc::new(state);
    let (read, write) = stream.into_split();
    Ok((Sender { stream: write, state: state.clone(), nonce: 0 }, Receiver { stream: read, state, nonce: 0 }))
}

async fn read_packet<S: AsyncReadExt + Unpin>(stream: &mut S) -> io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut packet = vec![0; length.into()];
    stream.read_exact(&mut packet).await?;
    Ok(packet)
}

async fn write_packet<S: AsyncWriteExt + Unpin>(stream: &mut S, packet: &[u8]) -> io::Result<()> {
    stream.write_u16(u16::try_from(packet.len()).map_err(|_| invalid("a packet too long"))?).await?;
    stream.write_all(packet).await
}

impl Receiver {
    /// The next message.
    ///
    /// # Errors
    /// The connection has ended, or what came was altered, or too long.
    pub(super) async fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut message = Vec::new();
        loop {
            let packet = read_packet(&mut self.stream).await?;
            let mut clear = vec![0; packet.len()];
            let length =
                self.state.read_message(self.nonce, &packet, &mut clear).map_err(|_| invalid("an altered packet"))?;
            self.nonce += 1;
            let (&more, piece) = clear[..length].split_first().ok_or_else(|| invalid("an empty packet"))?;
            if message.len() + piece.len() > MESSAGE_LIMIT {
                return Err(invalid("a message too long"));
            }
            message.extend_from_slice(piece);
            if more == 0 {
                return Ok(message);
            }
        }
    }
}

impl Sender {
    /// Sends a message.
    ///
    /// # Errors
    /// The connection has ended, or the message is too long.
    pub(super) async fn send(&mut self, message: &[u8]) -> io::Result<()> {
        if message.len() > MESSAGE_LIMIT {
            return Err(invalid("a message too long"));
        }
        let mut packet = vec![0; message.len().min(PIECE) + 1 + TAG];
        let mut rest = message;
        loop {
            let (piece, left) = rest.split_at(rest.len().min(PIECE));
            let clear = [&[u8::from(!left.is_empty())], piece].concat();
            let length = self
                .state
                .write_message(self.nonce, &clear, &mut packet)
                .map_err(|_| invalid("cannot be encrypted"))?;
            self.nonce += 1;
            write_packet(&mut self.stream, &packet[..length]).await?;
            if left.is_empty() {
                return Ok(());
            }
            rest = left;
        }
    }
}
