//! One provider: discovered on first use, asked with code, PKCE, state and nonce, and believed only what its keys signed for this server.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreIdToken, CoreJwsSigningAlgorithm as Algorithm, CoreProviderMetadata,
};
use openidconnect::{
    AuthType, AuthenticationContextClass, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, HttpRequest, IssuerUrl, LanguageTag, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier,
    RedirectUrl, RequestTokenError, Scope, SignatureVerificationError, TokenResponse,
};
use tokio::sync::Mutex;
use url::Url;

use super::line::{Line, Unreachable};
use crate::access::claims::Claims;
use crate::config::OpenId;
use crate::config::secret::{Secret, SecretError};
use crate::limits;
use crate::time::{Instant, Timestamp};

/// What is wrong with the settings of a provider; the operator's fault.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// As whom?
    #[error("oidc: an issuer is set and its client_id is not")]
    NoClient,
    /// A client that keeps no secret could be anybody.
    #[error("oidc: an issuer is set and its secret_file is not")]
    NoSecret,
    /// The secret's file cannot be used.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The certificates cannot be used.
    #[error("{}: {why}", path.display())]
    CaFile {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// TLS cannot be prepared.
    #[error("TLS to the identity provider cannot be prepared: {0}")]
    Tls(String),
    /// An address that is none.
    #[error("oidc: {0:?} is not an address")]
    Address(String),
    /// Something needs a provider that is not there.
    #[error("services.{0}.step_up needs oidc.citizens.issuer: else nobody could join")]
    StepUpWithoutProvider(String),
}

/// Why somebody who came back is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenIdError {
    /// The provider does not answer, or says nothing that can be used.
    #[error("the identity provider does not answer")]
    Unreachable,
    /// The provider does not take the code: it was used before, is too old, or was never its own.
    #[error("the identity provider does not take the code")]
    Code,
    /// What it says is not signed by it, for this server, for this sign-in, or not any more.
    #[error("what the identity provider says cannot be believed")]
    Untrusted,
}

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// Values of `acr` that are wanted.
    pub acr: Vec<String>,
    /// `en`, `fr`, `de`, `lb`.
    pub language: Option<String>,
}

/// The way to the provider, and what must be remembered until somebody comes back. Has no `Debug`: it holds secrets.
pub struct Begun {
    /// Where the browser goes.
    pub url: Url,
    /// Comes back as it is.
    pub state: String,
    /// Stands in the token.
    pub nonce: String,
    /// Proves that who comes back is who went.
    pub verifier: String,
}

/// Who comes back, with what was remembered. Has no `Debug`: it holds secrets.
pub struct Back {
    /// What the provider gave the browser.
    pub code: String,
    /// Of the way there.
    pub nonce: String,
    /// Of the way there.
    pub verifier: String,
}

/// What the provider says. Has no `Debug`: it is personal.
pub struct Told {
    /// Who says it.
    pub issuer: String,
    /// Whom it is about.
    pub subject: String,
    /// The claims that it signed.
    pub token: Claims,
    /// What it told beside the token.
    pub beside: Claims,
}

/// A provider as the settings name it.
pub struct Provider {
    issuer: IssuerUrl,
    client_id: ClientId,
    secret: Secret,
    redirect: RedirectUrl,
    scopes: Vec<String>,
    line: Line,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    metadata: Option<(Instant, Arc<CoreProviderMetadata>)>,
    failed: Option<Instant>,
}

type Client = CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// Signatures with a key that the provider alone holds.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RsaSsaPkcs1V15Sha256,
    Algorithm::RsaSsaPkcs1V15Sha384,
    Algorithm::RsaSsaPkcs1V15Sha512,
    Algorithm::RsaSsaPssSha256,
    Algorithm::RsaSsaPssSha384,
    Algorithm::RsaSsaPssSha512,
    Algorithm::EcdsaP256Sha256,
    Algorithm::EcdsaP384Sha384,
    Algorithm::EdDsa,
];

