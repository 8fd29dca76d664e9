//! Real-time text between the people in a call: each character once, from one to the others, and again after a loss, out of a bounded memory. Nothing of it is ever
//! kept: it goes with the call. Refuses to know sockets, and what an erasure erases.

use std::collections::{BTreeMap, VecDeque};

use crate::chat::block::{Epoch, Piece};
use crate::ids::ParticipantId;
use crate::limits;

/// One consultation's.
#[derive(Debug, Default)]
pub struct LiveText {
    /// What each person typed last, the oldest text first.
    typed: BTreeMap<ParticipantId, VecDeque<Typed>>,
    /// Who is in the call, and where in each text they began to read.
    readers: BTreeMap<ParticipantId, BTreeMap<(ParticipantId, Epoch), u64>>,
}

/// The end of one text: what is still in memory of it.
#[derive(Debug)]
struct Typed {
    kept: Piece,
    end: u64,
}

impl LiveText {
    /// Who is in the call now. Who comes reads from here on; who leaves has nothing said again, and what they typed is forgotten with the call.
    pub fn set_present(&mut self, present: &[ParticipantId]) {
        self.readers.retain(|who, _| present.contains(who));
        for who in present {
            if !self.readers.contains_key(who) {
                let ends = self.typed.iter().flat_map(|(by, texts)| texts.iter().map(move |typed| ((*by, typed.kept.epoch), typed.end)));
                let ends = ends.collect();
                self.readers.insert(*who, ends);
            }
        }
        // Alone there is nobody to say anything again to.
        if self.readers.len() < 2 {
            self.typed.clear();
            self.readers.values_mut().for_each(BTreeMap::clear);
        }
    }

    /// A piece of somebody in the call. What of it is new goes to everybody in the call, its author included: to them it is the acknowledgement.
    /// `None` when it holds nothing new: then its author has missed an acknowledgement ([`Self::end`]).
    pub fn take(&mut self, by: ParticipantId, piece: &Piece) -> Option<Piece> {
        if !self.readers.contains_key(&by) {
            return None;
        }
        let texts = self.typed.entry(by).or_default();
        match texts.iter_mut().find(|typed| typed.kept.epoch == piece.epoch) {
            Some(typed) => {
                let new = piece.from(typed.end)?;
                if new.position > typed.end {
                    // Lost beyond what the page remembers: the readers see the gap by the position and mark it.
                    typed.kept = new.clone();
                } else {
                    typed.kept.text.push_str(&new.text);
                }
                typed.end = new.end();
                shorten(&mut typed.kept);
                Some(new)
            }
            None => {
                let new = piece.from(piece.position)?;
                let mut kept = new.clone();
                shorten(&mut kept);
                texts.push_back(Typed { kept, end: new.end() });
                if texts.len() > limits::LIVE_TEXTS {
                    texts.pop_front();
                }
                Some(new)
            }
        }
    }

    /// How far somebody's text has come: the acknowledgement of what was sent twice.
    pub fn end(&self, by: ParticipantId, epoch: Epoch) -> Option<Piece> {
        let typed = self.typed.get(&by)?.iter().find(|typed| typed.kept.epoch == epoch)?;
        Some(Piece { epoch, position: typed.end, text: String::new() })
    }

    /// Everything that this person may read and that is still in memory, by whom; their own too.
    pub fn again(&self, reader: ParticipantId) -> Vec<(ParticipantId, Piece)> {
        let Some(began) = self.readers.get(&reader) else { return Vec::new() };
        let all = self.typed.iter().flat_map(|(by, texts)| texts.iter().map(move |typed| (*by, typed)));
        all.filter_map(|(by, typed)| {
            let from = began.get(&(by, typed.kept.epoch)).copied().unwrap_or(0);
            typed.kept.from(from).map(|piece| (by, piece))
        })
        .collect()
    }

    /// Everybody in the call.
    pub fn readers(&self) -> impl Iterator<Item = ParticipantId> + '_ {
        self.readers.keys().copied()
    }
}

