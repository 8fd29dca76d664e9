//! One timeline for everybody: each participant's wall clock is shifted by a fixed amount onto the server's, sound and picture alike, so that
//! lips stay in sync and stay so when another source takes the slot. Knows RTP time only as ticks.

use crate::sfu::rewrite::ticks;
use crate::time::Instant;

/// A clock that is further off than this against its first report was set anew, in 32.32 seconds.
const STEP: u64 = 3 << 32;
/// Where our timeline begins; receivers compare, they do not read the date.
const BEGIN: u64 = 3_900_000_000 << 32;

/// The server's NTP timeline.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timeline {
    origin: Option<Instant>,
}

impl Timeline {
    /// 32.32 seconds.
    pub fn ntp(&mut self, now: Instant) -> u64 {
        let origin = *self.origin.get_or_insert(now);
        BEGIN.wrapping_add(span(origin, now))
    }
}

fn span(from: Instant, to: Instant) -> u64 {
    let elapsed = to.saturating_duration_since(from);
    (elapsed.as_secs() << 32) | ((u64::from(elapsed.subsec_nanos()) << 32) / 1_000_000_000)
}

/// The shift of one participant's clock, set by their first sender report whatever track it is of.
#[derive(Debug, Clone, Copy, Default)]
pub struct SourceClock {
    shift: Option<u64>,
}

impl SourceClock {
    /// The moment `ntp` of the participant on the server's timeline, where it is `server_ntp` now.
    pub fn place(&mut self, ntp: u64, server_ntp: u64) -> u64 {
        let shift = *self.shift.get_or_insert(server_ntp.wrapping_sub(ntp));
        let placed = ntp.wrapping_add(shift);
        let apart = placed.wrapping_sub(server_ntp);
        if apart.min(apart.wrapping_neg()) > STEP {
            self.shift = Some(server_ntp.wrapping_sub(ntp));
            return server_ntp;
        }
        placed
    }
}

/// The last sender report of one track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceReport {
    /// As it came, for the LSR of our receiver report.
    pub ntp: u64,
    /// The same moment on the server's timeline.
    pub placed: u64,
    /// The same moment in the codec's clock.
    pub rtp: u32,
    /// When it arrived.
    pub at: Instant,
}

impl SourceReport {
    /// The source's RTP time at `server_ntp`.
    pub fn rtp_at(&self, server_ntp: u64, clock_rate: u32) -> u32 {
        let ahead = |span: u64| ((u128::from(span) * u128::from(clock_rate)) >> 32) as u32;
        let since = server_ntp.wrapping_sub(self.placed);
        if since < 1 << 63 { self.rtp.wrapping_add(ahead(since)) } else { self.rtp.wrapping_sub(ahead(since.wrapping_neg())) }
    }

    /// LSR and DLSR of a report block (RFC 3550 §6.4.1).
    pub fn echo(&self, now: Instant) -> (u32, u32) {
        ((self.ntp >> 16) as u32, ticks(now.saturating_duration_since(self.at), 65_536))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn sound_and_picture_of_one_person_share_the_shift() {
        let begin = Instant::now();
        let mut timeline = Timeline::default();
        let mut clock = SourceClock::default();
        let start = timeline.ntp(begin);
        assert_eq!(start, BEGIN);
        let own = 77 << 32;
        assert_eq!(clock.place(own, start), start);
        // The second report was 300 ms under way instead of none: its moment stays where the person's clock says.
        let late = timeline.ntp(begin + Duration::from_millis(1300));
        assert_eq!(clock.place(own + (1 << 32), late), start + (1 << 32));
    }

    #[test]
    fn a_clock_that_is_set_anew_is_followed() {
        let begin = Instant::now();
        let mut timeline = Timeline::default();
        let mut clock = SourceClock::default();
        let start = timeline.ntp(begin);
        clock.place(1 << 40, start);
        assert_eq!(clock.place(9 << 40, start), start);
        assert_eq!(clock.place((9 << 40) + 5, start), start + 5);
    }

    #[test]
    fn rtp_time_is_carried_forward_and_back() {
        let report = SourceReport { ntp: 0x0001_0002_8000_0000, placed: 10 << 32, rtp: 1000, at: Instant::now() };
        assert_eq!(report.rtp_at((10 << 32) + (1 << 31), 90_000), 1000 + 45_000);
        assert_eq!(report.rtp_at((10 << 32) - (1 << 30), 48_000), 1000_u32.wrapping_sub(12_000));
        assert_eq!(report.echo(report.at + Duration::from_millis(500)), (0x0002_8000, 32_768));
    }
}
