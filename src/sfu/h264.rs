//! H264 profiles (RFC 6184 §8.1): which picture a decoder that was negotiated for one profile also reads. Knows no payload.

/// The profiles that browsers offer, from the first two bytes of `profile-level-id` (RFC 6184 table 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Also what every browser really encodes when it says *baseline*.
    ConstrainedBaseline,
    /// Offered as 42001f; no browser's encoder uses the tools that set it apart from *constrained*.
    Baseline,
    /// 4d00xx.
    Main,
    /// 640cxx, Safari's first choice.
    ConstrainedHigh,
    /// 6400xx.
    High,
}

impl Profile {
    /// Reads profile_idc (high byte) and profile_iop (low byte); `None` for a profile that no browser uses.
    pub fn of(profile: u16) -> Option<Self> {
        let [idc, iop] = profile.to_be_bytes();
        match idc {
            0x42 if iop & 0x40 != 0 => Some(Self::ConstrainedBaseline),
            0x42 => Some(Self::Baseline),
            0x4d if iop & 0x80 != 0 => Some(Self::ConstrainedBaseline),
            0x4d => Some(Self::Main),
            0x58 if iop & 0xc0 == 0xc0 => Some(Self::ConstrainedBaseline),
            0x64 if iop & 0x0c == 0x0c => Some(Self::ConstrainedHigh),
            0x64 => Some(Self::High),
            _ => None,
        }
    }

    /// Whether a decoder negotiated for `self` reads a stream encoded as `stream`.
    pub fn decodes(self, stream: Self) -> bool {
        use Profile::{Baseline, ConstrainedBaseline, ConstrainedHigh, High, Main};
        match stream {
            ConstrainedBaseline | Baseline => true,
            Main => matches!(self, Main | High),
            ConstrainedHigh => matches!(self, ConstrainedHigh | High),
            High => self == High,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profiles_of_browsers_are_recognised() {
        assert_eq!(Profile::of(0x42e0), Some(Profile::ConstrainedBaseline));
        assert_eq!(Profile::of(0x42c0), Some(Profile::ConstrainedBaseline));
        assert_eq!(Profile::of(0x4200), Some(Profile::Baseline));
        assert_eq!(Profile::of(0x4d00), Some(Profile::Main));
        assert_eq!(Profile::of(0x640c), Some(Profile::ConstrainedHigh));
        assert_eq!(Profile::of(0x6400), Some(Profile::High));
        assert_eq!(Profile::of(0x1234), None);
    }

    #[test]
    fn every_decoder_reads_baseline_and_only_high_reads_high() {
        assert!(Profile::ConstrainedHigh.decodes(Profile::Baseline));
        assert!(Profile::ConstrainedBaseline.decodes(Profile::Baseline));
        assert!(!Profile::ConstrainedBaseline.decodes(Profile::ConstrainedHigh));
        assert!(Profile::High.decodes(Profile::ConstrainedHigh));
        assert!(!Profile::Main.decodes(Profile::ConstrainedHigh));
    }
}
