//! What the server posts to a portal's webhook, for `openapi.json`. Refuses to know when.

use serde_json::{Value, json};

use super::{END, START};
use crate::store::{Channel, Kind};

/// The `webhooks` of the document: one, since all events come to one address.
pub(super) fn document() -> Value {
    let mut events: Vec<&str> = Kind::ALL.iter().filter(|kind| kind.is_event()).map(|kind| kind.word()).collect();
    events.push(Channel::Sms.word());
    let text = json!({"type": "string"});
    let time = json!({"type": "string", "format": "date-time"});
    let appointment = json!({
        "type": "object", "required": ["reference"],
        "description": "Of an erased one, and of a call back about one, the reference alone.",
        "properties": {"reference": text, "service": text, "start": time, "end": time},
    });
    let callback = json!({
        "type": "object", "required": ["callback"], "description": "With `callback_requested`; who it is `GET /callbacks` tells.",
        "properties": {"callback": text, "service": text, "start": time, "end": time},
    });
    let sms = json!({
        "type": "object", "required": ["about", "to", "language", "text"], "description": "With `sms`: to be sent to a phone.",
        "properties": {"about": text, "to": text, "language": text, "text": text},
    });
    let body = json!({
        "type": "object", "required": ["id", "event", "at"],
        "properties": {
            "id": {"type": "string", "pattern": "^[0-9a-f]{32}$", "description": "The same however often it is posted."},
            "event": {"type": "string", "enum": events},
            "at": time, "appointment": appointment, "callback": callback, "sms": sms,
        },
    });
    let example = json!({
        "id": "0123456789abcdef0123456789abcdef", "event": "booked", "at": START,
        "appointment": {"reference": "K7Q-4MX", "service": "advice", "start": START, "end": END},
    });
    json!({"event": {"post": {
        "operationId": "onEvent",
        "summary": "Something happened, or a short message is to be sent",
        "description": "Posted to `webhook.url` until any 2xx answers, for 48 hours; 410 gives it up.",
        "parameters": [{
            "name": "Visavis-Signature", "in": "header", "required": true, "schema": {"type": "string", "pattern": "^t=[0-9]+,v1=[0-9a-f]{64}$"},
            "description": "HMAC-SHA-256 over `<seconds>.<body>`; the time is that of this attempt.",
        }],
        "requestBody": {"required": true, "content": {"application/json": {"schema": body, "example": example}}},
        "responses": {"2XX": {"description": "Taken."}, "410": {"description": "Given up."}},
    }}})
}
