//! What a booking tells beside name and time: how to reach the citizen, their note, their topic. Sealed with the appointment; refuses to know what is done with it.

use serde::{Deserialize, Serialize};

use super::StoreError;
use super::outbox::Reach;
use crate::access::assurance::Assurance;

/// Every field as it was given, its form already checked. Has no `Debug`: it is personal (trust.md P2).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// Where mail goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// For the helpdesk and short messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// To the agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Key of the topic within the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// How sure a provider was of who the citizen is; none when nobody asked it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assurance: Option<Assurance>,
    /// The name that the provider vouches for, where the appointment was booked under another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vouched_name: Option<String>,
}

impl Details {
    pub(super) fn reach(&self) -> Reach {
        Reach { mail: self.email.is_some(), sms: self.phone.is_some() }
    }

    pub(super) fn to_json(&self) -> Result<Vec<u8>, StoreError> {
        serde_json::to_vec(self).map_err(|_| StoreError::Sealed)
    }

    /// A field of a newer version is left alone.
    pub(super) fn from_json(bytes: &[u8]) -> Result<Self, StoreError> {
        serde_json::from_slice(bytes).map_err(|_| StoreError::Sealed)
    }
}
