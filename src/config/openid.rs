//! The settings of sign-in: OpenID Connect for citizens and for the staff, and what local accounts need. Refuses to know what a provider answers.

use std::path::PathBuf;

use super::judged::*;
use super::settings::Setting;
use crate::access::assurance::Assurance;
use crate::access::claims::{CitizenClaims, StaffClaims};

/// One provider; off without an issuer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpenId {
    /// Exactly as the provider itself says it.
    pub issuer: Option<String>,
    /// As which this server is known there.
    pub client_id: String,
    /// The file with the secret that goes with it.
    pub secret_file: Option<PathBuf>,
    /// Whose certificates are believed, PEM, beside those that the system knows.
    pub ca_file: Option<PathBuf>,
    /// What is asked for; `openid` always is.
    pub scopes: Vec<String>,
}

/// Where citizens sign in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpenIdCitizens {
    /// The provider.
    pub provider: OpenId,
    /// What it tells, and where.
    pub claims: CitizenClaims,
    /// What is asked of it, and what is let in at all.
    pub least: Option<Assurance>,
}

/// Where the staff signs in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpenIdStaff {
    /// The provider.
    pub provider: OpenId,
    /// What it tells, and where.
    pub claims: StaffClaims,
}

/// In the order of the file.
pub(super) const OPENID: &[Setting] = &[
    Setting {
        key: "oidc.citizens.issuer",
        kind: Kind::Text,
        default: r#""""#,
        about: "Where citizens sign in with OpenID Connect (docs/sign-in.md): the address of the provider or broker, exactly as it says itself. Empty: citizens book without authentication alone.",
        set: |config, _, value| issuer(value).map(|issuer| config.citizens.provider.issuer = issuer),
    },
    Setting {
        key: "oidc.citizens.client_id",
        kind: Kind::Text,
        default: r#""""#,
        about: "As which this server is registered there, with `{web.public_url}/signed-in` as the address to come back to.",
        set: |config, _, value| text(value).map(|id| config.citizens.provider.client_id = id),
    },
    Setting {
        key: "oidc.citizens.secret_file",
        kind: Kind::Text,
        default: r#""""#,
        about: "The file with the client's secret, which nobody but the server's account may read (mode 0400).",
        set: |config, _, value| optional_path(value).map(|path| config.citizens.provider.secret_file = path),
    },
    Setting {
        key: "oidc.citizens.ca_file",
        kind: Kind::Text,
        default: r#""""#,
        about: "Certificates (PEM) that are believed of the provider beside those that the system knows.",
        set: |config, _, value| optional_path(value).map(|path| config.citizens.provider.ca_file = path),
    },
    Setting {
        key: "oidc.citizens.scopes",
        kind: Kind::List,
        default: r#"["profile", "email"]"#,
        about: "What is asked for beside `openid`.",
        set: |config, _, value| scopes(value).map(|scopes| config.citizens.provider.scopes = scopes),
    },
    Setting {
        key: "oidc.citizens.given_name",
        kind: Kind::Text,
        default: r#""given_name""#,
        about: "The claim with the first names; with the family name it makes the name of the appointment.",
        set: |config, _, value| text(value).map(|claim| config.citizens.claims.given_name = claim),
    },
    Setting {
        key: "oidc.citizens.family_name",
        kind: Kind::Text,
        default: r#""family_name""#,
        about: "The claim with the family name.",
        set: |config, _, value| text(value).map(|claim| config.citizens.claims.family_name = claim),
    },
    Setting {
        key: "oidc.citizens.name",
        kind: Kind::Text,
        default: r#""name""#,
        about: "The claim with the whole name, where the provider does not tell the two.",
        set: |config, _, value| text(value).map(|claim| config.citizens.claims.name = claim),
    },
    Setting {
        key: "oidc.citizens.email",
        kind: Kind::Text,
        default: r#""email""#,
        about: "The claim with the e-mail address. The citizen may write another one.",
        set: |config, _, value| text(value).map(|claim| config.citizens.claims.email = claim),
    },
    Setting {
        key: "oidc.citizens.phone",
        kind: Kind::Text,
        default: r#""phone_number""#,
        about: "The claim with the phone number. The citizen may write another one.",
        set: |config, _, value| text(value).map(|claim| config.citizens.claims.phone = claim),
    },
    Setting {
        key: "oidc.citizens.acr_low",
        kind: Kind::List,
        default: r#"["http://eidas.europa.eu/LoA/low"]"#,
        about: "Which values of the claim `acr` stand for the assurance level `low` of eIDAS. A missing `acr`, and one that stands in none of the three lists or in two, lets nobody in.",
        set: |config, _, value| acr(value).map(|names| config.citizens.claims.levels.low = names),
    },
    Setting {
        key: "oidc.citizens.acr_substantial",
        kind: Kind::List,
        default: r#"["http://eidas.europa.eu/LoA/substantial"]"#,
        about: "Which stand for `substantial`.",
        set: |config, _, value| acr(value).map(|names| config.citizens.claims.levels.substantial = names),
    },
    Setting {
        key: "oidc.citizens.acr_high",
        kind: Kind::List,
        default: r#"["http://eidas.europa.eu/LoA/high"]"#,
        about: "Which stand for `high`.",
        set: |config, _, value| acr(value).map(|names| config.citizens.claims.levels.high = names),
    },
    Setting {
        key: "oidc.citizens.least",
        kind: Kind::Text,
        default: r#""low""#,
        about: "Who comes back with a lower level than this is not let in: `low`, `substantial` or `high`.",
        set: |config, _, value| {
            let least = one_of(value, &["low", "substantial", "high"])?;
            config.citizens.least = Assurance::parse(&least);
            Ok(())
        },
    },
    Setting {
        key: "oidc.agents.issuer",
        kind: Kind::Text,
        default: r#""""#,
        about: "Where agents and supervisors sign in with OpenID Connect, beside local accounts. Empty: with local accounts alone.",
        set: |config, _, value| issuer(value).map(|issuer| config.staff.provider.issuer = issuer),
    },
    Setting {
        key: "oidc.agents.client_id",
        kind: Kind::Text,
        default: r#""""#,
        about: "As which this server is registered there, with `{web.public_url}/agent/signed-in` as the address to come back to.",
        set: |config, _, value| text(value).map(|id| config.staff.provider.client_id = id),
    },
    Setting {
        key: "oidc.agents.secret_file",
        kind: Kind::Text,
        default: r#""""#,
        about: "The file with the client's secret, mode 0400.",
        set: |config, _, value| optional_path(value).map(|path| config.staff.provider.secret_file = path),
    },
    Setting {
        key: "oidc.agents.ca_file",
        kind: Kind::Text,
        default: r#""""#,
        about: "Certificates (PEM) that are believed of the provider beside those that the system knows.",
        set: |config, _, value| optional_path(value).map(|path| config.staff.provider.ca_file = path),
    },
    Setting {
        key: "oidc.agents.scopes",
        kind: Kind::List,
        default: r#"["profile"]"#,
        about: "What is asked for beside `openid`.",
        set: |config, _, value| scopes(value).map(|scopes| config.staff.provider.scopes = scopes),
    },
    Setting {
        key: "oidc.agents.name",
        kind: Kind::Text,
        default: r#""name""#,
        about: "The claim with the name that citizens see.",
        set: |config, _, value| text(value).map(|claim| config.staff.claims.name = claim),
    },
    Setting {
        key: "oidc.agents.roles",
        kind: Kind::Text,
        default: r#""roles""#,
        about: "The claim with the roles, a list or words with blanks between them; with dots for one inside another, such as `realm_access.roles`.",
        set: |config, _, value| text(value).map(|claim| config.staff.claims.roles = claim),
    },
    Setting {
        key: "oidc.agents.agent_role",
        kind: Kind::Text,
        default: r#""visavis-agent""#,
        about: "The role that makes somebody an agent. Who has neither this one nor the next is not let in.",
        set: |config, _, value| text(value).map(|role| config.staff.claims.agent = role),
    },
    Setting {
        key: "oidc.agents.supervisor_role",
        kind: Kind::Text,
        default: r#""visavis-supervisor""#,
        about: "The role that makes somebody a supervisor.",
        set: |config, _, value| text(value).map(|role| config.staff.claims.supervisor = role),
    },
    Setting {
        key: "accounts.second_factor",
        kind: Kind::Switch,
        default: "true",
        about: "Whether local accounts need a second factor: codes of an app on the agent's phone (TOTP), set up at the first sign-in. The account of demo mode needs none.",
        set: |config, _, value| switch(value).map(|on| config.second_factor = on),
    },
];

fn issuer(value: Value) -> Judged<Option<String>> {
    let url = text(value)?;
    match url.trim() {
        "" => Ok(None),
        url if is_webhook_url(url) && !url.contains('?') => Ok(Some(url.to_owned())),
        _ => Err((
            format!("{url:?} is not the address of a provider"),
            String::from(r#""https://login.example.lu/realms/citizens"; http:// for 127.0.0.1, [::1] and localhost alone"#),
        )),
    }
}

fn scopes(value: Value) -> Judged<Vec<String>> {
    let scope =
        |text: &str| (!text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')).then(|| text.to_owned());
    each(value, scope, "a scope", r#"["profile", "email"]"#)
}

/// A blank would make two of one where they are asked for.
fn acr(value: Value) -> Judged<Vec<String>> {
    let name = |text: &str| (!text.is_empty() && !text.contains(char::is_whitespace)).then(|| text.to_owned());
    each(value, name, "a value of acr", r#"["http://eidas.europa.eu/LoA/substantial"]"#)
}
