//! A stream of frames (RFC 4571) cut anywhere: what comes out is what a plain reading of the whole stream finds, however it is cut; and what begins a connection
//! leads to a worker only as a check. The bytes of an input after the first are the stream, its first says where it is cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use visavis::limits;
use visavis::media::client_hello::ClientHelloReader;
use visavis::media::core::worker_of;
use visavis::media::framing::Deframer;
use visavis::media::stun::BindingRequest;

fuzz_target!(|input: (u8, &[u8])| {
    let (cut, stream) = input;
    let (wanted, over) = plainly(stream);
    let mut got: Vec<Vec<u8>> = Vec::new();
    let mut deframer = Deframer::default();
    let mut bytes = stream.to_vec();
    let mut ended = false;
    for piece in pieces(&mut bytes, cut) {
        if deframer.push(piece, |frame| got.push(frame.to_vec())).is_err() {
            ended = true;
            break;
        }
    }
    // A frame that is too long ends the stream: those before it may still come.
    assert!(ended == over, "one reading ends and the other does not");
    assert!(got == wanted, "other frames than those in the stream");
    if let Some(first) = got.first().filter(|first| first.len() <= limits::FIRST_FRAME_BYTES)
        && let Some(check) = BindingRequest::parse(first)
    {
        let _ = worker_of(check.local_ufrag);
    }
    // The same pieces as datagrams of a handshake: what is kept of an incomplete one is bounded.
    let mut reader = ClientHelloReader::default();
    for frame in &got {
        let _ = reader.handle_datagram(frame);
        assert!(reader.held_bytes() <= limits::CLIENT_HELLO_BYTES + limits::CLIENT_HELLO_DATAGRAMS * limits::FRAME_BYTES);
    }
});

/// The frames of the whole stream, and whether one is too long.
fn plainly(mut stream: &[u8]) -> (Vec<Vec<u8>>, bool) {
    let mut frames = Vec::new();
    while stream.len() >= 2 {
        let length = usize::from(stream[0]) << 8 | usize::from(stream[1]);
        if length > limits::FRAME_BYTES {
            return (frames, true);
        }
        let Some(frame) = stream.get(2..2 + length) else { break };
        if !frame.is_empty() {
            frames.push(frame.to_vec());
        }
        stream = &stream[2 + length..];
    }
    (frames, false)
}

/// Lengths of the pieces follow from one number: 1 byte each, the whole, or anything between.
fn pieces(bytes: &mut [u8], cut: u8) -> impl Iterator<Item = &mut [u8]> {
    let mut rest = bytes;
    let mut state = u32::from(cut);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        let length = match cut {
            0 => rest.len(),
            1 => 1,
            _ => 1 + (state >> 16) as usize % (usize::from(cut) * 4),
        };
        let length = length.min(rest.len());
        let (piece, behind) = std::mem::take(&mut rest).split_at_mut(length);
        rest = behind;
        Some(piece)
    })
}
