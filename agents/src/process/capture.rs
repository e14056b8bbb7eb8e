//! Bounded capture of what a process prints [RA-8.5].

use crate::executor::OUTPUT_LIMIT;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncReadExt};

/// What was kept so far; shared, so that it can be taken while a child that was left behind holds the pipe open.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    /// Reads to the end, and keeps what fits; the rest is read and thrown away, so that nobody blocks on a full pipe.
    pub(super) async fn fill(self, mut from: impl AsyncRead + Unpin) {
        let mut piece = [0; 8192];
        while let Ok(read) = from.read(&mut piece).await {
            if read == 0 {
                return;
            }
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let room = OUTPUT_LIMIT.saturating_sub(kept.len()).min(read);
            kept.extend_from_slice(&piece[..room]);
        }
    }

    /// The text: up to the first NUL, with what is no UTF-8 replaced.
    pub(super) fn text(&self) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let end = kept.iter().position(|b| *b == 0).unwrap_or(kept.len());
        String::from_utf8_lossy(&kept[..end]).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bounded_and_always_text() {
        let kept = Kept::default();
        kept.clone().fill(&[b'a', 0xff, b'b', 0, b'c'][..]).await;
        assert_eq!(kept.text(), "a\u{fffd}b");
        let kept = Kept::default();
        kept.clone().fill(&*vec![b'x'; OUTPUT_LIMIT + 5000]).await;
        assert_eq!(kept.text().len(), OUTPUT_LIMIT);
    }
}
