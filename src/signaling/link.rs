//! The sending end of one socket, as everybody else in the house holds it: never waits, bounded. Knows no message.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::{mpsc, watch};

use crate::limits;
use crate::protocol::CloseCode;

/// A handle to one socket; clones mean the same one.
#[derive(Clone)]
pub(super) struct Link {
    id: u64,
    queue: mpsc::Sender<Utf8Bytes>,
    closing: Arc<watch::Sender<Option<CloseCode>>>,
}

/// What the socket's own task holds.
pub(super) struct Outbox {
    pub(super) queue: mpsc::Receiver<Utf8Bytes>,
    pub(super) closing: watch::Receiver<Option<CloseCode>>,
}

impl Link {
    pub(super) fn new() -> (Self, Outbox) {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let (queue, unsent) = mpsc::channel(limits::SIGNALING_QUEUE);
        let (closing, asked) = watch::channel(None);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        (Self { id, queue, closing: Arc::new(closing) }, Outbox { queue: unsent, closing: asked })
    }

    /// Tells one socket from another.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Queues a message. A socket that does not take its messages is closed; it resumes by snapshot.
    pub(super) fn send(&self, text: Utf8Bytes) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.queue.try_send(text) {
            self.close(CloseCode::TryAgainLater);
        }
    }

    /// Closes the socket after what is queued; the first reason counts.
    pub(super) fn close(&self, code: CloseCode) {
        self.closing.send_if_modified(|closing| closing.is_none() && closing.replace(code).is_none());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_takes_nothing_is_closed_with_try_again_later_at_the_bound() {
        let (link, outbox) = Link::new();
        for _ in 0..limits::SIGNALING_QUEUE {
            link.send("x".into());
        }
        assert_eq!(*outbox.closing.borrow(), None);
        link.send("x".into());
        assert_eq!(*outbox.closing.borrow(), Some(CloseCode::TryAgainLater));
    }

    #[test]
    fn the_first_reason_to_close_counts() {
        let (link, outbox) = Link::new();
        link.close(CloseCode::Replaced);
        link.close(CloseCode::GoingAway);
        assert_eq!(*outbox.closing.borrow(), Some(CloseCode::Replaced));
    }
}
