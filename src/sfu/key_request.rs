//! When to ask a source for a key frame: at once, then again until it comes, however many want it. Sends nothing itself.

use crate::limits::{KEY_FRAME_REPEAT, KEY_FRAME_TRIES};
use crate::time::Instant;

/// The open request towards one video source.
#[derive(Debug, Clone, Default)]
pub struct KeyRequest {
    wanted: bool,
    last: Option<Instant>,
    tries: u8,
}

impl KeyRequest {
    /// Somebody needs a key frame; further wishes join the open one.
    pub fn want(&mut self) {
        if !self.wanted {
            self.wanted = true;
            self.tries = 0;
        }
    }

    /// A key frame began.
    pub fn came(&mut self) {
        self.wanted = false;
    }

    /// When to ask again; a first wish is asked for at once by whoever has it.
    pub fn due(&self) -> Option<Instant> {
        self.last.filter(|_| self.wanted).map(|last| last + KEY_FRAME_REPEAT)
    }

    /// Whether `ask` would ask now.
    pub fn is_due(&self, now: Instant) -> bool {
        self.wanted && self.last.is_none_or(|last| now.saturating_duration_since(last) >= KEY_FRAME_REPEAT)
    }

    /// Whether to ask now; after `KEY_FRAME_TRIES` in vain it rests until the next wish.
    pub fn ask(&mut self, now: Instant) -> bool {
        if !self.is_due(now) {
            return false;
        }
        self.last = Some(now);
        self.tries += 1;
        if self.tries >= KEY_FRAME_TRIES {
            self.wanted = false;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn many_wishes_make_one_request_each_three_hundred_milliseconds_until_it_comes() {
        let begin = Instant::now();
        let mut request = KeyRequest::default();
        assert!(!request.ask(begin));
        let mut asked = Vec::new();
        for ms in 0..1000 {
            request.want();
            if request.ask(begin + Duration::from_millis(ms)) {
                asked.push(ms);
            }
        }
        assert_eq!(asked, [0, 300, 600, 900]);
        assert_eq!(request.due(), Some(begin + Duration::from_millis(1200)));
        request.came();
        assert_eq!(request.due(), None);
        assert!(!request.ask(begin + Duration::from_secs(9)));
    }

    #[test]
    fn asking_in_vain_rests() {
        let mut now = Instant::now();
        let mut request = KeyRequest::default();
        request.want();
        let mut asked = 0;
        for _ in 0..100 {
            asked += u32::from(request.ask(now));
            now += KEY_FRAME_REPEAT;
        }
        assert_eq!(asked, u32::from(KEY_FRAME_TRIES));
    }
}
