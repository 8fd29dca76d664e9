//! Keeps foreign web pages from acting with a person's cookies (trust.md S7): own origin, own header, own site. Refuses to know who the person is.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::demo_clock::CLOCK_PATH;
use super::error::ApiError;
use super::site::{Scheme, Site};
use crate::protocol::ErrorCode;

/// Whatever changes something needs `X-Visavis: 1`; a browser's `Origin` and `Sec-Fetch-Site` must be our own. A portal says its key instead of the header:
/// no foreign page can make a browser send one without asking first.
pub(super) async fn refuse_foreign_pages(State(site): State<Site>, request: Request, next: Next) -> Response {
    // No route has any other method that changes something.
    let may_change = matches!(*request.method(), Method::POST | Method::PATCH | Method::DELETE);
    // Without its key what is a portal's alone answers that the key is missing.
    let path = request.uri().path();
    let is_portals_own = is_below("/api/v1/appointments", path) || is_below("/api/v1/load", path);
    let is_portal = is_portals_own || request.headers().contains_key(header::AUTHORIZATION);
    // The demonstration's clock is moved by scripts; whether it is there at all is its own matter.
    let is_script = path == CLOCK_PATH;
    if may_change {
        let headers = request.headers();
        if !is_portal && !is_script && headers.get("x-visavis").is_none_or(|value| value != "1") {
            return forbidden("the header X-Visavis: 1 is missing");
        }
        if headers.contains_key(header::ORIGIN) && !is_own_origin(&site, headers, request.uri()) {
            return forbidden("foreign Origin");
        }
        if headers.get("sec-fetch-site").is_some_and(|from| from != "same-origin") {
            return forbidden("foreign Sec-Fetch-Site");
        }
    }
    next.run(request).await
}

fn is_below(root: &str, path: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether `Origin` is there and ours: the address that was asked, or the one that stands in links.
pub(super) fn is_own_origin(site: &Site, headers: &HeaderMap, uri: &Uri) -> bool {
    let Some(origin) = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()) else { return false };
    let host =
        headers.get(header::HOST).and_then(|host| host.to_str().ok()).or_else(|| uri.authority().map(|authority| authority.as_str()));
    let scheme = match site.scheme {
        Scheme::Https => "https",
        Scheme::Http => "http",
    };
    let asked = host.is_some_and(|host| origin.eq_ignore_ascii_case(&format!("{scheme}://{host}")));
    asked || origin.eq_ignore_ascii_case(&site.config.base_url)
}

fn forbidden(message: &'static str) -> Response {
    ApiError::new(ErrorCode::Forbidden, message).into_response()
}
