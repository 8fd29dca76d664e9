//! The text of a short message: what, when and the link, in one language. Refuses to know who sends it.

use super::House;
use super::letter::{Sheet, Told, one_line};
use super::words::Words;
use crate::store::Kind;

/// The text about this; none where citizens are told nothing of it.
pub(super) fn about(kind: Kind, sheet: &Sheet<'_>, house: &House) -> Option<String> {
    let words = Words::of(&sheet.of.language)?;
    let by_service = sheet.of.record.cancellation.as_ref().is_some_and(|why| why.by_service);
    let occasion = words.occasion(kind, by_service)?;
    Some(one_line(&Told::of(sheet.of, house, words).fill_with(&occasion.sms, &sheet.join_url)))
}
