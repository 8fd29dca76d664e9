//! What every answer says to the browser about itself (trust.md W4). Refuses to know the route.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use super::site::{Scheme, Site};

/// Nothing but our own files, no inline script, no framing, no strings turned into script.
macro_rules! csp {
    ($policies:literal) => {
        concat!(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; \
             font-src 'self'; manifest-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
             require-trusted-types-for 'script'; trusted-types ",
            $policies
        )
    };
}

const CSP: &str = csp!("'none'");
/// The agent's page may name one thread of its own, the one that reads a PDF which a citizen handed in; its policy lets no other address pass.
pub(super) const AGENT_CSP: HeaderValue = HeaderValue::from_static(csp!("visavis-pdf"));

const EVERYWHERE: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, CSP),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(self), microphone=(self), display-capture=(self), fullscreen=(self), speaker-selection=(self), geolocation=(), payment=(), usb=(), browsing-topics=()",
    ),
    (header::X_FRAME_OPTIONS, "DENY"),
];

/// One year with sub-domains (W3), on HTTPS only: a browser ignores it elsewhere. Not for `localhost`: the promise holds for a host on every
/// port, and would shut the plain listener that this computer's browsers use.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000; includeSubDomains");

/// Adds them to every answer; what does not say how long it may be kept is data and is not kept.
pub(super) async fn secure(State(site): State<Site>, request: Request, next: Next) -> Response {
    let promises_https = site.scheme == Scheme::Https && !is_localhost(&request);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in EVERYWHERE {
        // A document says a stricter policy of its own.
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if promises_https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn is_localhost(request: &Request) -> bool {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).or_else(|| request.uri().host()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name.eq_ignore_ascii_case("localhost")
}
