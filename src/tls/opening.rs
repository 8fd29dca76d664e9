//! What the first byte of a TCP connection announces. One port will serve several protocols; today it is TLS or nothing.

/// What a peer begins to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    /// A TLS record of type handshake (RFC 8446 5.1).
    Tls,
    /// A letter: plain HTTP on the wrong port.
    PlainHttp,
    /// Anything else. STUN over TCP would begin with 0x00 (RFC 4571 framing): not served here yet.
    Unknown,
}

impl Opening {
    /// Judged by the first byte.
    pub(super) fn of(first: u8) -> Self {
        match first {
            0x16 => Self::Tls,
            b'A'..=b'Z' => Self::PlainHttp,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_byte_tells_tls_from_http_and_from_framed_stun() {
        assert_eq!(Opening::of(0x16), Opening::Tls);
        assert_eq!(Opening::of(b'G'), Opening::PlainHttp);
        assert_eq!(Opening::of(0x00), Opening::Unknown);
    }
}
