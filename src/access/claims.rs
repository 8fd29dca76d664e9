//! What an identity provider says of somebody, read as the settings name it. The signature was checked before; refuses to know how.

use serde_json::{Map, Value};

use super::assurance::{Assurance, Levels};
use super::name::is_unfit_in_a_name;
use super::role::Role;

/// The claims of a token, and of the provider's page about the person.
pub type Claims = Map<String, Value>;

/// Where the details of a citizen stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CitizenClaims {
    /// First names.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// The whole name, where the two are not told.
    pub name: String,
    /// E-mail address; may be left out.
    pub email: String,
    /// Phone number; may be left out.
    pub phone: String,
    /// Which `acr` stands for which level.
    pub levels: Levels,
}

/// A citizen as a provider vouches for them. Has no `Debug` (trust.md P2).
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    /// First names and family name.
    pub name: String,
    /// Where mail goes, if it was told.
    pub email: Option<String>,
    /// Where to phone, if it was told.
    pub phone: Option<String>,
    /// How sure the provider is.
    pub assurance: Assurance,
}

/// Why claims are not enough. The provider's or the operator's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsError {
    /// No `acr`, or none that the settings know (I2).
    #[error("the provider did not say how sure it is, or in words that no setting knows")]
    NoAssurance,
    /// Nothing to call the person by.
    #[error("the provider did not tell a name that can be shown")]
    NoName,
    /// The claim of roles holds none of those that are let in.
    #[error("the provider told no role that is let in")]
    NoRole,
}

impl CitizenClaims {
    /// `told` beside the token; the level comes from the token alone.
    pub fn person(&self, token: &Claims, told: &Claims) -> Result<Person, ClaimsError> {
        let assurance = self.levels.of(token.get("acr").and_then(Value::as_str)).ok_or(ClaimsError::NoAssurance)?;
        let text = |claim: &str| said(token, claim).or_else(|| said(told, claim));
        let name = match (text(&self.given_name), text(&self.family_name)) {
            (Some(given), Some(family)) => Some(format!("{given} {family}")),
            _ => text(&self.name),
        };
        let name =
            name.filter(|name| name.chars().count() <= NAME_MAX && !name.chars().any(is_unfit_in_a_name)).ok_or(ClaimsError::NoName)?;
        Ok(Person { name, email: text(&self.email), phone: text(&self.phone), assurance })
    }
}

/// Where name and roles of the staff stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StaffClaims {
    /// The name that citizens see.
    pub name: String,
    /// Dotted path to the roles: a list of words, or words with blanks between them.
    pub roles: String,
    /// The word for an agent.
    pub agent: String,
    /// The word for a supervisor.
    pub supervisor: String,
}

/// Somebody of the staff as a provider vouches for them. Has no `Debug` (trust.md P2).
#[derive(Clone, PartialEq, Eq)]
pub struct Member {
    /// The name that citizens see.
    pub name: String,
    /// The higher one of those told.
    pub role: Role,
}

impl StaffClaims {
    /// The role comes from the token, else from what was told beside it; the first of the two that speaks of roles decides.
    pub fn member(&self, token: &Claims, told: &Claims) -> Result<Member, ClaimsError> {
        let roles = at_path(token, &self.roles).or_else(|| at_path(told, &self.roles)).map(words).unwrap_or_default();
        let has = |wanted: &str| !wanted.is_empty() && roles.iter().any(|role| role == wanted);
        let role = match (has(&self.supervisor), has(&self.agent)) {
            (true, _) => Role::Supervisor,
            (false, true) => Role::Agent,
            (false, false) => return Err(ClaimsError::NoRole),
        };
        let name = said(token, &self.name).or_else(|| said(told, &self.name));
        let name =
            name.filter(|name| name.chars().count() <= NAME_MAX && !name.chars().any(is_unfit_in_a_name)).ok_or(ClaimsError::NoName)?;
        Ok(Member { name, role })
    }
}

