//! The pages: the citizen's, the agent's, and the start page, which in demo mode tells who can do what.

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Response};

use super::assets;
use super::headers::AGENT_CSP;
use super::site::Site;

/// What the start page shows in demo mode.
#[derive(Clone)]
pub struct DemoLinks {
    /// The citizen's name.
    pub citizen: String,
    /// The path of the join link, `/j#…`: it works on whatever address the page was opened.
    pub join_path: String,
    /// The demo account.
    pub username: String,
    /// Its password.
    pub password: String,
}

/// `GET /j`: the join link; the token stands behind the `#` and is never sent.
pub(super) async fn citizen(headers: HeaderMap) -> Response {
    assets::page("citizen.html", &headers)
}

/// `GET /book`.
pub(super) async fn book(headers: HeaderMap) -> Response {
    assets::page("book.html", &headers)
}

/// `GET /c`: the cancel link; the token stands behind the `#`, so that whoever only fetches the page has cancelled nothing.
pub(super) async fn cancel(headers: HeaderMap) -> Response {
    assets::page("cancel.html", &headers)
}

/// `GET /mine`: my appointments; and `GET /signed-in`, where a provider sends citizens back to.
pub(super) async fn mine(headers: HeaderMap) -> Response {
    assets::page("mine.html", &headers)
}

/// `GET /agent`; and `GET /agent/signed-in`, where a provider sends the staff back to.
pub(super) async fn agent(headers: HeaderMap) -> Response {
    let mut page = assets::page("agent.html", &headers);
    page.headers_mut().insert(header::CONTENT_SECURITY_POLICY, AGENT_CSP);
    page
}

/// `GET /`.
pub(super) async fn start(State(site): State<Site>, headers: HeaderMap) -> Response {
    match site.demo() {
        Some(links) => Html(demo_page(&links)).into_response(),
        None => assets::page("index.html", &headers),
    }
}

/// A page of the demo up to its heading.
pub(super) fn head(title: &str) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<link rel=\"icon\" href=\"data:,\">\n",
    );
    if let Some(style) = assets::style_of("index.html") {
        let _ = writeln!(page, "<link rel=\"stylesheet\" href=\"{}\">", escaped(&style));
    }
    let _ = writeln!(page, "</head>\n<body>\n<main>\n<h1>{title}</h1>");
    page
}

fn demo_page(links: &DemoLinks) -> String {
    let mut page = head("Visavis demo");
    let _ = write!(
        page,
        "<p>A citizen and an agent talk face to face in the browser. Open one link here and the other in a second browser or on another device.</p>\n\
         <h2>Citizen</h2>\n<p><a href=\"{}\">Open the link of {}</a></p>\n\
         <p><a href=\"/book\">Book an appointment</a></p>\n\
         <h2>Agent</h2>\n<p><a href=\"/agent\">Open the agent's desk</a></p>\n<p>User name: <kbd>{}</kbd></p>\n<p>Password: <kbd>{}</kbd></p>\n\
         <h2>Mails</h2>\n<p><a href=\"/demo/mailbox\">What would have been sent</a></p>\n</main>\n</body>\n</html>\n",
        escaped(&links.join_path),
        escaped(&links.citizen),
        escaped(&links.username),
        escaped(&links.password)
    );
    page
}

/// For text and quoted attributes of HTML.
pub(super) fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demo_page_cannot_be_broken_out_of() {
        let page = demo_page(&DemoLinks {
            citizen: "<script>".into(),
            join_path: "/j#\"onclick=".into(),
            username: "a'b".into(),
            password: "&".into(),
        });
        assert!(!page.contains("<script>") && !page.contains("#\"on"), "{page}");
        assert!(page.contains("&lt;script&gt;") && page.contains("a&#39;b") && page.contains("&amp;"));
    }
}
