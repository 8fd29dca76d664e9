//! Recorded and Safari-shaped offers, and offers that nobody should have written.

use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::sfu::negotiated::Codec;

const CHROMIUM: &str = include_str!("../../../tests/data/sdp/offer-chromium.sdp");
const FIREFOX: &str = include_str!("../../../tests/data/sdp/offer-firefox.sdp");
const SAFARI: &str = include_str!("../../../tests/data/sdp/offer-safari-shaped.sdp");
const SAFARI_DATA_FIRST: &str = include_str!("../../../tests/data/sdp/offer-safari-data-first.sdp");
const H264_ONLY: &str = include_str!("../../../tests/data/sdp/offer-h264-only.sdp");
const AUDIO_ONLY: &str = include_str!("../../../tests/data/sdp/offer-audio-only.sdp");

const SSRCS: [u32; 16] = [101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116];

fn try_answer(offer: &str) -> Result<Answer, SdpError> {
    let candidates = ["192.0.2.7:3478".parse().unwrap(), "[2001:db8::7]:3478".parse().unwrap()];
    let local = LocalParameters {
        ufrag: "srv1",
        pwd: "0123456789abcdefghijklmn",
        fingerprint_sha256: &[0xAB; 32],
        candidates: &candidates,
        tcp_candidates: &["192.0.2.7:443".parse().unwrap(), "[2001:db8::7]:443".parse().unwrap()],
        ssrcs: &SSRCS,
    };
    answer(offer, &local, None)
}

fn answered(offer: &str) -> Answer {
    try_answer(offer).unwrap()
}

/// The lines of the section with this mid.
fn section<'a>(sdp: &'a str, mid: &str) -> Vec<&'a str> {
    let sections = sdp.split("m=").skip(1);
    let wanted = format!("a=mid:{mid}");
    sections.map(|text| text.lines().collect::<Vec<_>>()).find(|lines| lines.contains(&wanted.as_str())).unwrap()
}

#[test]
fn the_recorded_chromium_offer_is_answered_with_its_own_numbers() {
    let answer = answered(CHROMIUM);
    assert_eq!(
        section(&answer.sdp, "1"),
        [
            "video 9 UDP/TLS/RTP/SAVPF 96 97 108 109 102 103 116 117",
            "c=IN IP4 0.0.0.0",
            "a=mid:1",
            "a=ice-ufrag:srv1",
            "a=ice-pwd:0123456789abcdefghijklmn",
            &format!("a=fingerprint:sha-256 {}", ["AB"; 32].join(":")),
            "a=setup:passive",
            "a=sendrecv",
            "a=rtcp-mux",
            "a=rtcp-rsize",
            "a=rtpmap:96 VP8/90000",
            "a=rtcp-fb:96 goog-remb",
            "a=rtcp-fb:96 transport-cc",
            "a=rtcp-fb:96 ccm fir",
            "a=rtcp-fb:96 nack",
            "a=rtcp-fb:96 nack pli",
            "a=fmtp:96 x-google-start-bitrate=1000",
            "a=rtpmap:97 rtx/90000",
            "a=fmtp:97 apt=96",
            "a=rtpmap:108 H264/90000",
            "a=rtcp-fb:108 goog-remb",
            "a=rtcp-fb:108 transport-cc",
            "a=rtcp-fb:108 ccm fir",
            "a=rtcp-fb:108 nack",
            "a=rtcp-fb:108 nack pli",
            "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f;x-google-start-bitrate=1000",
            "a=rtpmap:109 rtx/90000",
            "a=fmtp:109 apt=108",
            "a=rtpmap:102 H264/90000",
            "a=rtcp-fb:102 goog-remb",
            "a=rtcp-fb:102 transport-cc",
            "a=rtcp-fb:102 ccm fir",
            "a=rtcp-fb:102 nack",
            "a=rtcp-fb:102 nack pli",
            "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f;x-google-start-bitrate=1000",
            "a=rtpmap:103 rtx/90000",
            "a=fmtp:103 apt=102",
            "a=rtpmap:116 H264/90000",
            "a=rtcp-fb:116 goog-remb",
            "a=rtcp-fb:116 transport-cc",
            "a=rtcp-fb:116 ccm fir",
            "a=rtcp-fb:116 nack",
            "a=rtcp-fb:116 nack pli",
            "a=fmtp:116 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f;x-google-start-bitrate=1000",
            "a=rtpmap:117 rtx/90000",
            "a=fmtp:117 apt=116",
            "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
            "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
            "a=extmap:13 urn:3gpp:video-orientation",
            "a=msid:slot0 v0",
            "a=ssrc-group:FID 102 103",
            "a=ssrc:102 cname:slot0",
            "a=ssrc:103 cname:slot0",
        ]
    );
    assert_eq!((answer.remote_ufrag.as_str(), answer.remote_pwd.as_str()), ("irK+", "BPJuhBHy556fP6yIVmP0ftQd"));
    assert_eq!((answer.sctp_port, answer.max_message_size), (Some(5000), 262_144));
    assert_eq!(answer.remote_fingerprint.bytes()[..3], [0xA3, 0x88, 0x5A]);
    let camera = &answer.negotiated.publishes[1];
    assert_eq!((camera.source, camera.ssrc, camera.rtx_ssrc), (Source::Camera, Some(1_854_106_056), Some(1_975_955_650)));
    assert_eq!((camera.extensions.mid, camera.extensions.transport_cc, camera.extensions.rid), (4, 3, 0));
}