/// Longer names are not shown.
const NAME_MAX: usize = 100;

fn said(claims: &Claims, claim: &str) -> Option<String> {
    let text = claims.get(claim)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// `realm_access.roles` is the list inside; a claim whose own name has dots is found as well.
fn at_path<'a>(claims: &'a Claims, path: &str) -> Option<&'a Value> {
    if let Some(found) = claims.get(path) {
        return Some(found);
    }
    let mut parts = path.split('.');
    let first = claims.get(parts.next()?)?;
    parts.try_fold(first, |value, part| value.as_object()?.get(part))
}

fn words(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => text.split_whitespace().map(str::to_owned).collect(),
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: Value) -> Claims {
        value.as_object().unwrap().clone()
    }

    fn citizen() -> CitizenClaims {
        CitizenClaims {
            given_name: "given_name".into(),
            family_name: "family_name".into(),
            name: "name".into(),
            email: "email".into(),
            phone: "phone_number".into(),
            levels: Levels { substantial: vec!["sub".into()], ..Levels::default() },
        }
    }

    #[test]
    fn a_level_is_believed_from_the_token_alone() {
        let name = json!({"name": "Clara Citizen"});
        let beside = claims(json!({"acr": "sub", "name": "Clara Citizen"}));
        assert!(citizen().person(&claims(name), &beside).err() == Some(ClaimsError::NoAssurance));
        let token = claims(json!({"acr": "sub"}));
        let person =
            citizen().person(&token, &claims(json!({"given_name": "Clara", "family_name": "Weber", "email": " c@example.lu "}))).ok();
        let expected =
            Person { name: "Clara Weber".into(), email: Some("c@example.lu".into()), phone: None, assurance: Assurance::Substantial };
        assert!(person == Some(expected));
        for acr in [json!(["sub"]), json!(null), json!(2), json!("low")] {
            let token = claims(json!({"acr": acr, "name": "Clara"}));
            assert!(citizen().person(&token, &Claims::new()).err() == Some(ClaimsError::NoAssurance));
        }
    }

    #[test]
    fn a_name_that_turns_the_text_or_is_missing_is_none() {
        for name in [json!(""), json!("  "), json!("Anna \u{202E}tnegA"), json!("x".repeat(101)), json!(7)] {
            let token = claims(json!({"acr": "sub", "name": name}));
            assert!(citizen().person(&token, &Claims::new()).err() == Some(ClaimsError::NoName));
        }
    }

    #[test]
    fn roles_are_lists_or_words_at_any_depth_and_nothing_else_lets_in() {
        let staff = |roles: &str| StaffClaims {
            name: "name".into(),
            roles: roles.into(),
            agent: "video-agent".into(),
            supervisor: "video-supervisor".into(),
        };
        let role = |roles: &str, token: Value| staff(roles).member(&claims(token), &Claims::new()).map(|member| member.role).ok();
        assert_eq!(role("roles", json!({"name": "Anna", "roles": ["mail", "video-agent"]})), Some(Role::Agent));
        assert_eq!(role("roles", json!({"name": "Anna", "roles": "video-agent video-supervisor"})), Some(Role::Supervisor));
        assert_eq!(role("realm_access.roles", json!({"name": "Anna", "realm_access": {"roles": ["video-agent"]}})), Some(Role::Agent));
        assert_eq!(role("https://x.example/roles", json!({"name": "Anna", "https://x.example/roles": ["video-agent"]})), Some(Role::Agent));
        for roles in [json!(["agent"]), json!("video-agents"), json!({"video-agent": true}), json!(true), json!(null)] {
            assert_eq!(role("roles", json!({"name": "Anna", "roles": roles})), None, "{roles}");
        }
        let nobody = StaffClaims { name: "name".into(), roles: "roles".into(), ..StaffClaims::default() };
        assert!(nobody.member(&claims(json!({"name": "Anna", "roles": [""]})), &Claims::new()).err() == Some(ClaimsError::NoRole));
    }
}
