//! The offer of a lean client, of the shape that the web client's has (`docs/protocol.md`, Media), and what it reads of the answer.

use std::fmt::Write as _;
use std::net::SocketAddr;

/// Payload types of the offer.
pub const OPUS: u8 = 111;
/// See [`OPUS`].
pub const VP8: u8 = 96;
/// See [`OPUS`].
pub const RTX: u8 = 97;
/// Id of the transport-wide number.
pub const TRANSPORT_NUMBER: u8 = 3;

/// SSRCs of what one person sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ssrcs {
    /// Opus.
    pub microphone: u32,
    /// VP8.
    pub camera: u32,
    /// Its retransmissions.
    pub camera_rtx: u32,
}

impl Ssrcs {
    /// Those of the transport with this number.
    pub fn of(name: u32) -> Self {
        let base = 0x1000_0000_u32.wrapping_add(name.wrapping_mul(8));
        Self { microphone: base, camera: base + 1, camera_rtx: base + 2 }
    }
}

/// The own ufrag of a transport.
pub fn ufrag(name: u32) -> String {
    format!("lean{name:08x}")
}

/// Microphone, camera, screen, three pairs of receiving sections, one for a screen, and the data channels.
pub fn write(name: u32, fingerprint: &str) -> String {
    let mids = (0..11).map(|mid| mid.to_string()).collect::<Vec<_>>().join(" ");
    let mut sdp = format!("v=0\r\no=- {name} 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {mids}\r\na=msid-semantic: WMS\r\n");
    let Ssrcs { microphone, camera, camera_rtx } = Ssrcs::of(name);
    for mid in 0..10 {
        let is_audio = mid == 0 || (mid > 2 && mid < 9 && mid % 2 == 1);
        let kind = if is_audio { "audio 9 UDP/TLS/RTP/SAVPF 111" } else { "video 9 UDP/TLS/RTP/SAVPF 96 97" };
        let _ = write!(sdp, "m={kind}\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n");
        transport(&mut sdp, name, fingerprint, mid);
        let direction = if mid < 3 { "sendonly" } else { "recvonly" };
        let _ = write!(sdp, "a={direction}\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n");
        let _ = write!(sdp, "a=extmap:{TRANSPORT_NUMBER} http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n");
        sdp.push_str(if is_audio { AUDIO } else { VIDEO });
        let mut pair = |media: u32, rtx: u32| {
            let _ = write!(sdp, "a=ssrc-group:FID {media} {rtx}\r\na=ssrc:{media} cname:lean\r\na=ssrc:{rtx} cname:lean\r\n");
        };
        match mid {
            0 => {
                let _ = write!(sdp, "a=ssrc:{microphone} cname:lean\r\n");
            }
            1 => pair(camera, camera_rtx),
            2 => pair(camera + 2, camera_rtx + 2),
            _ => {}
        }
    }
    sdp.push_str("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n");
    transport(&mut sdp, name, fingerprint, 10);
    sdp.push_str("a=sctp-port:5000\r\na=max-message-size:262144\r\n");
    sdp
}

const AUDIO: &str = "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtcp-fb:111 transport-cc\r\n";
const VIDEO: &str = "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 goog-remb\r\na=rtcp-fb:96 transport-cc\r\na=rtcp-fb:96 ccm fir\r\na=rtcp-fb:96 nack\r\n\
                     a=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n";

fn transport(sdp: &mut String, name: u32, fingerprint: &str, mid: u32) {
    let _ = write!(sdp, "a=ice-ufrag:{}\r\na=ice-pwd:leanpassword{name:012x}\r\n", ufrag(name));
    let _ = write!(sdp, "a=fingerprint:sha-256 {fingerprint}\r\na=setup:actpass\r\na=mid:{mid}\r\n");
}

/// What a client needs of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The server's ufrag and password.
    pub ufrag: String,
    /// See above.
    pub password: String,
    /// Where its media port is, best first; by UDP alone.
    pub candidates: Vec<SocketAddr>,
}

/// Reads an answer; `None` when it has no credentials or no candidate.
pub fn read_answer(sdp: &str) -> Option<Answer> {
    let value = |prefix: &str| sdp.lines().find_map(|line| line.strip_prefix(prefix)).map(|value| value.trim().to_owned());
    let candidates = sdp.lines().filter_map(|line| line.strip_prefix("a=candidate:")).filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let address = words.get(4)?.parse().ok()?;
        words.get(2)?.eq_ignore_ascii_case("udp").then_some(SocketAddr::new(address, words.get(5)?.parse().ok()?))
    });
    let answer = Answer { ufrag: value("a=ice-ufrag:")?, password: value("a=ice-pwd:")?, candidates: candidates.collect() };
    if answer.candidates.is_empty() { None } else { Some(answer) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_is_read_without_what_is_not_udp() {
        let sdp = "v=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:secret\r\na=candidate:1 1 udp 1 192.0.2.1 3478 typ host\r\n\
                   a=candidate:2 1 tcp 1 192.0.2.1 443 typ host tcptype passive\r\na=candidate:3 1 UDP 1 2001:db8::1 3478 typ host\r\n";
        let answer = read_answer(sdp).unwrap();
        assert_eq!((answer.ufrag.as_str(), answer.password.as_str()), ("abcd", "secret"));
        assert_eq!(answer.candidates.iter().map(ToString::to_string).collect::<Vec<_>>(), ["192.0.2.1:3478", "[2001:db8::1]:3478"]);
        assert_eq!(read_answer("v=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:secret\r\n"), None);
    }
}
