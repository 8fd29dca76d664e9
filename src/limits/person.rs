//! Bounds of signing in at a provider of identities and of what a citizen finds there afterwards. Knows no provider.

use std::time::Duration;

/// A provider of identities must answer each question within this, or it counts as gone.
pub const PROVIDER_ANSWER: Duration = Duration::from_secs(4);
/// Bytes of the head of a provider's answer; a larger one counts as none.
pub const PROVIDER_HEAD_BYTES: usize = 16 * 1024;
/// Bytes of the body of a provider's answer, its keys included; a larger one counts as none.
pub const PROVIDER_BODY_BYTES: usize = 512 * 1024;
/// What a provider says of itself is asked again after this.
pub const PROVIDER_KNOWN: Duration = Duration::from_secs(60 * 60);
/// A provider that did not answer is left alone for this long, and its keys are not asked for more often.
pub const PROVIDER_PAUSE: Duration = Duration::from_secs(5);
/// So far the provider's clock may be behind ours before its tokens are too old.
pub const PROVIDER_CLOCK: Duration = Duration::from_secs(60);
/// Who went to a provider must be back within this, or begins again.
pub const SIGN_IN_ROUND: Duration = Duration::from_secs(15 * 60);
/// Rounds to a provider that came back and are remembered, so that none comes back twice; at the bound the oldest is forgotten, and its provider alone
/// refuses its code.
pub const SPENT_ROUNDS: usize = 10_000;
/// Bytes of what comes back from a provider in one field; a longer one is refused unread.
pub const PROVIDER_FIELD_BYTES: usize = 4 * 1024;
/// Sign-ins at a provider that one origin may begin or end at once; then one more after each `PROVIDER_SIGN_IN_AGAIN`.
pub const PROVIDER_SIGN_INS_PER_ORIGIN: u32 = 60;
/// See `PROVIDER_SIGN_INS_PER_ORIGIN`.
pub const PROVIDER_SIGN_IN_AGAIN: Duration = Duration::from_secs(5);
/// A citizen who signed in at a provider is signed out after this, whatever they do.
pub const PERSON_SIGN_IN: Duration = Duration::from_secs(60 * 60);
/// Browsers in which one citizen is signed in; one more ends the oldest.
pub const SIGN_INS_PER_PERSON: u32 = 8;
/// Appointments shown to one citizen, the latest first.
pub const MY_APPOINTMENTS: u32 = 50;
