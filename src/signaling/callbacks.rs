//! Calls back as the desk shows them. Decides nothing.

use crate::protocol::booking::{CallbackReason, CallbackRow};
use crate::store::Callback;

const REASONS: [(CallbackReason, &str); 5] = [
    (CallbackReason::NoSlot, "no_slot"),
    (CallbackReason::NoVideo, "no_video"),
    (CallbackReason::Missed, "missed"),
    (CallbackReason::Question, "question"),
    (CallbackReason::Other, "other"),
];

/// The word under which the store keeps a reason: that of the wire.
pub fn reason_word(reason: CallbackReason) -> &'static str {
    REASONS.iter().find(|(one, _)| *one == reason).map_or("other", |(_, word)| word)
}

/// A word that this version does not know is another reason.
fn reason(word: &str) -> CallbackReason {
    REASONS.iter().find(|(_, one)| *one == word).map_or(CallbackReason::Other, |(reason, _)| *reason)
}

/// One wish on the desk.
pub fn row(of: &Callback) -> CallbackRow {
    CallbackRow {
        callback: of.id,
        service: of.service.clone(),
        name: of.details.name.clone(),
        phone: of.details.phone.clone(),
        reason: reason(&of.details.reason),
        words: of.details.words.clone(),
        reference: of.reference.clone(),
        start: of.time.start.into(),
        end: of.time.end.into(),
        language: of.language.clone(),
        done: of.done.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_kept_under_the_word_of_the_wire() {
        for (known, word) in REASONS {
            assert_eq!(serde_json::to_value(known).unwrap(), word);
            assert_eq!(reason(reason_word(known)), known);
        }
        assert_eq!(reason("boredom"), CallbackReason::Other);
    }
}
