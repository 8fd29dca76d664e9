//! A participant whose line takes less than is sent (a TCP connection that fell behind): pictures stop, sound goes on. Does not find out by itself.

use crate::ids::ParticipantId;
use crate::sfu::router::{Router, Sink};
use crate::time::Instant;

impl Router {
    /// The line to `participant` cannot carry what is sent on it: pictures stop before they are numbered, so that nothing seems lost, and their sources
    /// are asked for less. When it can again, pictures begin anew with a key frame, which is asked for at once.
    pub fn set_behind(&mut self, participant: ParticipantId, behind: bool, now: Instant, sink: &mut impl Sink) {
        let Some(at) = self.index(participant) else { return };
        let mut sources = Vec::new();
        for slot in self.participants[at].slots.iter_mut().filter(|slot| slot.section.video && slot.paused != behind) {
            slot.paused = behind;
            slot.hold();
            if behind {
                slot.lid.cut(slot.counters.octets, now);
                sources.extend(slot.source.map(|(whose, _)| whose));
            }
        }
        for whose in sources {
            if let Some(from) = self.index(whose) {
                self.tell_lids(from, now, sink);
            }
        }
        if !behind {
            self.want_key_frames();
            self.ask_key_frames(now, sink);
            self.look_at_all();
        }
    }
}
