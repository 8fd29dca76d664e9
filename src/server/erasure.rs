//! Looks each second at what is due for deletion, and leaves nothing of it in the write-ahead log. What is due stands in the store: a restart forgets none.
//! A wall clock that jumps ahead is not believed before it proved itself.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::signaling::{Erasure, Signaling};
use crate::store::{Store, StoreError};
use crate::time::{Clock, Instant, Proven, Timestamp};

/// Late by so much at most, while the server runs and the store answers.
const EVERY: Duration = Duration::from_secs(1);

/// Until the server stops.
pub(super) async fn run(store: Store, signaling: Arc<Signaling>, clock: Clock, mut stopped: watch::Receiver<bool>) {
    let system = || Timestamp(clock.now().0 - clock.shifted());
    let mut proven = Proven::new(system(), Instant::now());
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = every.tick() => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        // What a test shifted is meant, and comes on top.
        let now = Timestamp(proven.look(system(), Instant::now()).0 + clock.shifted());
        if let Err(error) = round(&store, &signaling, now).await {
            tracing::error!(%error, "what is due could not be deleted");
        }
    }
}

/// Who never came is noted when the slot is over, before anything of it may go.
async fn round(store: &Store, signaling: &Arc<Signaling>, now: Timestamp) -> Result<(), StoreError> {
    store.note_no_shows(now).await?;
    for appointment in store.due(now).await? {
        // Through the consultation's own task: whoever is there at this moment keeps it from going. It says itself why it did not go.
        let _ = signaling.erase(appointment, Erasure::Due(now)).await;
    }
    // A reader in the way ends within moments: the next round empties the log.
    store.forget_traces().await.map(drop)
}