impl Provider {
    /// None without an issuer. Browsers come back to `redirect`.
    pub fn new(settings: &OpenId, redirect: String) -> Result<Option<Self>, SetUpError> {
        let Some(issuer) = settings.issuer.clone() else { return Ok(None) };
        if settings.client_id.is_empty() {
            return Err(SetUpError::NoClient);
        }
        let secret = Secret::read(settings.secret_file.as_deref().ok_or(SetUpError::NoSecret)?)?;
        Ok(Some(Self {
            issuer: IssuerUrl::new(issuer.clone()).map_err(|_| SetUpError::Address(issuer))?,
            client_id: ClientId::new(settings.client_id.clone()),
            secret,
            redirect: RedirectUrl::new(redirect.clone()).map_err(|_| SetUpError::Address(redirect))?,
            scopes: settings.scopes.clone(),
            line: Line::new(settings.ca_file.as_deref())?,
            known: Mutex::default(),
        }))
    }

    /// As the settings say it.
    pub fn issuer(&self) -> &str {
        self.issuer.as_str()
    }

    /// Whether it answers, for the operator.
    pub async fn reach(&self) -> Result<(), OpenIdError> {
        self.metadata(false).await.map(drop)
    }

    /// The way there.
    pub async fn begin(&self, ask: &Ask) -> Result<Begun, OpenIdError> {
        let metadata = self.metadata(false).await?;
        let client = self.client(&metadata);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
            .set_pkce_challenge(challenge);
        for scope in &self.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        for acr in &ask.acr {
            request = request.add_auth_context_value(AuthenticationContextClass::new(acr.clone()));
        }
        if let Some(language) = &ask.language {
            request = request.add_ui_locale(LanguageTag::new(language.clone()));
        }
        let (url, state, nonce) = request.url();
        Ok(Begun { url, state: state.secret().clone(), nonce: nonce.secret().clone(), verifier: verifier.secret().clone() })
    }