/// The oldest characters go at the bound.
fn shorten(kept: &mut Piece) {
    let beyond = kept.text.len().saturating_sub(limits::LIVE_TEXT_KEPT_BYTES);
    if beyond > 0 {
        let at = (beyond..=kept.text.len()).find(|at| kept.text.is_char_boundary(*at)).unwrap_or(kept.text.len());
        kept.position += kept.text[..at].chars().count() as u64;
        kept.text.drain(..at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLARA: ParticipantId = ParticipantId(0);
    const ANNA: ParticipantId = ParticipantId(1);
    const MARA: ParticipantId = ParticipantId(2);

    fn piece(epoch: u32, position: u64, text: &str) -> Piece {
        Piece { epoch: Epoch(epoch), position, text: text.into() }
    }

    fn in_call() -> LiveText {
        let mut live = LiveText::default();
        live.set_present(&[CLARA, ANNA]);
        live
    }

    #[test]
    fn what_is_sent_again_is_forwarded_once() {
        let mut live = in_call();
        assert_eq!(live.take(CLARA, &piece(7, 0, "hel")), Some(piece(7, 0, "hel")));
        assert_eq!(live.take(CLARA, &piece(7, 0, "hello")), Some(piece(7, 3, "lo")));
        assert_eq!(live.take(CLARA, &piece(7, 1, "ello")), None);
        assert_eq!(live.again(ANNA), [(CLARA, piece(7, 0, "hello"))]);
    }

    #[test]
    fn after_a_restart_of_the_server_a_text_goes_on_where_it_is() {
        let mut live = in_call();
        assert_eq!(live.take(CLARA, &piece(7, 90, "more")), Some(piece(7, 90, "more")));
    }

    #[test]
    fn nothing_crosses_from_or_to_who_is_not_in_the_call() {
        let mut live = in_call();
        assert_eq!(live.take(MARA, &piece(1, 0, "let me in")), None);
        live.take(CLARA, &piece(7, 0, "before"));
        live.set_present(&[CLARA, ANNA, MARA]);
        assert!(live.again(MARA).is_empty(), "what was typed before they came");
        live.take(CLARA, &piece(7, 6, " after"));
        assert_eq!(live.again(MARA), [(CLARA, piece(7, 6, " after"))]);
        live.set_present(&[CLARA, ANNA]);
        assert!(live.again(MARA).is_empty());
        live.set_present(&[CLARA, ANNA, MARA]);
        assert!(live.again(MARA).is_empty(), "who comes again begins again");
    }

    #[test]
    fn memory_is_bounded_and_a_gap_keeps_its_position() {
        let mut live = in_call();
        let mut position = 0;
        for _ in 0..1_000 {
            live.take(CLARA, &piece(7, position, &"é".repeat(100)));
            position += 100;
        }
        let (_, kept) = live.again(ANNA).remove(0);
        assert!(kept.text.len() <= limits::LIVE_TEXT_KEPT_BYTES && kept.end() == position);
        assert_eq!(live.take(CLARA, &piece(7, position + 5, "x")), Some(piece(7, position + 5, "x")));
        assert_eq!(live.again(ANNA), [(CLARA, piece(7, position + 5, "x"))]);
        for epoch in 100..200 {
            live.take(CLARA, &piece(epoch, 0, "y"));
        }
        assert_eq!(live.again(ANNA).len(), limits::LIVE_TEXTS);
    }

    #[test]
    fn with_the_call_everything_is_forgotten() {
        let mut live = in_call();
        live.take(CLARA, &piece(7, 0, "secret"));
        live.set_present(&[ANNA]);
        live.set_present(&[CLARA, ANNA]);
        assert!(live.again(ANNA).is_empty() && live.typed.is_empty());
    }

    /// A page that says unacknowledged text again, and a reader that drops what it has: whatever is lost on the way, the reader has the text, each character once.
    #[test]
    fn what_a_lossy_line_loses_is_said_again_and_nothing_comes_twice() {
        for seed in 1..500_u64 {
            let mut state = seed;
            let mut random = |below: u64| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) % below
            };
            let (mut live, mut typed, mut acknowledged, mut read) = (in_call(), String::new(), 0_u64, String::new());
            let take = |read: &mut String, piece: &Piece| {
                let end = read.chars().count() as u64;
                if piece.position <= end {
                    read.push_str(&piece.from(end).map(|piece| piece.text).unwrap_or_default());
                }
            };
            for step in 0..200 {
                typed.push(char::from(b'a' + u8::try_from(step % 26).unwrap()));
                let unacknowledged = Piece { epoch: Epoch(1), position: 0, text: typed.clone() }.from(acknowledged).unwrap();
                if random(3) == 0 {
                    continue; // lost on the way up
                }
                let forwarded = live.take(CLARA, &unacknowledged);
                if let Some(piece) = forwarded.filter(|_| random(3) > 0) {
                    take(&mut read, &piece);
                }
                if random(3) > 0 {
                    acknowledged = live.end(CLARA, Epoch(1)).unwrap().position;
                }
                if random(20) == 0 {
                    live.again(ANNA).iter().for_each(|(_, piece)| take(&mut read, piece));
                }
            }
            let rest = Piece { epoch: Epoch(1), position: 0, text: typed.clone() };
            live.take(CLARA, &rest);
            live.again(ANNA).iter().for_each(|(_, piece)| take(&mut read, piece));
            assert_eq!(read, typed, "seed {seed}");
        }
    }
}
