//! What of a consultation survives a restart of the server: written before it is acknowledged. Knows no database.

use serde::{Deserialize, Serialize};

/// The durable part of a consultation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {}
