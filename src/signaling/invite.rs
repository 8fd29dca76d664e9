//! The link of a guest: drawn here, told once to the agent who asked, with the picture to scan. Keeps nothing; whether there is a guest is decided by the rules.

use aws_lc_rs::rand;
use qrcode::{Color, QrCode};

use crate::access::token::{Token, TokenHash};
use crate::signaling::Signaling;

/// A link that nobody has been told yet.
pub(super) struct Drawn {
    pub(super) hash: TokenHash,
    pub(super) url: String,
    /// Rows of `0` and `1`.
    pub(super) qr: Vec<String>,
}

impl Signaling {
    /// A new link; `None` where no address for links is known, or the system has no randomness.
    pub(super) fn draw_link(&self) -> Option<Drawn> {
        let base = self.base_url.get()?;
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).ok()?;
        let token = Token::new(bytes);
        let url = format!("{base}/j#{}", token.text());
        let qr = qr_of(&url)?;
        Some(Drawn { hash: token.hash(), url, qr })
    }
}

/// The picture of a link to scan: rows of `0` and `1` (dark). None when it is too long for one.
pub fn qr_of(url: &str) -> Option<Vec<String>> {
    QrCode::new(url).ok().map(|code| rows(&code))
}

fn rows(code: &QrCode) -> Vec<String> {
    let dark = |color: &Color| if *color == Color::Dark { '1' } else { '0' };
    code.to_colors().chunks(code.width()).map(|row| row.iter().map(dark).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_is_square_and_begins_with_the_corner_that_every_reader_looks_for() {
        let rows = rows(&QrCode::new("https://visavis.example/j#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").unwrap());
        assert!(rows.len() >= 21 && rows.iter().all(|row| row.len() == rows.len()));
        let corner: Vec<&str> = rows[..7].iter().map(|row| &row[..7]).collect();
        assert_eq!(corner, ["1111111", "1000001", "1011101", "1011101", "1011101", "1000001", "1111111"]);
    }
}
