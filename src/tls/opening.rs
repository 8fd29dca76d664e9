//! What the first byte of a TCP connection announces: one port serves several protocols. Refuses to know more of them than that byte.

/// What a peer begins to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    /// A TLS record of type handshake (RFC 8446 5.1).
    Tls,
    /// A letter: plain HTTP on the wrong port.
    PlainHttp,
    /// The length of a frame (RFC 4571) that is short enough for a STUN check: media by TCP.
    Framed,
    /// Anything else.
    Unknown,
}

impl Opening {
    /// Judged by the first byte.
    pub(super) fn of(first: u8) -> Self {
        match first {
            0x16 => Self::Tls,
            0x00 | 0x01 => Self::Framed,
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
        assert_eq!(Opening::of(0x00), Opening::Framed, "a frame of up to 255 bytes");
        assert_eq!(Opening::of(0x80), Opening::Unknown);
    }
}
