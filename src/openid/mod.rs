//! Sign-in with OpenID Connect at a provider outside: the way there, and what it says when somebody comes back. Refuses to know cookies, routes and who is let in.

mod line;
mod provider;

pub use line::Unreachable;
pub use provider::{Ask, Back, Begun, OpenIdError, Provider, SetUpError, Told};
