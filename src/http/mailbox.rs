//! The demo's mailbox as a page for people and as JSON for scripts; 404 on every other server. Knows no mail.

use std::fmt::Write as _;

use axum::Json;
use axum::extract::State;
use axum::response::Html;

use super::error::ApiError;
use super::pages::{escaped, head};
use super::site::Site;
use crate::notify::{Kept, Mailbox};
use crate::protocol::ErrorCode;

/// `GET /demo/mailbox`.
pub(super) async fn show(State(site): State<Site>) -> Result<Html<String>, ApiError> {
    Ok(Html(page(&mailbox(&site)?.all())))
}

/// `GET /demo/mailbox.json`.
pub(super) async fn list(State(site): State<Site>) -> Result<Json<Vec<Kept>>, ApiError> {
    Ok(Json(mailbox(&site)?.all()))
}

fn mailbox(site: &Site) -> Result<&Mailbox, ApiError> {
    site.config.mailbox.as_ref().ok_or_else(|| ApiError::new(ErrorCode::NotFound, "no such resource"))
}

/// The newest first.
fn page(mails: &[Kept]) -> String {
    let mut page = head("Mailbox of the demo");
    page.push_str("<p>Mails that a server with a mail server would have sent. None of them leaves this machine.</p>\n");
    if mails.is_empty() {
        page.push_str("<p>No mail yet: book an appointment with an e-mail address.</p>\n");
    }
    for mail in mails.iter().rev() {
        let (join, cancel) = (escaped(&mail.links.join), escaped(&mail.links.cancel));
        let _ = write!(page, "<h2>{}</h2>\n<p>To: {}</p>\n", escaped(&mail.subject), escaped(&mail.to));
        let _ = writeln!(page, "<p class=\"said\">{}</p>", escaped(&mail.text));
        if mail.links.join.is_empty() {
            continue;
        }
        let _ = writeln!(page, "<p><a href=\"{join}\">Open the join link</a></p>\n<p><a href=\"{cancel}\">Open the cancel link</a></p>");
    }
    page.push_str("</main>\n</body>\n</html>\n");
    page
}
