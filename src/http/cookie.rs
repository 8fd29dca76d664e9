//! The cookies: one each for citizen, guest and agent, so that all fit one browser. Knows their names and attributes, not who holds them.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::access::token::{Token, TokenHash};

/// Whose cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cookie {
    /// `__Host-visavis-citizen`. Lax: the link in a mail must find it.
    Citizen,
    /// `__Host-visavis-guest`. Lax, for the same reason.
    Guest,
    /// `__Host-visavis-agent`. Strict: nobody is led to the desk from elsewhere.
    Agent,
}

impl Cookie {
    fn name(self) -> &'static str {
        match self {
            Self::Citizen => "__Host-visavis-citizen",
            Self::Guest => "__Host-visavis-guest",
            Self::Agent => "__Host-visavis-agent",
        }
    }

    fn attributes(self) -> &'static str {
        match self {
            Self::Citizen | Self::Guest => "Path=/; Secure; HttpOnly; SameSite=Lax",
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
        let pairs = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(';'));
        let value = pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(name, _)| *name == self.name())?.1;
        Token::parse(value).map(|token| token.hash())
    }
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
