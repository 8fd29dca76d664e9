//! One block of real-time text as it travels: a T.140 text whose head is a T.140 control string (SOS … ST), so that what is no block of ours is still plain T.140.
//! Positions count Unicode scalar values from the beginning of a page's text. Does not interpret what is typed: erasing is a matter of the two ends.

use std::fmt;

use crate::ids::ParticipantId;
use crate::limits;

/// Start and end of a control string (T.140, ISO 6429).
const SOS: char = '\u{98}';
const ST: char = '\u{9C}';
/// Alone in a block: the line lives (RFC 4103 §5).
const BOM: char = '\u{FEFF}';
const BACKSPACE: char = '\u{8}';
const AGAIN: &str = "again";
const DONE: &str = "done";

/// One page's text from its first character: a page that is loaded anew begins another one. Random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u32);

/// A part of somebody's text. Its `Debug` does not show it (trust.md P2).
#[derive(Clone, PartialEq, Eq)]
pub struct Piece {
    /// Which text.
    pub epoch: Epoch,
    /// How many characters of it came before.
    pub position: u64,
    /// At most `limits::LIVE_TEXT_BLOCK` characters.
    pub text: String,
}

/// What a page says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// Typed characters, erasures (U+0008) and new lines (U+2028).
    Piece(Piece),
    /// Everything that is still there, once more.
    Again,
    /// Nothing: the line lives.
    KeepAlive,
}

/// Not a block: the page's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no block of real-time text")]
pub struct BadBlock;

impl Block {
    /// Reads what a page sent.
    pub fn parse(said: &str) -> Result<Self, BadBlock> {
        if said.chars().all(|c| c == BOM) {
            return Ok(Self::KeepAlive);
        }
        let (head, text) = said.strip_prefix(SOS).and_then(|rest| rest.split_once(ST)).ok_or(BadBlock)?;
        if head == AGAIN && text.is_empty() {
            return Ok(Self::Again);
        }
        let (epoch, position) = head.split_once(' ').ok_or(BadBlock)?;
        let hex = epoch.len() == 8 && epoch.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let digits =
            !position.is_empty() && position.bytes().all(|b| b.is_ascii_digit()) && (position == "0" || !position.starts_with('0'));
        if !hex || !digits {
            return Err(BadBlock);
        }
        let epoch = Epoch(u32::from_str_radix(epoch, 16).map_err(|_| BadBlock)?);
        let position: u64 = position.parse().map_err(|_| BadBlock)?;
        if position > limits::LIVE_TEXT_LONGEST || text.chars().nth(limits::LIVE_TEXT_BLOCK).is_some() || !text.chars().all(is_fit) {
            return Err(BadBlock);
        }
        Ok(Self::Piece(Piece { epoch, position, text: text.to_owned() }))
    }
}

impl Piece {
    /// The position after its last character.
    pub fn end(&self) -> u64 {
        self.position + self.text.chars().count() as u64
    }

    /// What of it comes at or after a position; `None` when nothing does.
    pub fn from(&self, position: u64) -> Option<Self> {
        let skipped = usize::try_from(position.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let text: String = self.text.chars().skip(skipped).collect();
        (!text.is_empty()).then(|| Self { epoch: self.epoch, position: self.position.max(position), text })
    }

    /// As others get it: with the number of who typed it.
    pub fn written(&self, by: ParticipantId) -> String {
        format!("{SOS}{} {:08x} {}{ST}{}", by.0, self.epoch.0, self.position, self.text)
    }
}

/// Stands before everything that was asked for again: up to [`said_again`] what does not join is lost, not late.
pub fn says_again() -> String {
    format!("{SOS}{AGAIN}{ST}")
}

/// Stands behind it.
pub fn said_again() -> String {
    format!("{SOS}{DONE}{ST}")
}

/// Typed text, one erasure or one new line; no other control, which would only serve to confuse a reader.
fn is_fit(c: char) -> bool {
    c == BACKSPACE || c == '\t' || !c.is_control()
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Piece({:08x} {} {} bytes)", self.epoch.0, self.position, self.text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_pages_are_read() {
        let piece = |text: &str| Block::Piece(Piece { epoch: Epoch(0x1a2b_3c4d), position: 120, text: text.into() });
        for text in ["h", "", "a\u{8}\u{8}b\u{2028}", "👨\u{200d}👩\u{200d}👧", "مرحبا", "\u{FFFD}", "tab\t"] {
            assert_eq!(Block::parse(&format!("\u{98}1a2b3c4d 120\u{9c}{text}")), Ok(piece(text)), "{text:?}");
        }
        assert_eq!(Block::parse("\u{98}again\u{9c}"), Ok(Block::Again));
        assert_eq!(Block::parse("\u{FEFF}"), Ok(Block::KeepAlive));
        assert_eq!(Block::parse(""), Ok(Block::KeepAlive));
    }

    #[test]
    fn what_is_no_block_is_refused() {
        let longest = "x".repeat(limits::LIVE_TEXT_BLOCK + 1);
        for bad in [
            "plain",
            "\u{98}1a2b3c4d 0",
            "\u{98}1a2b3c4d\u{9c}x",
            "\u{98}1A2B3C4D 0\u{9c}x",
            "\u{98}1a2b3c4d 00\u{9c}x",
            "\u{98}1a2b3c4d -1\u{9c}x",
            "\u{98}1a2b3c4d 99999999999999999999\u{9c}x",
            "\u{98}1a2b3c4d 0\u{9c}\u{0}",
            "\u{98}1a2b3c4d 0\u{9c}a\u{98}3 1a2b3c4d 0\u{9c}forged",
            "\u{98}again\u{9c}x",
            "\u{98}3 1a2b3c4d 0\u{9c}x",
            &format!("\u{98}1a2b3c4d 0\u{9c}{longest}"),
        ] {
            assert_eq!(Block::parse(bad), Err(BadBlock), "{bad:?}");
        }
    }

    #[test]
    fn the_rest_of_a_piece_begins_at_a_character() {
        let piece = Piece { epoch: Epoch(1), position: 10, text: "a👨\u{200d}é".into() };
        assert_eq!(piece.end(), 14);
        assert_eq!(piece.from(12).unwrap(), Piece { epoch: Epoch(1), position: 12, text: "\u{200d}é".into() });
        assert_eq!(piece.from(3).unwrap(), piece);
        assert!(piece.from(14).is_none());
        assert_eq!(piece.from(13).unwrap().written(ParticipantId(3)), "\u{98}3 00000001 13\u{9c}é");
    }
}