    /// What it says of who came back. `now` is the server's wall clock.
    pub async fn finish(&self, back: Back, now: Timestamp) -> Result<Told, OpenIdError> {
        let metadata = self.metadata(false).await?;
        let client = self.client(&metadata);
        let exchange = client.exchange_code(AuthorizationCode::new(back.code)).map_err(|_| OpenIdError::Unreachable)?;
        let answered = exchange.set_pkce_verifier(PkceCodeVerifier::new(back.verifier)).request_async(&self.line).await;
        let tokens = answered.map_err(|error| match error {
            RequestTokenError::ServerResponse(_) => OpenIdError::Code,
            RequestTokenError::Request(Unreachable) => OpenIdError::Unreachable,
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => OpenIdError::Untrusted,
        })?;
        let token = tokens.id_token().ok_or(OpenIdError::Untrusted)?;
        let nonce = Nonce::new(back.nonce);
        let subject = match self.subject(&metadata, token, &nonce, now) {
            // It may have changed its keys since it was asked last.
            Err(ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey)) => {
                self.subject(&*self.metadata(true).await?, token, &nonce, now)
            }
            read => read,
        };
        let subject = subject.map_err(|error| {
            // Its own words may name a person.
            tracing::warn!(fault = fault(&error), "a token of the provider was not believed");
            OpenIdError::Untrusted
        })?;
        let beside = self.beside(&metadata, tokens.access_token().secret(), &subject).await;
        Ok(Told { issuer: self.issuer.to_string(), subject, token: claims_of(token)?, beside })
    }

    /// Whom a token is about that this provider signed for this server and this sign-in, and that is still good.
    fn subject(
        &self,
        metadata: &CoreProviderMetadata,
        token: &CoreIdToken,
        nonce: &Nonce,
        now: Timestamp,
    ) -> Result<String, ClaimsVerificationError> {
        let offered = metadata.id_token_signing_alg_values_supported();
        let client = self.client(metadata);
        let verifier = client
            .id_token_verifier()
            .set_allowed_algs(ALGORITHMS.into_iter().filter(|algorithm| offered.contains(algorithm)))
            .set_time_fn(move || DateTime::from_timestamp_millis(now.before(limits::PROVIDER_CLOCK).0).unwrap_or_default());
        Ok(token.claims(&verifier, nonce)?.subject().to_string())
    }

    /// What the provider tells of this person beside the token. Many tell names only here; none is missed where the token has them.
    async fn beside(&self, metadata: &CoreProviderMetadata, access: &str, subject: &str) -> Claims {
        let Some(endpoint) = metadata.userinfo_endpoint() else { return Claims::new() };
        let mut request = HttpRequest::new(Vec::new());
        let (Ok(uri), Ok(bearer)) = (endpoint.as_str().parse(), format!("Bearer {access}").parse()) else { return Claims::new() };
        *request.uri_mut() = uri;
        request.headers_mut().insert(hyper::header::AUTHORIZATION, bearer);
        request.headers_mut().insert(hyper::header::ACCEPT, hyper::header::HeaderValue::from_static("application/json"));
        let Ok(answer) = self.line.send(request).await else { return Claims::new() };
        let told: Claims = serde_json::from_slice(answer.body()).unwrap_or_default();
        // Of somebody else nothing is taken (OpenID Connect Core 5.3.4).
        let is_of_subject = told.get("sub").and_then(|sub| sub.as_str()) == Some(subject);
        if answer.status().is_success() && is_of_subject { told } else { Claims::new() }
    }

    fn client(&self, metadata: &CoreProviderMetadata) -> Client {
        let basic = CoreClientAuthMethod::ClientSecretBasic;
        let takes_basic = metadata.token_endpoint_auth_methods_supported().is_none_or(|methods| methods.contains(&basic));
        let secret = ClientSecret::new(self.secret.text().to_owned());
        CoreClient::from_provider_metadata(metadata.clone(), self.client_id.clone(), Some(secret))
            .set_redirect_uri(self.redirect.clone())
            .set_auth_type(if takes_basic { AuthType::BasicAuth } else { AuthType::RequestBody })
    }

    /// What the provider says of itself, its keys included. One asks at a time; where it just failed, nobody waits again.
    async fn metadata(&self, anew: bool) -> Result<Arc<CoreProviderMetadata>, OpenIdError> {
        let mut known = self.known.lock().await;
        let lasts = if anew { limits::PROVIDER_PAUSE } else { limits::PROVIDER_KNOWN };
        if let Some((since, metadata)) = &known.metadata
            && since.elapsed() < lasts
        {
            return Ok(metadata.clone());
        }
        if known.failed.is_some_and(|since| since.elapsed() < limits::PROVIDER_PAUSE) {
            return Err(OpenIdError::Unreachable);
        }
        match CoreProviderMetadata::discover_async(self.issuer.clone(), &self.line).await {
            Ok(metadata) => {
                let metadata = Arc::new(metadata);
                *known = Known { metadata: Some((Instant::now(), metadata.clone())), failed: None };
                Ok(metadata)
            }
            Err(error) => {
                tracing::warn!(%error, "the identity provider cannot be asked about itself");
                known.failed = Some(Instant::now());
                Err(OpenIdError::Unreachable)
            }
        }
    }
}

/// What is wrong with a token, in a word.
fn fault(error: &ClaimsVerificationError) -> &'static str {
    match error {
        ClaimsVerificationError::Expired(_) => "expired",
        ClaimsVerificationError::InvalidAudience(_) => "audience",
        ClaimsVerificationError::InvalidIssuer(_) => "issuer",
        ClaimsVerificationError::InvalidNonce(_) => "nonce",
        ClaimsVerificationError::SignatureVerification(_) => "signature",
        _ => "other",
    }
}

/// All claims of a token whose signature was checked: the very bytes that were signed.
fn claims_of(token: &CoreIdToken) -> Result<Claims, OpenIdError> {
    let text = token.to_string();
    let payload = text.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok()).ok_or(OpenIdError::Untrusted)?;
    serde_json::from_slice(&payload).map_err(|_| OpenIdError::Untrusted)
}
