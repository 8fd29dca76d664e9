//! The short name of an appointment that is said over the phone. Does not know which ones are taken.

use aws_lc_rs::rand;

use super::StoreError;

/// Six characters that are not mistaken for each other on the phone or on paper: no I, O, 0, 1.
pub(super) fn random() -> Result<String, StoreError> {
    const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let mut bytes = [0; 6];
    rand::fill(&mut bytes).map_err(|_| StoreError::Randomness)?;
    let text: String = bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
    Ok(format!("{}-{}", &text[..3], &text[3..]))
}
