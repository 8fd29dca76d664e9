//! The cookies: one each for citizen, guest, person and agent, so that all fit one browser, and that of a round to a provider. Knows their names and attributes, not who holds them.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::access::token::{Token, TokenHash};
use crate::limits;

/// Whose cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cookie {
    /// `__Host-visavis-citizen`. Lax: the link in a mail must find it.
    Citizen,
    /// `__Host-visavis-guest`. Lax, for the same reason.
    Guest,
    /// `__Host-visavis-person`: a citizen who signed in at the provider. Lax: the start page leads to "my appointments".
    Person,
    /// `__Host-visavis-agent`. Strict: nobody is led to the desk from elsewhere.
    Agent,
}

impl Cookie {
    fn name(self) -> &'static str {
        match self {
            Self::Citizen => "__Host-visavis-citizen",
            Self::Guest => "__Host-visavis-guest",
            Self::Person => "__Host-visavis-person",
            Self::Agent => "__Host-visavis-agent",
        }
    }

    fn attributes(self) -> &'static str {
        match self {
            Self::Citizen | Self::Guest | Self::Person => "Path=/; Secure; HttpOnly; SameSite=Lax",
            Self::Agent => "Path=/; Secure; HttpOnly; SameSite=Strict",
        }
    }

    /// `Set-Cookie` that gives the token. It lives as long as the browser runs; how long it is good is the store's business.
    pub(super) fn give(self, token: &Token) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("{}={}; {}", self.name(), token.text(), self.attributes())).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// `Set-Cookie` that takes it away.
    pub(super) fn take(self) -> Option<HeaderValue> {
        HeaderValue::from_str(&format!("{}=; {}; Max-Age=0", self.name(), self.attributes())).ok()
    }

    /// The hash of the token in the request, when it has the form of one.
    pub(super) fn hash_in(self, headers: &HeaderMap) -> Option<TokenHash> {
        self.token_in(headers).map(|token| token.hash())
    }

    /// The token itself, for what it alone opens.
    pub(super) fn token_in(self, headers: &HeaderMap) -> Option<Token> {
        Token::parse(value_in(headers, self.name())?)
    }
}

/// What a browser keeps while its person is at a provider; sealed, it tells it nothing. Strict is enough: the page that is come back to asks from its own side.
const ROUND: &str = "__Host-visavis-round";

/// `Set-Cookie` that gives a round.
pub(super) fn give_round(sealed: &str) -> Option<HeaderValue> {
    let lasts = limits::SIGN_IN_ROUND.as_secs();
    let mut value = HeaderValue::from_str(&format!("{ROUND}={sealed}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={lasts}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// `Set-Cookie` that takes it away: a round ends once.
pub(super) fn take_round() -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("{ROUND}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0")).ok()
}

/// The round in the request.
pub(super) fn round_in(headers: &HeaderMap) -> Option<&str> {
    value_in(headers, ROUND)
}

fn value_in<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let pairs = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(';'));
    Some(pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(name, _)| *name == wanted)?.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookie_is_found_among_others_and_only_under_its_own_name() {
        let token = Token::new([9; 32]);
        let mut headers = HeaderMap::new();
        let line = format!("a=b; __Host-visavis-agent={}; c=d", token.text());
        headers.insert(header::COOKIE, HeaderValue::from_str(&line).unwrap());
        assert_eq!(Cookie::Agent.hash_in(&headers), Some(token.hash()));
        assert_eq!(Cookie::Citizen.hash_in(&headers), None);
        headers.insert(header::COOKIE, HeaderValue::from_static("__Host-visavis-agent=short"));
        assert_eq!(Cookie::Agent.hash_in(&headers), None);
    }

    #[test]
    fn cookies_carry_every_attribute() {
        let given = Cookie::Agent.give(&Token::new([1; 32])).unwrap();
        let given = given.to_str().unwrap();
        for attribute in ["__Host-visavis-agent=", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=Strict"] {
            assert!(given.contains(attribute), "{given}");
        }
        assert!(Cookie::Citizen.give(&Token::new([1; 32])).unwrap().to_str().unwrap().contains("SameSite=Lax"));
        assert!(Cookie::Citizen.take().unwrap().to_str().unwrap().contains("Max-Age=0"));
    }
}
