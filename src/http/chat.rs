//! The chat on the link's page: what was said, for the citizen to read, as long as it is kept. Writing is the business of the signaling.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::error::ApiError;
use super::request::{Fields, SignedInCitizen};
use super::site::Site;
use crate::chat::{Author, Book};
use crate::protocol::http::Chat;
use crate::protocol::server::ChatMessage;

/// What `GET /api/v1/link/chat` asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Since {
    #[serde(default)]
    after: u32,
}

/// `GET /api/v1/link/chat?after`: what was said after that number, as much as fits; nothing when that is all.
pub(super) async fn of_link(
    State(site): State<Site>,
    SignedInCitizen(of, _): SignedInCitizen,
    Fields(Since { after }): Fields<Since>,
) -> Result<Json<Chat>, ApiError> {
    let book = Book::new(site.store.messages(of.id).await?);
    let messages = book.page(Author::Citizen, after).into_iter().map(|message| ChatMessage::of(message, Author::Citizen)).collect();
    Ok(Json(Chat { messages }))
}
