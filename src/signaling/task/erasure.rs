//! The end of a consultation's data: asked for by the citizen or due. Whether it may go now is said by the rules; the store destroys it.

use crate::agenda::retention::look_again;
use crate::signaling::task::Task;
use crate::signaling::{Erasure, NotErased};
use crate::store::{Receipt, StoreError, Who};

impl Task {
    /// Nobody's data goes while somebody waits or talks (rule N). What is not due is looked at again when it is.
    pub(super) async fn erase(&mut self, why: Erasure) -> Result<Receipt, NotErased> {
        let now = match why {
            Erasure::Asked => self.house.clock().now(),
            Erasure::Due(now) => now,
        };
        let record = self.consultation.record();
        let kept = record.retention(self.of.slot(), self.of.rules);
        let who = match (why, kept) {
            (Erasure::Asked, Some(_)) => Who::Citizen,
            (Erasure::Asked, None) => return Err(NotErased::Running),
            (Erasure::Due(_), Some(kept)) if kept.erased <= now => Who::Service,
            (Erasure::Due(_), kept) => {
                // The copy of the identity card goes before the rest.
                if kept.is_some_and(|kept| kept.identity_copy <= now)
                    && self
                        .house
                        .store()
                        .remove_identity_copy(self.of.id, Who::Service, now)
                        .await
                        .map_err(|error| self.not_erased(&error))?
                {
                    tracing::info!(reference = %self.of.reference, "the copy of the identity card is destroyed");
                }
                let again = look_again(self.of.slot(), self.of.rules, record.course(self.of.slot()), now);
                self.house.store().look_again(self.of.id, again).await.map_err(|error| self.not_erased(&error))?;
                return Err(NotErased::NotDue);
            }
        };
        let receipt = self.house.store().erase(self.of.id, who, now).await.map_err(|error| self.not_erased(&error))?;
        // None: the row is gone already, and with it this consultation.
        self.erased = true;
        tracing::info!(reference = %self.of.reference, who = %who, "erased");
        receipt.ok_or(NotErased::Failed)
    }

    fn not_erased(&self, error: &StoreError) -> NotErased {
        tracing::error!(reference = %self.of.reference, %error, "not erased");
        NotErased::Failed
    }
}
