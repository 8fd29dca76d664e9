//! What waits to leave on one TCP connection: sound and answers first, then data, then pictures, each within its bound. A line that cannot carry the pictures
//! loses them, never the sound behind them. Refuses to know sockets and what the bytes mean.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use crate::limits;
use crate::time::Instant;

/// In the order in which they leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Sound, reports, checks: late ones are worthless, so the oldest make room.
    Prompt,
    /// DTLS, and with it the data channels: what finds no room is lost and repeated by its sender.
    Data,
    /// Pictures: when they wait too long, all of them go and none is taken until the line has caught up.
    Picture,
}

/// The queue of one connection.
#[derive(Debug, Default)]
pub struct SendQueue {
    /// Frames that the system has begun to take, and how much of them it took.
    begun: (Vec<u8>, usize),
    prompt: Waiting,
    data: Waiting,
    pictures: Waiting,
    behind: Option<Instant>,
    told: bool,
}

/// Frames of one class in order.
#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
}

impl Waiting {
    fn push(&mut self, frame: Vec<u8>, now: Instant) {
        self.bytes += frame.len();
        self.frames.push_back((now, frame));
    }

    fn pop(&mut self) -> Option<Vec<u8>> {
        let (_, frame) = self.frames.pop_front()?;
        self.bytes -= frame.len();
        Some(frame)
    }

    fn age(&self, now: Instant) -> Duration {
        self.frames.front().map_or(Duration::ZERO, |(since, _)| now.saturating_duration_since(*since))
    }

    fn clear(&mut self) -> usize {
        self.bytes = 0;
        std::mem::take(&mut self.frames).len()
    }
}

impl SendQueue {
    /// Takes a packet; how many packets were lost for it, itself included.
    pub fn push(&mut self, class: Class, packet: &[u8], now: Instant) -> usize {
        let Ok(length) = u16::try_from(packet.len()) else { return 1 };
        let framed = || [&length.to_be_bytes()[..], packet].concat();
        match class {
            Class::Prompt => {
                let mut lost = 0;
                while self.prompt.bytes + packet.len() > limits::TCP_PROMPT_BYTES && self.prompt.pop().is_some() {
                    lost += 1;
                }
                self.prompt.push(framed(), now);
                lost
            }
            Class::Data if self.data.bytes + packet.len() > limits::TCP_DATA_BYTES => 1,
            Class::Data => {
                self.data.push(framed(), now);
                0
            }
            Class::Picture if self.behind.is_some() => 1,
            Class::Picture
                if self.pictures.bytes + packet.len() > limits::TCP_PICTURE_BYTES || self.pictures.age(now) > limits::TCP_PICTURE_AGE =>
            {
                self.behind = Some(now);
                1 + self.pictures.clear()
            }
            Class::Picture => {
                self.pictures.push(framed(), now);
                0
            }
        }
    }

