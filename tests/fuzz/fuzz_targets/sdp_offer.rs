//! Any text as an offer: it is refused or answered, and what is answered holds its own promises. A second, mutated offer plays the ICE restart.
#![no_main]

use libfuzzer_sys::fuzz_target;
use visavis::media::sdp::{LocalParameters, answer, answer_among};

const RECORDED: [&str; 6] = [
    include_str!("../../data/sdp/offer-chromium.sdp"),
    include_str!("../../data/sdp/offer-firefox.sdp"),
    include_str!("../../data/sdp/offer-audio-only.sdp"),
    include_str!("../../data/sdp/offer-h264-only.sdp"),
    include_str!("../../data/sdp/offer-safari-shaped.sdp"),
    include_str!("../../data/sdp/offer-safari-data-first.sdp"),
];

fuzz_target!(|input: (u8, Vec<(u16, u8, String)>, String)| {
    let (choice, edits, raw) = input;
    let text = match RECORDED.get(usize::from(choice)) {
        Some(recorded) => edited(recorded, &edits),
        None => raw,
    };
    let local = LocalParameters {
        ufrag: "fuzz",
        pwd: "fuzzfuzzfuzzfuzzfuzzfuzz",
        fingerprint_sha256: &[7; 32],
        candidates: &["192.0.2.1:3478".parse().unwrap()], tcp_candidates: &[],
        ssrcs: &std::array::from_fn(|index| 0x5000_0000 + index as u32),
    };
    let Ok(first) = answer(&text, &local, None) else { return };
    assert!(first.sdp.starts_with("v=0\r\n") && first.sdp.ends_with("\r\n"));
    assert!(!first.sdp.contains("\r\n\r\n"), "an empty line");
    assert_eq!(first.sdp.matches("\r\nm=").count(), text.lines().filter(|line| line.starts_with("m=")).count(), "one section each");
    // The same offer again with what it had agreed on before: our SSRCs stay.
    let again = answer_among(&text, &local, Some(&first.negotiated), &[&first.negotiated]).expect("the same offer is answered again");
    let ssrcs = |negotiated: &visavis::sfu::negotiated::Negotiated| negotiated.slots.iter().map(|slot| slot.ssrc).collect::<Vec<_>>();
    assert_eq!(ssrcs(&first.negotiated), ssrcs(&again.negotiated));
});

/// Lines of a recorded offer dropped, doubled, replaced or cut.
fn edited(recorded: &str, edits: &[(u16, u8, String)]) -> String {
    let mut lines: Vec<String> = recorded.lines().map(str::to_owned).collect();
    for (at, kind, text) in edits.iter().take(16) {
        let at = usize::from(*at) % lines.len().max(1);
        match kind % 6 {
            0 if lines.len() > 1 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[at].clone()),
            2 => lines[at].clone_from(text),
            3 => lines.insert(at, text.clone()),
            4 => {
                let cut = (0..=lines[at].len()).rev().find(|cut| *cut <= text.len() && lines[at].is_char_boundary(*cut)).unwrap_or(0);
                lines[at].truncate(cut);
            }
            _ => lines[at].push_str(text),
        }
    }
    lines.join("\r\n") + "\r\n"
}
