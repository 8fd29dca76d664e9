//! Events of one consultation that its task has not taken yet. Bounded: state is coalesced, messages stop being read from SCTP. Refuses to wait.

use std::collections::VecDeque;

use super::plane::MediaEvent;
use crate::limits;

/// Waiting events, oldest first.
#[derive(Default)]
pub struct Outbox {
    waiting: VecDeque<MediaEvent>,
    messages: usize,
}

impl Outbox {
    /// Adds an event; an older one that it makes meaningless goes.
    pub fn push(&mut self, event: MediaEvent) {
        if matches!(event, MediaEvent::Message(..)) {
            self.messages += 1;
        } else {
            self.waiting.retain(|older| !replaces(&event, older));
        }
        self.waiting.push_back(event);
    }

    /// Whether a data-channel message may still be added.
    pub fn has_room(&self) -> bool {
        self.messages < limits::MEDIA_MESSAGES_WAITING
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Hands events out in order until one is given back.
    pub fn deliver(&mut self, mut deliver: impl FnMut(MediaEvent) -> Result<(), MediaEvent>) {
        while let Some(event) = self.waiting.pop_front() {
            let message = usize::from(matches!(event, MediaEvent::Message(..)));
            if let Err(event) = deliver(event) {
                self.waiting.push_front(event);
                return;
            }
            self.messages -= message;
        }
    }
}

/// `newer` says all that `older` said, and later.
fn replaces(newer: &MediaEvent, older: &MediaEvent) -> bool {
    use MediaEvent::{Connected, Gone, Layers, Lids, Quality, Slots};
    match (newer, older) {
        (Connected(p) | Gone(p), Connected(q) | Gone(q)) => p == q,
        (Slots(p, _), Slots(q, _)) | (Layers(p, _), Layers(q, _)) | (Lids(p, _), Lids(q, _)) => p == q,
        (Quality { participant: p, .. }, Quality { participant: q, .. }) => p == q,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ParticipantId;
    use crate::media::plane::Label;

    #[test]
    fn newest_state_replaces_the_older_one_and_messages_are_kept_in_order() {
        let (a, b) = (ParticipantId(0), ParticipantId(1));
        let mut outbox = Outbox::default();
        let message = |n| MediaEvent::Message(a, Label::Chat, vec![n]);
        for event in [
            MediaEvent::Connected(a),
            message(1),
            MediaEvent::Slots(a, vec![]),
            MediaEvent::Connected(b),
            message(2),
            MediaEvent::Slots(a, vec![]),
            MediaEvent::Gone(a),
        ] {
            outbox.push(event);
        }
        let mut taken = Vec::new();
        outbox.deliver(|event| {
            taken.push(event);
            Ok(())
        });
        assert_eq!(taken, [message(1), MediaEvent::Connected(b), message(2), MediaEvent::Slots(a, vec![]), MediaEvent::Gone(a)]);
    }

    #[test]
    fn room_for_messages_ends_at_the_bound_and_comes_back() {
        let mut outbox = Outbox::default();
        for n in 0..limits::MEDIA_MESSAGES_WAITING {
            assert!(outbox.has_room(), "{n}");
            outbox.push(MediaEvent::Message(ParticipantId(0), Label::Files, vec![]));
        }
        assert!(!outbox.has_room());
        let mut left = 3;
        outbox.deliver(|event| {
            left -= 1;
            if left < 0 { Err(event) } else { Ok(()) }
        });
        assert!(outbox.has_room() && !outbox.is_empty());
    }
}