    /// Writes until nothing waits or the system takes no more (`WouldBlock` is no error here).
    pub fn write(&mut self, now: Instant, mut write: impl FnMut(&[u8]) -> io::Result<usize>) -> io::Result<()> {
        loop {
            let (bytes, taken) = &mut self.begun;
            if *taken == bytes.len() {
                bytes.clear();
                *taken = 0;
                while bytes.len() < limits::TCP_WRITE_BYTES {
                    let next = self.prompt.pop().or_else(|| self.data.pop()).or_else(|| self.pictures.pop());
                    let Some(frame) = next else { break };
                    bytes.extend_from_slice(&frame);
                }
                if bytes.is_empty() {
                    // Everything left: a line that fell behind is given a moment, so that key frames do not come one after another.
                    self.behind = self.behind.filter(|since| now < *since + limits::TCP_PICTURE_PAUSE);
                    return Ok(());
                }
            }
            match write(&bytes[*taken..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(more) => *taken += more,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether pictures are lost now, each time that it changed.
    pub fn take_news(&mut self) -> Option<bool> {
        let behind = self.behind.is_some();
        (behind != self.told).then(|| {
            self.told = behind;
            behind
        })
    }

    /// Something waits.
    pub fn is_waiting(&self) -> bool {
        self.begun.1 < self.begun.0.len() || self.prompt.bytes + self.data.bytes + self.pictures.bytes > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: [u8; 100] = [1; 100];
    const DATA: [u8; 1000] = [2; 1000];
    const PICTURE: [u8; 1000] = [3; 1000];

    /// A line that takes so many bytes at each call and keeps what it took.
    struct Line {
        room: usize,
        taken: Vec<u8>,
    }

    impl Line {
        fn flush(&mut self, queue: &mut SendQueue, now: Instant) {
            queue
                .write(now, |bytes| {
                    let some = bytes.len().min(self.room);
                    self.room -= some;
                    self.taken.extend_from_slice(&bytes[..some]);
                    if some == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(some) }
                })
                .unwrap();
        }

        /// First byte of each frame that came out.
        fn frames(&self) -> Vec<u8> {
            let (mut at, mut kinds) = (0, Vec::new());
            while at + 2 < self.taken.len() {
                kinds.push(self.taken[at + 2]);
                at += 2 + usize::from(u16::from_be_bytes([self.taken[at], self.taken[at + 1]]));
            }
            kinds
        }
    }

    fn line(room: usize) -> Line {
        Line { room, taken: Vec::new() }
    }

    #[test]
    fn sound_overtakes_every_picture_that_has_not_begun() {
        let now = Instant::now();
        let (mut queue, mut line) = (SendQueue::default(), line(10));
        for _ in 0..10 {
            queue.push(Class::Picture, &PICTURE, now);
        }
        line.flush(&mut queue, now);
        queue.push(Class::Data, &DATA, now);
        queue.push(Class::Prompt, &SOUND, now);
        line.room = usize::MAX;
        line.flush(&mut queue, now);
        let begun = limits::TCP_WRITE_BYTES.div_ceil(PICTURE.len() + PREFIX);
        let wanted: Vec<u8> = [vec![3; begun], vec![1, 2], vec![3; 10 - begun]].concat();
        assert_eq!(line.frames(), wanted);
        assert!(!queue.is_waiting());
    }

    use crate::media::framing::PREFIX;

    #[test]
    fn pictures_stop_when_they_wait_too_long_and_come_back_when_the_line_has_caught_up() {
        let mut now = Instant::now();
        let (mut queue, mut line) = (SendQueue::default(), line(0));
        queue.push(Class::Picture, &PICTURE, now);
        line.flush(&mut queue, now);
        queue.push(Class::Picture, &PICTURE, now);
        assert_eq!(queue.take_news(), None);
        now += limits::TCP_PICTURE_AGE + Duration::from_millis(1);
        assert_eq!(queue.push(Class::Picture, &PICTURE, now), 2, "itself and the one that waited");
        assert_eq!(queue.take_news(), Some(true));
        assert_eq!(queue.take_news(), None);
        assert_eq!(queue.push(Class::Prompt, &SOUND, now), 0);
        line.room = usize::MAX;
        line.flush(&mut queue, now);
        assert_eq!(line.frames(), [3, 1], "what was begun is finished, then sound");
        assert_eq!(queue.take_news(), None, "not at once");
        now += limits::TCP_PICTURE_PAUSE;
        queue.push(Class::Prompt, &SOUND, now);
        line.flush(&mut queue, now);
        assert_eq!(queue.take_news(), Some(false));
        assert_eq!(queue.push(Class::Picture, &PICTURE, now), 0);
    }

    #[test]
    fn a_line_that_takes_nothing_costs_a_bounded_memory_and_keeps_the_newest_sound() {
        let now = Instant::now();
        let (mut queue, mut line) = (SendQueue::default(), line(0));
        for number in 0..10_000_u32 {
            let mut sound = SOUND;
            sound[1..5].copy_from_slice(&number.to_be_bytes());
            queue.push(Class::Prompt, &sound, now);
            queue.push(Class::Data, &DATA, now);
            queue.push(Class::Picture, &PICTURE, now);
        }
        let held = queue.prompt.bytes + queue.data.bytes + queue.pictures.bytes;
        assert!(held <= limits::TCP_PROMPT_BYTES + limits::TCP_DATA_BYTES + limits::TCP_PICTURE_BYTES + 3000, "{held}");
        line.room = usize::MAX;
        line.flush(&mut queue, now);
        assert_eq!(line.frames()[0], 1);
        let last = line.taken.windows(5).any(|bytes| bytes == [1, 0, 0, 0x27, 0x0f]);
        assert!(last, "the newest sound is there");
    }
}