#[test]
fn the_recorded_firefox_offer_is_answered_with_its_own_numbers() {
    let answer = answered(FIREFOX);
    let audio = section(&answer.sdp, "0");
    assert_eq!(audio[0], "audio 9 UDP/TLS/RTP/SAVPF 109");
    assert!(audio.contains(&"a=fmtp:109 minptime=10;useinbandfec=1;usedtx=1"));
    assert!(audio.contains(&"a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid"));
    assert!(audio.contains(&"a=ssrc:101 cname:slot0"));
    assert_eq!(section(&answer.sdp, "1")[0], "video 9 UDP/TLS/RTP/SAVPF 120 124");
    assert_eq!(answer.max_message_size, 262_144);
    assert_eq!(answer.negotiated.publishes[0].codecs[0].payload_type, 109);
    assert_eq!(answer.negotiated.slots[1].codecs[0].rtx_payload_type, Some(124));
}

#[test]
fn only_pictures_that_the_client_sends_get_a_start_bitrate() {
    let answer = answered(SAFARI);
    let counts = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
        .map(|mid| section(&answer.sdp, mid).iter().filter(|line| line.contains("x-google-start-bitrate=1000")).count());
    assert_eq!(counts, [0, 3, 3, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn candidates_and_their_end_stand_in_the_first_section_alone() {
    let answer = answered(CHROMIUM);
    assert!(section(&answer.sdp, "0").contains(&"a=candidate:1 1 udp 2130706431 192.0.2.7 3478 typ host"));
    assert!(section(&answer.sdp, "0").contains(&"a=candidate:2 1 udp 2130706175 2001:db8::7 3478 typ host"));
    // Below every UDP one, whatever the browser thinks of TCP.
    assert!(section(&answer.sdp, "0").contains(&"a=candidate:3 1 tcp 1520435199 192.0.2.7 443 typ host tcptype passive"));
    assert!(section(&answer.sdp, "0").contains(&"a=candidate:4 1 tcp 1520434943 2001:db8::7 443 typ host tcptype passive"));
    assert_eq!(answer.sdp.matches("a=candidate").count(), 4);
    assert_eq!(answer.sdp.matches("a=end-of-candidates").count(), 1);
}

#[test]
fn the_whole_shape_of_the_protocol_gets_three_sources_and_seven_slots() {
    let answer = answered(SAFARI);
    let sources: Vec<_> = answer.negotiated.publishes.iter().map(|published| (published.mid.as_str(), published.source)).collect();
    assert_eq!(sources, [("0", Source::Microphone), ("1", Source::Camera), ("2", Source::Screen)]);
    let slots: Vec<_> = answer.negotiated.slots.iter().map(|slot| (slot.mid.as_str(), slot.video, slot.pair)).collect();
    let expected = [("3", false, 0), ("4", true, 0), ("5", false, 1), ("6", true, 1), ("7", false, 2), ("8", true, 2), ("9", true, 3)];
    assert_eq!(slots, expected);
    assert!(section(&answer.sdp, "0").contains(&"a=recvonly"));
    assert!(section(&answer.sdp, "4").contains(&"a=sendonly"));
    assert!(section(&answer.sdp, "4").contains(&"a=msid:slot0 v0"));
    assert!(section(&answer.sdp, "3").contains(&"a=msid:slot0 a0"));
    assert!(!section(&answer.sdp, "0").iter().any(|line| line.starts_with("a=ssrc")));
    assert!(answer.sdp.contains("a=group:BUNDLE 0 1 2 3 4 5 6 7 8 9 10\r\n"));
}

#[test]
fn every_ssrc_of_an_answer_is_used_once_and_none_is_the_clients() {
    let mut slots = answered(SAFARI).negotiated.slots;
    let mut ssrcs: Vec<u32> = slots.drain(..).flat_map(|slot| [Some(slot.ssrc), slot.rtx_ssrc]).flatten().collect();
    let all = ssrcs.len();
    ssrcs.sort_unstable();
    ssrcs.dedup();
    assert_eq!((all, ssrcs.len()), (11, 11));
    let taken = answered(&CHROMIUM.replace("2222526466", "101"));
    assert_eq!(taken.negotiated.slots[0].ssrc, 102);
}

#[test]
fn safari_sends_vp8_first_unless_a_viewer_reads_h264_alone() {
    assert_eq!(section(&answered(SAFARI).sdp, "1")[0], "video 9 UDP/TLS/RTP/SAVPF 100 101 98 99 96 97");
    let viewer = answered(H264_ONLY).negotiated;
    let local =
        LocalParameters { ufrag: "srv1", pwd: "x", fingerprint_sha256: &[0; 32], candidates: &[], tcp_candidates: &[], ssrcs: &SSRCS };
    let answer = answer_among(SAFARI, &local, None, &[&viewer]).unwrap();
    assert_eq!(section(&answer.sdp, "1")[0], "video 9 UDP/TLS/RTP/SAVPF 98 99 96 97 100 101");
    assert_eq!(answer.negotiated.publishes[1].codecs[0].codec, Codec::H264);
}

#[test]
fn an_h264_only_client_is_answered_with_h264_alone() {
    let answer = answered(H264_ONLY);
    assert_eq!(section(&answer.sdp, "1")[0], "video 9 UDP/TLS/RTP/SAVPF 98 99 96 97");
    assert_eq!(answer.negotiated.publishes[1].codecs[0].h264_profile, 0x42e0);
    assert_eq!(answer.negotiated.publishes[1].codecs[1].h264_profile, 0x640c);
}

#[test]
fn h264_of_packetization_mode_zero_is_no_common_codec() {
    let answer = answered(&H264_ONLY.replace("packetization-mode=1", "packetization-mode=0"));
    assert_eq!(section(&answer.sdp, "1"), ["video 0 UDP/TLS/RTP/SAVPF 96", "c=IN IP4 0.0.0.0", "a=mid:1", "a=inactive"]);
    assert!(answer.sdp.contains("a=group:BUNDLE 0 3 5 7 10\r\n"));
    assert_eq!(answer.negotiated.publishes.len(), 1);
}

#[test]
fn a_data_section_in_front_carries_the_candidates() {
    let answer = answered(SAFARI_DATA_FIRST);
    assert!(answer.sdp.contains("a=group:BUNDLE 0 1 2\r\n"));
    assert!(section(&answer.sdp, "0").iter().any(|line| line.starts_with("a=candidate:1 ")));
    assert!(!section(&answer.sdp, "1").iter().any(|line| line.starts_with("a=candidate")));
    assert_eq!(answer.negotiated.publishes.len(), 2);
}

#[test]
fn an_audio_only_offer_has_no_video_in_its_answer() {
    let answer = answered(AUDIO_ONLY);
    assert!(!answer.sdp.contains("m=video"));
    assert_eq!((answer.negotiated.publishes.len(), answer.negotiated.slots.len()), (1, 1));
}

#[test]
fn feedback_lines_of_absent_payload_types_are_never_echoed() {
    let left_behind = "a=rtcp-fb:77 nack\r\na=rtcp-fb:126 nack\r\na=rtcp-fb:99 transport-cc\r\na=rtcp-mux";
    let answer = answered(&FIREFOX.replace("120 124 121 125 99 100 123 122 119", "120 124").replace("a=rtcp-mux", left_behind));
    assert!(!answer.sdp.contains("a=rtcp-fb:77") && !answer.sdp.contains("a=rtcp-fb:99") && !answer.sdp.contains("a=rtcp-fb:126"));
    assert!(answer.sdp.contains("a=rtcp-fb:120 nack pli"));
}

#[test]
fn nothing_is_promised_that_is_not_done() {
    let answer = answered(&CHROMIUM.replace("a=rtcp-fb:111 transport-cc", "a=rtcp-fb:* nack\r\na=rtcp-fb:111 transport-cc"));
    let audio = section(&answer.sdp, "0");
    assert!(audio.contains(&"a=rtcp-fb:111 transport-cc") && !audio.contains(&"a=rtcp-fb:111 nack"));
    assert!(!answer.sdp.contains("rid") && !answer.sdp.contains("simulcast"));
}

#[test]
fn redundant_sound_comes_first_where_the_client_sends_and_second_where_it_receives() {
    let answer = answered(CHROMIUM);
    let audio = section(&answer.sdp, "0");
    assert_eq!(audio[0], "audio 9 UDP/TLS/RTP/SAVPF 63 111");
    assert!(audio.contains(&"a=rtpmap:63 red/48000/2") && audio.contains(&"a=fmtp:63 111/111"));
    assert_eq!(answer.negotiated.publishes[0].codecs[0].red_payload_type, Some(63));
    let receiving = answered(&CHROMIUM.replace("a=sendrecv", "a=recvonly"));
    assert_eq!(section(&receiving.sdp, "0")[0], "audio 9 UDP/TLS/RTP/SAVPF 111 63");
    assert_eq!(receiving.negotiated.slots[0].codecs[0].red_payload_type, Some(63));
    let other = answered(&CHROMIUM.replace("a=fmtp:63 111/111", "a=fmtp:63 111/9"));
    assert!(!other.sdp.contains("red/"), "two codecs in one packet");
}

#[test]
fn an_ssrc_of_a_receiving_section_is_no_source() {
    let answer = answered(&FIREFOX.replace("a=sendrecv", "a=recvonly"));
    assert!(answer.negotiated.publishes.is_empty());
    assert_eq!(answer.negotiated.slots.len(), 2);
}

#[test]
fn an_extension_that_the_client_only_receives_is_answered_the_other_way_round() {
    let answer = answered(&CHROMIUM.replace("a=extmap:13 urn", "a=extmap:13/recvonly urn"));
    assert!(section(&answer.sdp, "1").contains(&"a=extmap:13/sendonly urn:3gpp:video-orientation"));
    assert_eq!(answer.negotiated.publishes[1].extensions.video_orientation, 0);
    assert_eq!(answer.negotiated.slots[1].extensions.video_orientation, 13);
}

#[test]
fn an_ice_restart_keeps_every_ssrc_and_the_origin() {
    let first = answered(SAFARI);
    let other = [201, 202, 203, 204, 205, 206, 207, 208, 209, 210, 211, 212, 213, 214, 215, 216];
    let local =
        LocalParameters { ufrag: "srv2", pwd: "y", fingerprint_sha256: &[0; 32], candidates: &[], tcp_candidates: &[], ssrcs: &other };
    let restart = SAFARI.replace("a=ice-ufrag:Xk3v", "a=ice-ufrag:New1").replace("o=- 4611731400430051336 2", "o=- 4611731400430051336 3");
    let again = answer(&restart, &local, Some(&first.negotiated)).unwrap();
    assert_eq!(again.negotiated, first.negotiated);
    assert_eq!(again.remote_ufrag, "New1");
    assert!(first.sdp.contains("o=- 101 2 IN") && again.sdp.contains("o=- 101 3 IN"));
}

#[test]
fn five_hundred_hostile_candidates_are_ignored_in_five_milliseconds() {
    let addresses = ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "169.254.169.254", "fd00::1", "a.local"];
    let many: String = (0..500).map(|n| format!("a=candidate:{n} 1 udp 1 {} 22 typ host\r\n", addresses[n % addresses.len()])).collect();
    let offer = CHROMIUM.replacen("a=ice-options:trickle\r\n", &many, 1).replacen("a=ice-options:trickle\n", &many, 1);
    assert_eq!(offer.matches("a=candidate").count(), 500);
    let best = (0..5)
        .map(|_| {
            let begin = Instant::now();
            let answer = answered(&offer);
            assert!(!addresses.iter().any(|address| answer.sdp.contains(&format!(" {address} 22"))));
            begin.elapsed()
        })
        .min()
        .unwrap();
    assert!(best.as_millis() < 5, "took {best:?}");
}

#[test]
fn what_cannot_be_answered_is_refused_with_a_reason() {
    assert_eq!(try_answer(""), Err(SdpError::Syntax));
    assert_eq!(try_answer(CHROMIUM.split("m=").next().unwrap()), Err(SdpError::Refused("no media section")));
    assert_eq!(try_answer("hello"), Err(SdpError::Syntax));
    assert_eq!(try_answer(&"a".repeat(limits::SDP_BYTES + 1)), Err(SdpError::TooLarge));
    assert_eq!(try_answer(&"\n".repeat(limits::SDP_LINES + 1)), Err(SdpError::TooLarge));
    assert_eq!(try_answer(&CHROMIUM.replace("a=ice-ufrag:irK+", "a=ice-ufrag:x")), Err(SdpError::Refused("no ICE ufrag")));
    assert_eq!(try_answer(&CHROMIUM.replace("fingerprint:sha-256", "fingerprint:sha-1")), Err(SdpError::Refused("no SHA-2 fingerprint")));
    assert_eq!(
        try_answer(&CHROMIUM.replace("a=setup:actpass", "a=setup:passive")),
        Err(SdpError::Refused("the client must be able to start DTLS"))
    );
    assert_eq!(try_answer(&CHROMIUM.replace("a=mid:2", "a=mid:1")), Err(SdpError::Refused("two sections with one mid")));
    assert_eq!(try_answer(&CHROMIUM.replace("BUNDLE 0 1 2", "LS 0 1 2")), Err(SdpError::Refused("no usable section")));
    assert_eq!(try_answer(&CHROMIUM.replace("a=mid:2", "a=mid:2\rfoo")), Err(SdpError::Syntax));
    let data = CHROMIUM.find("m=application").unwrap();
    let sections = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:x\r\n".repeat(33);
    assert_eq!(try_answer(&format!("{}{sections}", &CHROMIUM[..data])), Err(SdpError::TooLarge));
}

/// What must hold of any answer, whatever the offer was.
fn check(offer: &str) {
    let Ok(answer) = try_answer(offer) else { return };
    assert!(answer.sdp.lines().all(|line| line.len() >= 2 && line.as_bytes()[1] == b'='));
    assert!(answer.negotiated.slots.len() <= limits::SLOTS_MAX && answer.negotiated.publishes.len() <= 3);
    let sections = |sdp: &str| sdp.lines().filter(|line| line.starts_with("m=")).count();
    assert_eq!(sections(&answer.sdp), sections(offer));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        check(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_mutation_of_a_real_offer_makes_it_panic(
        which in 0usize..4,
        edits in proptest::collection::vec((any::<u16>(), 0u8..4, any::<u16>(), "[ -~\r\n]{0,12}"), 1..12),
    ) {
        let mut lines: Vec<String> = [CHROMIUM, FIREFOX, SAFARI, SAFARI_DATA_FIRST][which].lines().map(str::to_owned).collect();
        for (at, kind, other, text) in edits {
            let index = usize::from(at) % lines.len();
            let from = usize::from(other) % lines.len();
            match kind {
                0 => lines[index] = lines[from].clone(),
                1 => lines.swap(index, from),
                2 => { let cut = usize::from(other) % (lines[index].len() + 1); lines[index].truncate(cut); lines[index].push_str(&text); }
                _ => { let copy = lines[from].clone(); lines.insert(index, copy); }
            }
        }
        check(&lines.join("\r\n"));
    }
}

/// The recorded Chromium offer with several encodings of the camera.
fn layered(lines: &str) -> String {
    let mut offer: Vec<&str> = CHROMIUM.lines().collect();
    let at = offer.iter().position(|line| *line == "a=mid:1").unwrap();
    offer.splice(at + 1..at + 1, lines.lines());
    offer.join("\r\n") + "\r\n"
}

#[test]
fn encodings_are_answered_in_their_order_and_become_tracks_from_the_best_down() {
    let answer = answered(&layered("a=rid:q send\na=rid:h send max-width=640\na=rid:f send\na=simulcast:send q;~h,x;f"));
    let camera = section(&answer.sdp, "1");
    for line in ["a=rid:q recv", "a=rid:h recv", "a=rid:f recv", "a=simulcast:recv q;~h;f"] {
        assert!(camera.contains(&line), "{line} is not in {camera:?}");
    }
    for uri in [RID_URI, REPAIRED_RID_URI] {
        assert!(camera.iter().any(|line| line.starts_with("a=extmap:") && line.ends_with(uri)));
    }
    let tracks: Vec<_> = answer.negotiated.publishes.iter().filter(|track| track.source == Source::Camera).collect();
    assert_eq!(tracks.iter().map(|track| track.rid.as_deref().unwrap()).collect::<Vec<_>>(), ["f", "h", "q"]);
    assert!(tracks.iter().all(|track| track.ssrc.is_none() && track.extensions.rid == 10 && track.extensions.repaired_rid == 11));
    assert_eq!(answered(CHROMIUM).negotiated.publishes.iter().filter(|track| track.source == Source::Camera).count(), 1);
}

#[test]
fn encodings_that_cannot_be_told_apart_are_one() {
    for lines in [
        "a=rid:f send\na=simulcast:send f",
        "a=simulcast:send q;f",
        "a=rid:q recv\na=rid:f recv\na=simulcast:recv q;f",
        "a=rid:q\u{e9} send\na=rid:f send\na=simulcast:send q\u{e9};f",
        "a=rid:aaaaaaaaaaaaaaaaa send\na=rid:f send\na=simulcast:send aaaaaaaaaaaaaaaaa;f",
    ] {
        let answer = answered(&layered(lines));
        assert!(!answer.sdp.contains("simulcast") && !answer.sdp.contains("a=rid") && !answer.sdp.contains(RID_URI), "{lines}");
        let camera = answer.negotiated.publishes.iter().find(|track| track.source == Source::Camera).unwrap();
        assert_eq!((camera.rid.as_deref(), camera.ssrc.is_some()), (None, true), "{lines}");
    }
    let many: String = (0..9).map(|n| format!("a=rid:r{n} send\n")).collect();
    let answer = answered(&layered(&format!("{many}a=simulcast:send r0;r1;r2;r3;r4;r5;r6;r7;r8")));
    assert!(answer.sdp.contains("a=simulcast:recv r0;r1;r2\r\n"));
}
