//! Which characters a name may hold that others see. Refuses to know whose it is.

/// What somebody's name on other people's screens must not hold, since it looks like another name or turns the text around it: controls, the overrides of
/// Unicode's bidirectional algorithm, characters of no width (trust.md O15, O16).
pub fn is_unfit_in_a_name(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200B}' | '\u{FEFF}')
}
