//! How long packets wait on the line: their time under way beyond the shortest that was seen. The two clocks need not agree, only tick alike.

/// Two halves of this length hold the shortest time under way: a route that became longer is believed after a minute at the latest.
const BASE_MICROS: i64 = 30_000_000;
/// The same for a route that became longer by no more than this: a queue of our own empties in that time.
const RECENT_MICROS: i64 = 4_000_000;
const RECENT_LONGER_MICROS: i64 = 60_000;
/// And while hardly anything is sent: longer than what may be chance, shorter than a queue that not even sound gets through.
const RESTING_FROM_MICROS: i64 = 10_000;
const RESTING_LONGER_MICROS: i64 = 250_000;
/// Two halves of this length hold the present: the shortest of them is a queue, the others are jitter.
const PRESENT_MICROS: i64 = 60_000;
/// A packet that waited this long, in milliseconds and beyond what the line shakes, is late. In a flood the later ones wait longer than the first late one, by so
/// much of the time that lies between them and by no less than this: packets of a route that became longer all wait alike.
const LATE_MS: f64 = 30.0;
const GROWS: i64 = 2;
const GROWS_MICROS: i64 = 5_000;
/// How slowly the restlessness of the line is learnt, in packets.
const SPREAD_PACKETS: f64 = 100.0;

/// The least of the last one to two windows.
#[derive(Debug, Clone, Copy, Default)]
struct Least {
    begin: Option<i64>,
    current: Option<i64>,
    before: Option<i64>,
}

impl Least {
    fn take(&mut self, value: i64, at: i64, window: i64) {
        let age = at - *self.begin.get_or_insert(at);
        if age >= window {
            self.before = self.current.take().filter(|_| age < 2 * window);
            self.begin = Some(at);
        }
        self.current = Some(self.current.map_or(value, |least| least.min(value)));
    }

    fn get(&self) -> Option<i64> {
        self.current.into_iter().chain(self.before).min()
    }

    /// Only once a whole window is known.
    fn whole(&self) -> Option<i64> {
        self.before.and(self.get())
    }
}

/// The waiting time of one line.
#[derive(Debug, Clone, Default)]
pub struct Queue {
    base: Least,
    recent: Least,
    present: Least,
    /// The last two packets that a feedback told of.
    latest: [Option<i64>; 2],
    /// When the first and the last of its late packets were sent, and their times under way.
    late: Option<[(i64, i64); 2]>,
    /// A packet behind the first late one waited less than that: it was jitter that held it up.
    fell: bool,
    spread: f64,
}

impl Queue {
    /// A packet that arrived: both in microseconds, each of its own clock.
    pub fn packet(&mut self, sent: i64, arrival: i64) {
        self.base.take(arrival - sent, arrival, BASE_MICROS);
        self.recent.take(arrival - sent, arrival, RECENT_MICROS);
        self.present.take(arrival - sent, arrival, PRESENT_MICROS);
        self.latest = [Some(arrival - sent), self.latest[0]];
        self.fell |= self.late.is_some_and(|[first, _]| arrival - sent < first.1);
        if self.beyond(Some(arrival - sent)) > LATE_MS + 2.0 * self.spread {
            let this = (sent, arrival - sent);
            self.late = Some([self.late.map_or(this, |[first, _]| first), this]);
        }
        let beyond = self.present.get().map_or(0, |present| arrival - sent - present) as f64 / 1_000.0;
        self.spread += (beyond - self.spread) / SPREAD_PACKETS;
    }

    /// How much longer than the shortest packets of the moment the usual one takes, in milliseconds: jitter, which no queue explains.
    pub fn spread_ms(&self) -> f64 {
        self.spread
    }

    /// Milliseconds.
    pub fn ms(&self) -> f64 {
        self.beyond(self.present.get())
    }

    /// To be asked once after each feedback: whether what it told of waits longer and longer. The first to know of a collapse, whatever came before.
    pub fn is_flooded(&mut self) -> bool {
        let (latest, late, fell) = (std::mem::take(&mut self.latest), self.late.take(), std::mem::take(&mut self.fell));
        let waits = self.beyond(latest.into_iter().flatten().min()) > LATE_MS + 2.0 * self.spread;
        let grows = |[first, last]: [(i64, i64); 2]| last.1 - first.1 >= ((last.0 - first.0) / GROWS).max(GROWS_MICROS);
        waits && !fell && late.is_some_and(grows)
    }

    fn beyond(&self, time: Option<i64>) -> f64 {
        match (time, self.shortest()) {
            (Some(time), Some(base)) => (time - base).max(0) as f64 / 1_000.0,
            _ => 0.0,
        }
    }

