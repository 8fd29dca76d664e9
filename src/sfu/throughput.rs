//! How much came through lately, over the time that the receiver has told of: two averages, one quick and one calm. Knows octets and arrival times.

/// Time constants in microseconds: the quick one sees a collapse within two feedbacks, the calm one does not take a frame for a rate.
const QUICK_MICROS: f64 = 120_000.0;
const CALM_MICROS: f64 = 400_000.0;
/// Shorter spans are joined with the next: a rate over a few packets is chance.
const SPAN_MICROS: i64 = 20_000;

/// The averages.
#[derive(Debug, Clone, Default)]
pub struct Throughput {
    quick: Option<f64>,
    calm: f64,
    latest: f64,
    /// Where the open span begins, and what came in it.
    begin: Option<i64>,
    end: i64,
    octets: u64,
}

impl Throughput {
    /// A packet came; arrival in microseconds of the receiver's clock.
    pub fn arrived(&mut self, octets: u16, arrival: i64) {
        match self.begin {
            // The first packet only says when the counting begins.
            None => (self.begin, self.end) = (Some(arrival), arrival),
            Some(_) => {
                self.octets += u64::from(octets);
                self.end = self.end.max(arrival);
            }
        }
    }

    /// A feedback packet is read to its end.
    pub fn close(&mut self) {
        let Some(begin) = self.begin.filter(|begin| self.end - begin >= SPAN_MICROS) else { return };
        let micros = (self.end - begin) as f64;
        let rate = self.octets as f64 * 8_000_000.0 / micros;
        self.latest = rate;
        let mix = |before: f64, constant: f64| before + (1.0 - (-micros / constant).exp()) * (rate - before);
        match self.quick {
            None => (self.quick, self.calm) = (Some(rate), rate),
            Some(quick) => (self.quick, self.calm) = (Some(mix(quick, QUICK_MICROS)), mix(self.calm, CALM_MICROS)),
        }
        self.begin = Some(self.end);
        self.octets = 0;
    }

    /// Feedback was lost: of the time before the next packet nothing is known.
    pub fn interrupt(&mut self) {
        self.begin = None;
        self.octets = 0;
    }

    /// Bits a second, calm; `None` until something was measured.
    pub fn calm(&self) -> Option<f64> {
        self.quick.map(|_| self.calm)
    }

    /// Bits a second of the last span alone: mostly chance, but the first to know of a collapse.
    pub fn latest(&self) -> f64 {
        self.latest
    }

    /// Bits a second, quick.
    pub fn quick(&self) -> Option<f64> {
        self.quick
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One packet of 1,000 octets every so many microseconds for a second, told of every 100 ms.
    fn second(throughput: &mut Throughput, from: i64, every: i64) {
        for step in 1..=10 {
            let mut at = from + (step - 1) * 100_000 + every;
            while at <= from + step * 100_000 {
                throughput.arrived(1_000, at);
                at += every;
            }
            throughput.close();
        }
    }

    #[test]
    fn a_steady_rate_is_measured_and_a_collapse_seen_at_once() {
        let mut throughput = Throughput::default();
        assert_eq!(throughput.calm(), None);
        throughput.arrived(1_000, 0);
        second(&mut throughput, 0, 4_000);
        let (quick, calm) = (throughput.quick().unwrap(), throughput.calm().unwrap());
        assert!((1_950_000.0..2_050_000.0).contains(&quick) && (1_950_000.0..2_050_000.0).contains(&calm), "{quick}, {calm}");
        for step in 0..3 {
            throughput.arrived(1_000, 1_050_000 + step * 100_000);
            throughput.arrived(1_000, 1_100_000 + step * 100_000);
            throughput.close();
        }
        let (quick, calm) = (throughput.quick().unwrap(), throughput.calm().unwrap());
        assert!(throughput.latest() == 160_000.0 && quick < 320_000.0 && calm > 800_000.0, "after 300 ms at 160 kbit/s: {quick}, {calm}");
    }

    #[test]
    fn lost_feedback_is_no_time_without_packets() {
        let mut throughput = Throughput::default();
        throughput.arrived(1_000, 0);
        second(&mut throughput, 0, 10_000);
        throughput.interrupt();
        throughput.arrived(1_000, 5_000_000);
        second(&mut throughput, 5_000_000, 10_000);
        assert!((790_000.0..810_000.0).contains(&throughput.calm().unwrap()));
    }
}
