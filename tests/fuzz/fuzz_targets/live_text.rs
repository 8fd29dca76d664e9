//! Real-time text from hostile pages: any text as a block, and any order of pieces, of people who come and go. No character reaches a reader twice or out of place,
//! and what is kept stays within its bounds. An input is a row of steps, each a byte that says who does what, then a length and that many bytes.
#![no_main]

use std::collections::HashMap;

use libfuzzer_sys::fuzz_target;
use visavis::chat::block::{Block, Epoch, Piece};
use visavis::chat::live_text::LiveText;
use visavis::ids::ParticipantId;
use visavis::limits;

fuzz_target!(|input: &[u8]| {
    if let Ok(text) = std::str::from_utf8(input)
        && let Ok(Block::Piece(piece)) = Block::parse(text)
    {
        assert!(piece.text.chars().count() <= limits::LIVE_TEXT_BLOCK);
        // What we forward names its author: no page can send it as its own.
        assert!(Block::parse(&piece.written(ParticipantId(3))).is_err());
    }
    let mut live = LiveText::default();
    let mut ends: HashMap<(u8, u32), u64> = HashMap::new();
    let mut rest = input;
    while let [step, length, after @ ..] = rest {
        let (bytes, next) = after.split_at(usize::from(*length).min(after.len()));
        rest = next;
        let who = ParticipantId(step & 3);
        match step >> 2 & 3 {
            0 => live.set_present(&(0..4).filter(|n| bytes.first().unwrap_or(&15) >> n & 1 == 1).map(ParticipantId).collect::<Vec<_>>()),
            1 => {
                for (by, piece) in live.again(who) {
                    assert!(piece.text.len() <= limits::LIVE_TEXT_KEPT_BYTES);
                    assert!(ends.get(&(by.0, piece.epoch.0)).is_some_and(|end| piece.end() <= *end), "more than was ever typed");
                }
            }
            _ => {
                let piece = Piece {
                    epoch: Epoch(u32::from(step >> 4 & 3)),
                    position: u64::from(bytes.first().copied().unwrap_or(0)),
                    text: String::from_utf8_lossy(bytes.get(1..).unwrap_or(&[])).into_owned(),
                };
                if let Some(new) = live.take(who, &piece) {
                    assert!(live.readers().any(|reader| reader == who), "from somebody who is not in the call");
                    assert!(!new.text.is_empty() && piece.text.ends_with(&new.text));
                    ends.insert((who.0, new.epoch.0), new.end().max(ends.get(&(who.0, new.epoch.0)).copied().unwrap_or(0)));
                }
            }
        }
    }
});
