//! Error codes and close codes: stable, a client shows its own text for each. Knows no cause.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a request was refused, over HTTP and over the WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Not a message of this version, or a field is wrong. The client's fault.
    BadMessage,
    /// `hello` named a version that this server does not speak.
    UnsupportedVersion,
    /// The request is not possible in the present phase.
    WrongState,
    /// No such appointment, or not one for this person.
    UnknownAppointment,
    /// The server's fault; nothing was done. Try again.
    Internal,
    /// Before S − 15 min (rule O).
    TooEarly,
    /// At or after E, never admitted and not waiting; or the time to return is over (rules L and R).
    Late,
    /// Another device holds the seat.
    Elsewhere,
    /// The consultation is closed, or was missed.
    Closed,
    /// That call does not ring any more.
    CallGone,
    /// The offer is not SDP that can be answered.
    BadOffer,
    /// This device holds no seat.
    NotSeated,
    /// The citizen is not waiting.
    NotWaiting,
    /// Another agent calls or talks to this person.
    Taken,
    /// The citizen has not agreed to this guest.
    NotAgreed,
    /// No such invitation, or it was taken back.
    UnknownGuest,
    /// Somebody of the service bears this name.
    NameTaken,
    /// Every seat is taken.
    Busy,
    /// Too many people talk at this moment; the place in the queue is kept, the offer may be made again.
    Overloaded,
    /// Not in the call.
    NotInCall,
    /// The consultation holds as many chat messages as it may.
    ChatFull,
    /// HTTP: the Bearer key is wrong.
    WrongKey,
    /// HTTP: a field of the appointment is wrong; the message names it.
    InvalidAppointment,
    /// HTTP: the `Idempotency-Key` came before with another body.
    KeyReused,
    /// HTTP: the last place of this slot was just taken; `free` holds the next ones.
    SlotTaken,
    /// HTTP: the e-mail address holds as many places as it may, or the phone waits for a call already.
    TooMany,
    /// HTTP: no such link.
    UnknownLink,
    /// HTTP: a newer link replaced this one.
    LinkReplaced,
    /// HTTP: too many tries; `Retry-After` says how long to wait. Chat: too many messages at once; the same may be said again in a second.
    SlowDown,
    /// HTTP: no cookie, or it is no longer good.
    NotSignedIn,
    /// HTTP: user name or password is wrong.
    WrongCredentials,
    /// HTTP: the password is right; a code of the second factor is needed too.
    CodeNeeded,
    /// HTTP: the code of the second factor is wrong, or was used.
    WrongCode,
    /// HTTP: the password is right; the account must set up a second factor first.
    SecondFactorMissing,
    /// HTTP: this round to the identity provider is over, was not begun in this browser, or its answer cannot be believed. Begin again.
    SignInFailed,
    /// HTTP: the identity provider says that nobody signed in, or nobody who is let in.
    SignInRefused,
    /// HTTP: the identity provider is not as sure of who this is as the service needs, or does not say how sure it is.
    NotAssured,
    /// HTTP: the identity provider does not answer.
    ProviderUnreachable,
    /// HTTP: the appointment is another person's.
    OtherPerson,
    /// HTTP: foreign `Origin`, or the header `X-Visavis` is missing.
    Forbidden,
    /// HTTP: no such resource.
    NotFound,
    /// HTTP: the body is larger than allowed.
    TooLarge,
    /// HTTP: the appointment has as many documents as it may have, or its one copy of an identity card.
    TooManyDocuments,
    /// HTTP: the file is empty, of no kind that is taken, or of two kinds at once.
    UnfitDocument,
    /// HTTP: no such document, or not for this person.
    UnknownDocument,
    /// HTTP: the disk of the server is full; nothing was kept.
    NoSpace,
}

impl ErrorCode {
    /// As it stands on the wire.
    pub fn word(self) -> String {
        serde_json::to_value(self).ok().and_then(|word| Some(word.as_str()?.to_owned())).unwrap_or_default()
    }
}

/// Why the server closed a WebSocket, and so what the client does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum CloseCode {
    /// Bye.
    Normal = 1000,
    /// The server stops: reconnect at once, then each second with jitter.
    GoingAway = 1001,
    /// A limit or rule was broken: do not reconnect by yourself.
    Policy = 1008,
    /// Overloaded: reconnect after 2–5 s.
    TryAgainLater = 1013,
    /// The cookie is no longer good: ask for the link or sign-in again.
    CredentialEnded = 4001,
    /// A newer socket of the same device replaced this one: do not reconnect.
    Replaced = 4002,
}
