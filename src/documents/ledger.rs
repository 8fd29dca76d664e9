//! Which documents an appointment has, how many more it may have, and who may add, read or take away one, in which phase of its link. Knows no bytes.

use serde::{Deserialize, Serialize};

use crate::agenda::phase::Phase;
use crate::documents::content::FileType;
use crate::ids::DocumentId;
use crate::time::Timestamp;

/// As what a document was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// Copy of the identity card: for one look by the agent, gone soon (trust.md I1). At most one.
    IdentityCopy,
    /// Anything else.
    Document,
}

/// One document. Has no `Debug`: its name may name a person (P2).
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    /// Which.
    pub id: DocumentId,
    /// As what it was handed in.
    pub kind: DocumentKind,
    /// As it is shown, made fit.
    pub name: String,
    /// What its bytes are.
    pub file: FileType,
    /// Its plain bytes.
    pub bytes: u64,
    /// When it was there whole.
    pub added: Timestamp,
}

/// The bounds of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Documents of one appointment, the copy of the identity card included.
    pub count: u32,
    /// Their bytes in all.
    pub bytes: u64,
}

impl Default for Quota {
    /// mission.md: 15 files and 20 MB.
    fn default() -> Self {
        Self { count: 15, bytes: 20_000_000 }
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// The citizen of the appointment.
    Citizen,
    /// An agent.
    Agent,
}

/// Why a document is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The phase of the link lets nothing be added or taken away.
    #[error("documents can be sent before and during the consultation")]
    WrongPhase,
    /// The appointment has as many as it may have.
    #[error("the appointment has as many documents as it may have")]
    TooMany,
    /// It would be more bytes than the appointment may have.
    #[error("the documents of the appointment would be too large in all")]
    TooLarge,
    /// There is a copy of the identity card already.
    #[error("there is a copy of the identity card already")]
    IdentityCopyThere,
}

/// Whether the citizen may hand in or take back documents now (rule D: afterwards they are read-only).
pub fn may_change(phase: Phase) -> Result<(), Refusal> {
    if matches!(phase, Phase::TooEarly | Phase::Open) { Ok(()) } else { Err(Refusal::WrongPhase) }
}

/// Whether one more of this kind and size fits.
pub fn may_add(there: &[Document], quota: Quota, kind: DocumentKind, bytes: u64) -> Result<(), Refusal> {
    if kind == DocumentKind::IdentityCopy && there.iter().any(|document| document.kind == kind) {
        return Err(Refusal::IdentityCopyThere);
    }
    if there.len() >= usize::try_from(quota.count).unwrap_or(usize::MAX) {
        return Err(Refusal::TooMany);
    }
    if bytes > room(there, quota) { Err(Refusal::TooLarge) } else { Ok(()) }
}

/// Bytes that still fit.
pub fn room(there: &[Document], quota: Quota) -> u64 {
    quota.bytes.saturating_sub(there.iter().map(|document| document.bytes).sum())
}

/// Whether this reader may have the bytes of a document of this kind. An agent never gets the copy of an identity card as a file (I1).
pub fn may_download(kind: DocumentKind, reader: Reader, phase: Phase) -> bool {
    phase != Phase::Erased && (reader == Reader::Citizen || kind != DocumentKind::IdentityCopy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(kind: DocumentKind, bytes: u64) -> Document {
        Document { id: DocumentId(1), kind, name: "a.pdf".into(), file: FileType::Pdf, bytes, added: Timestamp(0) }
    }

    #[test]
    fn the_sixteenth_document_and_the_byte_beyond_twenty_megabytes_are_refused() {
        let quota = Quota::default();
        let fourteen: Vec<_> = (0..14).map(|_| document(DocumentKind::Document, 1_000_000)).collect();
        assert_eq!(may_add(&fourteen, quota, DocumentKind::Document, 6_000_000), Ok(()));
        assert_eq!(may_add(&fourteen, quota, DocumentKind::Document, 6_000_001), Err(Refusal::TooLarge));
        let fifteen: Vec<_> = (0..15).map(|_| document(DocumentKind::Document, 1)).collect();
        assert_eq!(may_add(&fifteen, quota, DocumentKind::Document, 1), Err(Refusal::TooMany));
    }

    #[test]
    fn there_is_one_copy_of_the_identity_card() {
        let there = [document(DocumentKind::IdentityCopy, 5)];
        assert_eq!(may_add(&there, Quota::default(), DocumentKind::IdentityCopy, 5), Err(Refusal::IdentityCopyThere));
        assert_eq!(may_add(&there, Quota::default(), DocumentKind::Document, 5), Ok(()));
    }

    #[test]
    fn documents_change_before_and_during_the_consultation_and_are_read_until_they_are_erased() {
        use Phase::{Cancelled, Documents, Erased, Late, Missed, Open, Over, TooEarly};
        for phase in [TooEarly, Open, Late, Over, Documents, Missed, Cancelled, Erased] {
            assert_eq!(may_change(phase).is_ok(), matches!(phase, TooEarly | Open), "{phase:?}");
            for kind in [DocumentKind::Document, DocumentKind::IdentityCopy] {
                assert_eq!(may_download(kind, Reader::Citizen, phase), phase != Erased);
                assert_eq!(may_download(kind, Reader::Agent, phase), phase != Erased && kind == DocumentKind::Document);
            }
        }
    }
}
