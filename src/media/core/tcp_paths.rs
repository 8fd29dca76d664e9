//! What the core is asked and told of TCP connections: paths like others, but they end, and they can fall behind. Refuses to know sockets.

use super::{Core, Step};
use crate::media::batch::{Batch, Carrier, Path};
use crate::media::directory::Owner;
use crate::time::Instant;

impl Core {
    /// Whether a check from this path was authenticated, and its transport is still there.
    pub fn is_verified(&self, path: Path) -> bool {
        self.directory.of_path(path).is_some()
    }

    /// Whether a sealed packet that leaves on this path is of a picture, which a line that cannot carry everything does without.
    pub fn is_picture(&mut self, path: Path, datagram: &[u8]) -> bool {
        let Some(owner) = self.directory.of_path(path) else { return false };
        let transport = self.rooms.get_mut(&owner.room).and_then(|room| room.transport(owner.participant));
        transport.is_some_and(|transport| transport.is_picture(datagram))
    }

    /// A TCP connection cannot carry what is sent on it, or can again: pictures stop and start with it.
    pub fn set_behind(&mut self, path: Path, behind: bool, now: Instant, batch: &mut Batch) {
        let Some(owner) = self.directory.of_path(path) else { return };
        self.guarded(now, (owner.room, Some(owner.participant)), batch, |core, batch| {
            let counters = core.counters.clone();
            if let Some(room) = core.rooms.get_mut(&owner.room) {
                room.set_behind(owner.participant, path, behind, &mut Step { now, batch, counters: &counters });
            }
        });
    }

    /// A TCP connection is closed: nothing comes or goes on its path any more.
    pub fn handle_closed(&mut self, path: Path, now: Instant, batch: &mut Batch) {
        let Some(owner) = self.directory.of_path(path) else { return };
        self.directory.forget_path(path, owner);
        self.guarded(now, (owner.room, Some(owner.participant)), batch, |core, batch| {
            let counters = core.counters.clone();
            if let Some(room) = core.rooms.get_mut(&owner.room) {
                room.forget_path(owner.participant, path, &mut Step { now, batch, counters: &counters });
            }
        });
    }

    /// TCP connections that lead to no transport any more; each is told once.
    pub fn take_orphans(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.orphans)
    }

    /// The path leads to `owner` no more; a connection under it is to be closed.
    pub(super) fn forget_path(&mut self, path: Path, owner: Owner) {
        self.directory.forget_path(path, owner);
        if let Carrier::Tcp(number) = path.carrier {
            self.orphans.push(number);
        }
    }
}
