//! The built web client, embedded with its precompressed siblings. Refuses to know what is in it.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::error::ApiError;
use super::request::At;
use crate::protocol::ErrorCode;

/// `web-client/dist` as it was when this binary was built; empty when the client was not built.
#[derive(RustEmbed)]
#[folder = "web-client/dist"]
#[allow_missing = true]
struct Client;

/// `GET /assets/{name}`: names carry a hash of their content, so they are kept for ever.
pub(super) async fn serve(At(name): At<String>, headers: HeaderMap) -> Response {
    let is_encoded = name.ends_with(".br") || name.ends_with(".gz");
    match file(&format!("assets/{name}"), &headers, "public, max-age=31536000, immutable") {
        Some(response) if !is_encoded => response,
        _ => ApiError::new(ErrorCode::NotFound, "no such asset").into_response(),
    }
}

/// A page of the client: asked for again each time, answered 304 while it is the same.
pub(super) fn page(name: &str, headers: &HeaderMap) -> Response {
    file(name, headers, "no-cache").unwrap_or_else(|| {
        let sentence = "The web client is not part of this build: run `make client` and build again.\n";
        (StatusCode::SERVICE_UNAVAILABLE, sentence).into_response()
    })
}

/// The address of the style sheet of a page, to dress pages that the server writes itself.
pub(super) fn style_of(page: &str) -> Option<String> {
    let html = Client::get(page)?;
    let html = std::str::from_utf8(&html.data).ok()?;
    let at = html.find("/assets/").and_then(|_| html.find(".css\""))?;
    let start = html[..at].rfind('"')? + 1;
    Some(html[start..at + 4].to_owned())
}

fn file(name: &str, headers: &HeaderMap, keep: &'static str) -> Option<Response> {
    let plain = Client::get(name)?;
    let tag = HeaderValue::from_str(&format!("\"{}\"", hex(&plain.metadata.sha256_hash()[..12]))).ok()?;
    let common = [
        (header::ETAG, tag.clone()),
        (header::CACHE_CONTROL, HeaderValue::from_static(keep)),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type(name))),
    ];
    if headers.get_all(header::IF_NONE_MATCH).iter().any(|seen| seen == tag) {
        return Some((StatusCode::NOT_MODIFIED, common).into_response());
    }
    let (encoding, file) = encoded(name, headers).map_or((None, plain), |(encoding, file)| (Some(encoding), file));
    let mut response = (common, Body::from(file.data.into_owned())).into_response();
    if let Some(encoding) = encoding {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Some(response)
}

/// The smallest sibling that the browser takes.
fn encoded(name: &str, headers: &HeaderMap) -> Option<(&'static str, EmbeddedFile)> {
    let accepted = headers.get(header::ACCEPT_ENCODING)?.to_str().ok()?;
    [("br", "br"), ("gzip", "gz")]
        .into_iter()
        .filter(|(encoding, _)| accepts(accepted, encoding))
        .find_map(|(encoding, ending)| Some((encoding, Client::get(&format!("{name}.{ending}"))?)))
}

/// RFC 9110 12.5.3, as far as it matters for two encodings: named, and not with weight 0.
fn accepts(header: &str, encoding: &str) -> bool {
    header.split(',').map(str::trim).any(|item| {
        let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
        let is_refused = parameters.trim().strip_prefix("q=").is_some_and(|weight| weight.trim().parse() == Ok(0.0_f32));
        name.trim().eq_ignore_ascii_case(encoding) && !is_refused
    })
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("json" | "map") => "application/json",
        Some("woff2") => "font/woff2",
        Some("mp3") => "audio/mpeg",
        Some("ogg" | "opus") => "audio/ogg",
        Some("wav") => "audio/wav",
        _ => "application/octet-stream",
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_taken_as_the_browser_says() {
        assert!(accepts("gzip, deflate, br", "br"));
        assert!(accepts("gzip;q=0.5", "gzip"));
        assert!(!accepts("br;q=0, gzip", "br"));
        assert!(!accepts("gzip", "br"));
        assert!(!accepts("", "gzip"));
    }
}