    fn shortest(&self) -> Option<i64> {
        let base = self.base.get()?;
        let recent = self.recent.whole().filter(|recent| *recent - base < RECENT_LONGER_MICROS);
        Some(recent.unwrap_or(base))
    }

    /// While so little is sent that a queue of ours is long gone, what packets waited at least for some seconds is the route. True when it was longer than known.
    pub fn rests(&mut self) -> bool {
        let Some((recent, base)) = self.recent.whole().zip(self.shortest()) else { return false };
        let longer = recent > base + RESTING_FROM_MICROS && recent < base + RESTING_LONGER_MICROS;
        if longer {
            self.base = Least { begin: self.base.begin, current: Some(recent), before: None };
        }
        longer
    }

    /// What waits now is not ours, or the route is another one: from here on it counts as the line's own length.
    pub fn accept(&mut self) {
        if let Some(present) = self.present.get() {
            self.base = Least { begin: self.base.begin, current: Some(present), before: None };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_told_from_what_only_shakes() {
        let mut queue = Queue::default();
        for n in 0..100 {
            queue.packet(n * 10_000, n * 10_000 - 5_000_000 + 20_000 + (n % 4) * 9_000);
        }
        assert!(queue.ms() < 1.0, "jitter alone: {}", queue.ms());
        assert!((5.0..14.0).contains(&queue.spread_ms()), "{}", queue.spread_ms());
        for n in 100..130 {
            queue.packet(n * 10_000, n * 10_000 - 5_000_000 + 90_000 + (n % 4) * 9_000);
        }
        assert!((69.0..71.0).contains(&queue.ms()), "{}", queue.ms());
        queue.accept();
        assert!(queue.ms() < 1.0);
    }

    #[test]
    fn a_longer_route_is_believed_after_eight_seconds_and_a_much_longer_one_after_a_minute() {
        for (longer, believed) in [(40_000, 14..=18), (300_000, 39..=69)] {
            let mut queue = Queue::default();
            let mut seen = Vec::new();
            for n in 0..8_000 {
                queue.packet(n * 10_000, n * 10_000 + 20_000 + if n < 1_000 { 0 } else { longer });
                if n % 100 == 99 {
                    seen.push(queue.ms() as i64);
                }
            }
            assert_eq!(seen[12], longer / 1_000, "{seen:?}");
            let at = seen[12..].iter().position(|ms| *ms == 0).unwrap() + 12;
            assert!(believed.contains(&at), "{longer}: after {at} s, {seen:?}");
        }
    }

    #[test]
    fn what_packets_wait_while_hardly_anything_is_sent_is_the_route() {
        let mut queue = Queue::default();
        for n in 0..1_000 {
            let (at, shakes) = (n * 20_000, (n % 5) * 15_000);
            queue.packet(at, at + 20_000 + if n < 100 { 0 } else { 70_000 + shakes });
            if n > 200 && n % 5 == 4 {
                queue.rests();
            }
        }
        assert!(queue.ms() < 20.0, "{}", queue.ms());
        let mut full = Queue::default();
        for n in 0..1_000 {
            full.packet(n * 20_000, n * 20_000 + if n < 100 { 0 } else { 400_000 });
            assert!(!full.rests());
        }
    }

    #[test]
    fn packets_that_wait_longer_and_longer_show_a_flood_whatever_came_before() {
        let mut queue = Queue::default();
        for n in 0..100 {
            queue.packet(n * 10_000, n * 10_000 + 20_000);
        }
        assert!(!queue.is_flooded());
        queue.packet(1_000_000, 1_110_000);
        queue.packet(1_010_000, 1_160_000);
        assert!(queue.is_flooded());
        assert!(!queue.is_flooded(), "nothing was told since");
    }

    #[test]
    fn packets_that_one_late_packet_holds_up_are_no_flood() {
        let mut queue = Queue::default();
        for n in 0..100 {
            queue.packet(n * 10_000, n * 10_000 + 20_000);
        }
        // They come together with it, each having waited less; the next late one longer.
        for (sent, arrival) in [(1_000_000, 1_090_000), (1_010_000, 1_090_000), (1_040_000, 1_150_000), (1_050_000, 1_165_000)] {
            queue.packet(sent, arrival);
        }
        assert!(!queue.is_flooded());
    }

    #[test]
    fn a_route_that_became_longer_is_no_flood() {
        for first in 0..10 {
            let mut queue = Queue::default();
            for n in 0..200 {
                queue.packet(n * 10_000, n * 10_000 + 20_000 + if n < 100 + first { 0 } else { 80_000 });
                assert!(n % 10 != 9 || !queue.is_flooded(), "packet {n}");
            }
        }
    }
}
