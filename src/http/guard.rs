//! Keeps foreign web pages from acting with a person's cookies (trust.md S7): own origin, own header, own site. Refuses to know who the person is.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::demo_clock::CLOCK_PATH;
use super::error::ApiError;
use super::site::{Scheme, Site};
use crate::protocol::ErrorCode;

/// Whatever changes something needs `X-Visavis: 1`; a browser's `Origin` and `Sec-Fetch-Site` must be our own. Portals hold a key and no cookie.
pub(super) async fn refuse_foreign_pages(State(site): State<Site>, request: Request, next: Next) -> Response {
    let reads_only = matches!(*request.method(), Method::GET | Method::HEAD);
    let is_script = request.uri().path() == CLOCK_PATH;
    let is_portal = request.uri().path().strip_prefix("/api/v1/appointments").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if !reads_only && !is_portal && !is_script {
        let headers = request.headers();
        if headers.get("x-visavis").is_none_or(|value| value != "1") {
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
