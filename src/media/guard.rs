//! What is dropped before anything is allocated for it, and how often: first-byte demultiplexing (RFC 7983), budgets, counters.
//! Refuses to know transports; holds no address.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::time::Instant;

/// What a datagram claims to be by its first byte (RFC 7983 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 0..=3.
    Stun,
    /// 20..=63.
    Dtls,
    /// 128..=191, packet type 64..=95 without the marker bit: RTCP (RFC 5761 §4).
    Rtcp,
    /// 128..=191 otherwise.
    Rtp,
    /// Everything else, the empty datagram included.
    Junk,
}

/// Tells the protocols of one port apart.
pub fn demultiplex(datagram: &[u8]) -> Kind {
    match (datagram.first(), datagram.get(1)) {
        (Some(0..=3), _) => Kind::Stun,
        (Some(20..=63), _) => Kind::Dtls,
        (Some(128..=191), Some(192..=223)) if datagram.len() >= 8 => Kind::Rtcp,
        (Some(128..=191), _) if datagram.len() >= 12 => Kind::Rtp,
        _ => Kind::Junk,
    }
}

/// A token bucket: `rate` a second, at most `burst` at once.
#[derive(Debug, Clone)]
pub struct Bucket {
    rate: f64,
    burst: f64,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// Full.
    pub fn new(rate_per_s: u32, burst: u32, now: Instant) -> Self {
        Self { rate: f64::from(rate_per_s), burst: f64::from(burst), tokens: f64::from(burst), at: now }
    }

    /// Takes one token; `false` when there is none.
    pub fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = self.at.max(now);
        self.tokens = (self.tokens + passed * self.rate).min(self.burst);
        let some = self.tokens >= 1.0;
        if some {
            self.tokens -= 1.0;
        }
        some
    }
}

impl Bucket {
    /// Puts some back, never more than the burst: what we caused ourselves is not the other's doing.
    pub fn give(&mut self, tokens: u32) {
        self.tokens = (self.tokens + f64::from(tokens)).min(self.burst);
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// What happened to datagrams since the start; written by one worker, read by anybody.
        #[derive(Debug, Default)]
        pub struct Counters { $($(#[$doc])* pub(super) $name: AtomicU64),* }

        /// [`Counters`] at one moment, or the sum over workers.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct CounterValues { $($(#[$doc])* pub $name: u64),* }

        impl Counters {
            /// The values now.
            pub fn values(&self) -> CounterValues {
                CounterValues { $($name: self.$name.load(Ordering::Relaxed)),* }
            }
        }

        impl std::ops::Add for CounterValues {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self { $($name: self.$name + other.$name),* }
            }
        }
    };
}

counters! {
    /// Datagrams read from the sockets.
    received,
    /// Datagrams handed to the sockets.
    sent,
    /// Datagrams that the system did not take.
    send_failed,
    /// First byte of no protocol of ours.
    junk,
    /// Not from a verified 5-tuple, and no check.
    unknown_source,
    /// Checks with an unknown ufrag or not well-formed.
    stun_unknown,
    /// Checks with a wrong MESSAGE-INTEGRITY.
    stun_refused,
    /// Authentic checks not answered because of the rate (O8).
    stun_limited,
    /// Above the transport's packet budget.
    over_budget,
    /// Media before the keys exist.
    too_early,
    /// SSRCs that were not negotiated (O4).
    unknown_ssrc,
    /// SRTP or SRTCP whose tag is wrong.
    forged,
    /// SRTP or SRTCP seen before, or too old (O7).
    replayed,
    /// DTLS handshakes completed.
    handshakes,
    /// DTLS handshakes failed, wrong fingerprints included.
    handshakes_failed,
    /// Client certificates unlike the offer's fingerprint (O6).
    wrong_fingerprint,
    /// Transports that ended for want of consent.
    consent_lost,
    /// Data channels closed: reserved labels only, and not more than the limit (O11).
    channels_refused,
    /// Panics caught; each ended one transport.
    panics,
    /// Offers put off because the worker had work enough (R2).
    put_off,
    /// TCP connections taken over: they began with an authentic check.
    tcp_taken,
    /// TCP connections closed because they did not.
    tcp_refused,
    /// Packets lost because a TCP connection did not take them in time.
    tcp_lost,
    /// RTP packets given to the router.
    rtp_in,
    /// RTP packets sealed for subscribers.
    rtp_out,
}

/// Adds one.
pub(super) fn count(counter: &AtomicU64) {
    count_many(counter, 1);
}

/// Adds some. One thread writes a worker's counters, so that no locked instruction is needed: two in each packet's way would be the dearest of its look-ups.
pub(super) fn count_many(counter: &AtomicU64, many: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(many), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn first_bytes_go_where_rfc_7983_says() {
        for first in 0..=255u8 {
            let mut datagram = [0; 20];
            datagram[0] = first;
            let expected = match first {
                0..=3 => Kind::Stun,
                20..=63 => Kind::Dtls,
                128..=191 => Kind::Rtp,
                _ => Kind::Junk,
            };
            assert_eq!(demultiplex(&datagram), expected, "{first}");
        }
        assert_eq!(demultiplex(&[0x80, 200, 0, 1, 0, 0, 0, 1]), Kind::Rtcp);
        assert_eq!(demultiplex(&[0x80, 200, 0, 1]), Kind::Junk);
        assert_eq!(demultiplex(&[0x80, 96, 0, 1, 0, 0, 0, 1]), Kind::Junk);
        assert_eq!(demultiplex(&[]), Kind::Junk);
    }

    #[test]
    fn bucket_gives_its_burst_then_its_rate() {
        let now = Instant::now();
        let mut bucket = Bucket::new(10, 5, now);
        let taken = |bucket: &mut Bucket, now| (0..100).filter(|_| bucket.take(now)).count();
        assert_eq!(taken(&mut bucket, now), 5);
        assert_eq!(taken(&mut bucket, now + Duration::from_millis(305)), 3);
        assert_eq!(taken(&mut bucket, now + Duration::from_secs(60)), 5);
        bucket.give(2);
        assert_eq!(taken(&mut bucket, now + Duration::from_secs(60)), 2);
        bucket.give(200);
        assert_eq!(taken(&mut bucket, now + Duration::from_secs(60)), 5);
    }
}
