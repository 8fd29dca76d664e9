//! The few HTTP requests of a simulated participant, over HTTP/1.1. Follows nothing, keeps no cookie jar.

use std::io;
use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::load::LoadError;
use crate::load::wire::{Trust, dial};

/// Answers longer than this are refused.
const ANSWER_MAX: u64 = 8 * 1024 * 1024;

/// One answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Header names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// The body as JSON; `Null` when it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The stable error code of an error answer.
    pub fn error_code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or("").to_owned()
    }

    /// `name=value` of every cookie that the answer sets.
    pub fn cookies(&self) -> Vec<String> {
        let set = self.headers.iter().filter(|(name, _)| name == "set-cookie");
        set.filter_map(|(_, value)| value.split(';').next()).map(str::to_owned).collect()
    }
}

/// Where the server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// `host:port`.
    pub authority: String,
    /// For `https://`: whose certificates are believed.
    pub trust: Option<Trust>,
}

impl Base {
    /// Plain HTTP at `host:port`.
    pub fn plain(authority: impl Into<String>) -> Self {
        Self { authority: authority.into(), trust: None }
    }

    /// Reads `http://host:port`, with or without what follows.
    pub fn parse(url: &str) -> Result<Self, LoadError> {
        let rest = url.strip_prefix("http://").ok_or_else(|| LoadError::Signaling(String::from("the base URL must begin with http://")))?;
        Ok(Self::plain(authority(rest, 80)))
    }

    /// The same, and `https://` with a certificate that leads to one of those in `ca`, or to one that the system knows.
    pub fn parse_with(url: &str, ca: Option<&Path>) -> Result<Self, LoadError> {
        match url.strip_prefix("https://") {
            Some(rest) => Ok(Self { authority: authority(rest, 443), trust: Some(Trust::of(ca)?) }),
            None => Self::parse(url).map_err(|_| LoadError::Signaling(String::from("the URL must begin with https:// or http://"))),
        }
    }

    /// The origin that a page of this server has.
    pub fn origin(&self) -> String {
        format!("http{}://{}", if self.trust.is_some() { "s" } else { "" }, self.authority)
    }
}

fn authority(rest: &str, port: u16) -> String {
    let authority = rest.split('/').next().unwrap_or("");
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if has_port { authority.to_owned() } else { format!("{authority}:{port}") }
}

/// Sends one request on a connection of its own. `headers` come beside `Host`, `Origin`, `X-Visavis` and `Content-Length`.
pub async fn request(
    base: &Base,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&serde_json::Value>,
) -> Result<Response, LoadError> {
    let body = body.map(ToString::to_string).unwrap_or_default();
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", base.authority);
    text.push_str(&format!("Origin: {}\r\nX-Visavis: 1\r\nContent-Length: {}\r\n", base.origin(), body.len()));
    if !body.is_empty() {
        text.push_str("Content-Type: application/json\r\n");
    }
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.push_str(&body);
    let mut socket = dial(&base.authority, base.trust.as_ref()).await?;
    socket.write_all(text.as_bytes()).await.map_err(broken)?;
    socket.flush().await.map_err(broken)?;
    let mut answer = Vec::new();
    match socket.take(ANSWER_MAX).read_to_end(&mut answer).await {
        // Whoever closes TLS without a word has said all the same what the length of the body says.
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(broken(error)),
        _ => {}
    }
    parse(&answer).ok_or_else(|| LoadError::Signaling(String::from("not an HTTP answer")))
}

fn broken(error: io::Error) -> LoadError {
    LoadError::Signaling(error.to_string())
}

fn parse(answer: &[u8]) -> Option<Response> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value.eq_ignore_ascii_case("chunked"));
    let body = &answer[end + 4..];
    Some(Response { status, headers, body: if chunked { unchunk(body)? } else { body.to_vec() } })
}

fn unchunk(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let line = body.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&body[..line]).ok()?.split(';').next()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(whole);
        }
        whole.extend_from_slice(body.get(line + 2..line + 2 + size)?);
        body = body.get(line + 4 + size..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_leads_to_host_and_port() {
        let base = |url| Base::parse_with(url, None).map(|base| (base.authority.clone(), base.origin()));
        assert_eq!(base("http://localhost:8080/x").unwrap(), ("localhost:8080".into(), "http://localhost:8080".into()));
        assert_eq!(base("http://[::1]").unwrap().0, "[::1]:80");
        assert!(base("localhost:8080").is_err());
    }

    #[test]
    fn an_answer_is_read_with_its_cookies() {
        let answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Secure\r\nset-cookie: c=d\r\n\r\n{\"x\":1}";
        let response = parse(answer).unwrap();
        assert_eq!((response.status, response.cookies()), (200, vec!["a=b".to_owned(), "c=d".to_owned()]));
        assert_eq!(response.json()["x"], 1);
        let chunked = b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n";
        assert_eq!(parse(chunked).unwrap().body, b"abcde");
        assert!(parse(b"nonsense").is_none());
    }
}
