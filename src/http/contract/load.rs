//! Operations of `visavis load`. Knows no handler.

use axum::http::Method;
use serde_json::json;

use super::operation::{Caller, Operation, Told};
use crate::access::api_key::Scope;
use crate::http::load_test::{Figures, Made, Wanted};

pub(super) fn operations() -> Vec<Operation> {
    let load = Caller::Portal(Scope::Load);
    let forbidden = &[(403, crate::protocol::ErrorCode::Forbidden)];
    vec![
        Operation::new(Method::GET, "/api/v1/load", load, "showLoad", "Figures of the server: where load tests are allowed at all.")
            .answers::<Figures>(200)
            .or(forbidden),
        Operation::new(Method::POST, "/api/v1/load/begin", load, "beginLoad", "A test begins: one at a time.")
            .answers_with(204, Told::Nothing)
            .or(forbidden),
        Operation::new(Method::POST, "/api/v1/load/agents", load, "addLoadAgents", "Accounts for simulated agents: by their cookies.")
            .takes::<Wanted>(json!({ "count": 2 }))
            .answers::<Made>(201)
            .or(forbidden),
        Operation::new(Method::POST, "/api/v1/load/end", load, "endLoad", "Nothing of the test is there any more.")
            .answers_with(204, Told::Nothing)
            .or(forbidden),
    ]
}
