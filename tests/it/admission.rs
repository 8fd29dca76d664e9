//! S8: nothing crosses before admission; the same probes cross after it. Here on the media plane alone, with a client that can send anything.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use visavis::load::synthetic::{OpusSource, SyntheticPacket, Vp8Source};
use visavis::media::plane::MediaEvent;

use crate::support::raw_client::RawClient;
use crate::support::raw_peer::{RawOptions, rtcp_packet, rtp_packet};
use crate::support::room::{AGENT, CITIZEN, Room, plane};

const PROBING: u32 = 1;
const WATCHING: u32 = 2;
/// Synthetic streams: of the probing side, by source; of the watching side.
const STREAMS: [u32; 3] = [100, 101, 102];
const WATCHED: u32 = 200;

/// What a probe does on the far side once both are admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// Its payload arrives at the other person.
    MediaThere,
    /// The other person is asked for a key frame.
    KeyFrameAsked,
    /// Media of the other person comes (again) to the one who asks.
    MediaHere,
    /// A report about it arrives at the other person.
    ReportThere,
    /// Nothing, ever: it is forged.
    Nothing,
}

struct Probe {
    name: &'static str,
    then: Then,
    /// Plain RTP, plain RTCP or a raw datagram, made for the two clients at hand.
    send: fn(&Stage, u16) -> What,
}

enum What {
    Rtp(Vec<u8>),
    Rtcp(Vec<u8>),
    Raw(Vec<u8>),
    /// Sealed with the keys of this transport, sent from another socket.
    FromElsewhere(Vec<u8>),
    /// DTLS application data.
    Data(Vec<u8>),
}

struct Stage {
    room: Room,
    probing: RawClient,
    watching: RawClient,
    elsewhere: UdpSocket,
    /// The first video slot's SSRC, once media told it from that of its RTX.
    carried: OnceLock<u32>,
}

impl Stage {
    async fn new(id: u128) -> Self {
        let plane = plane();
        let room = Room::open(&plane, id);
        // The plane lives as long as the test: its worker serves until the door is dropped.
        std::mem::forget(plane);
        let watching = RawClient::join(&room, AGENT, 1, RawOptions { name: WATCHING, ..RawOptions::default() }).await;
        let probing = RawClient::join(&room, CITIZEN, 1, RawOptions { name: PROBING, ..RawOptions::default() }).await;
        Self { room, probing, watching, elsewhere: UdpSocket::bind("127.0.0.1:0").await.unwrap(), carried: OnceLock::new() }
    }

    /// SSRCs of the probing client: microphone, camera, RTX of it, screen, RTX of it.
    fn own(&self) -> [u32; 5] {
        self.probing.peer().ssrcs()
    }

    fn others(&self) -> [u32; 5] {
        self.watching.peer().ssrcs()
    }

    /// The server's SSRC of the probing client's first video slot.
    fn video_slot(&self) -> u32 {
        if let Some(known) = self.carried.get() {
            return *known;
        }
        let slots = self.probing.peer().slots();
        let likely = slots.into_iter().filter(|(_, mid)| mid == "4").map(|(ssrc, _)| ssrc).min_by_key(|ssrc| self.rank(*ssrc)).unwrap();
        if !self.rank(likely) {
            let _ = self.carried.set(likely);
        }
        likely
    }

    /// Primary SSRCs before those of RTX: the primary is the one that carried media, or any while none did.
    fn rank(&self, ssrc: u32) -> bool {
        use crate::support::raw_peer::read_rtp;
        let arrived = self.probing.arrived();
        !arrived.iter().any(|arrived| match arrived {
            crate::support::raw_peer::Arrived::Rtp(packet) => {
                read_rtp(packet).is_some_and(|(payload_type, _, _, from, _)| from == ssrc && payload_type == 96)
            }
            _ => false,
        })
    }

    async fn send(&self, what: What) {
        match what {
            What::Rtp(packet) => drop(self.probing.send_rtp(&packet).await),
            What::Rtcp(packet) => self.probing.send_rtcp(&packet).await,
            What::Raw(datagram) => self.probing.send(&datagram).await,
            What::FromElsewhere(packet) => {
                let sealed = self.probing.peer().seal_rtp(&packet);
                self.elsewhere.send_to(&sealed, self.probing.server()).await.unwrap();
            }
            What::Data(data) => self.probing.peer().send_data(&data),
        }
    }

    /// The watching side talks all the time, so that anything which opens its way shows.
    async fn talk(&self, video: &mut Vp8Source, sequence: &mut u16) {
        self.show(video.frame(sequence.is_multiple_of(8)), sequence).await;
    }

    async fn show(&self, frame: Vec<SyntheticPacket>, sequence: &mut u16) {
        for packet in frame {
            *sequence = sequence.wrapping_add(1);
            let camera = self.others()[1];
            self.watching.send_rtp(&rtp_packet(96, packet.marker, *sequence, packet.timestamp, camera, &packet.payload)).await;
        }
    }
}

fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_be_bytes()).collect()
}

fn video(stream: u32) -> Vec<u8> {
    Vp8Source::new(stream, 30, 1, 300).frame(true).remove(0).payload
}

fn audio(stream: u32) -> Vec<u8> {
    OpusSource::new(stream, 80).packet().payload
}

/// Every kind of sending and asking that the media path has an ear for.
#[rustfmt::skip]
const PROBES: &[Probe] = &[
    Probe { name: "microphone", then: Then::MediaThere, send: |s, n| What::Rtp(rtp_packet(111, true, n, 960 * u32::from(n), s.own()[0], &audio(STREAMS[0]))) },
    Probe { name: "camera", then: Then::MediaThere, send: |s, n| What::Rtp(rtp_packet(96, true, n, 3000 * u32::from(n), s.own()[1], &video(STREAMS[1]))) },
    Probe { name: "screen", then: Then::MediaThere, send: |s, n| What::Rtp(rtp_packet(96, true, n, 3000 * u32::from(n), s.own()[3], &video(STREAMS[2]))) },
    Probe { name: "PLI for a slot", then: Then::KeyFrameAsked, send: |s, _| What::Rtcp(rtcp_packet(206, 1, &words(&[s.own()[0], s.video_slot()]))) },
    Probe { name: "FIR for a slot", then: Then::KeyFrameAsked, send: |s, n| What::Rtcp(rtcp_packet(206, 4, &words(&[s.own()[0], 0, s.video_slot(), u32::from(n) << 24]))) },
    Probe { name: "being there", then: Then::MediaHere, send: |s, _| What::Rtcp(rtcp_packet(201, 0, &words(&[s.own()[0]]))) },
    Probe { name: "sender report", then: Then::ReportThere, send: |s, n| What::Rtcp(rtcp_packet(200, 0, &words(&[s.own()[1], 0xe000_0000, 0, 3000 * u32::from(n), 10, 1000]))) },
    Probe { name: "PLI naming the other's camera", then: Then::Nothing, send: |s, _| What::Rtcp(rtcp_packet(206, 1, &words(&[s.own()[0], s.others()[1]]))) },
    Probe { name: "FIR naming the other's camera", then: Then::Nothing, send: |s, n| What::Rtcp(rtcp_packet(206, 4, &words(&[s.own()[0], 0, s.others()[1], u32::from(n) << 24]))) },
    Probe { name: "NACK naming the other's camera", then: Then::Nothing, send: |s, n| What::Rtcp(rtcp_packet(205, 1, &words(&[s.own()[0], s.others()[1], u32::from(n) << 16 | 0xffff]))) },
    Probe { name: "RTX without an original", then: Then::Nothing, send: |s, n| What::Rtp(rtp_packet(97, true, n, 3000, s.own()[2], &[0xff])) },
    Probe { name: "RTP under the other's microphone", then: Then::Nothing, send: |s, n| What::Rtp(rtp_packet(111, true, n, 960, s.others()[0], &audio(900))) },
    Probe { name: "RTP under the other's camera", then: Then::Nothing, send: |s, n| What::Rtp(rtp_packet(96, true, n, 960, s.others()[1], &video(901))) },
    Probe { name: "RTP under the server's own slot", then: Then::Nothing, send: |s, n| What::Rtp(rtp_packet(96, true, n, 960, s.video_slot(), &video(902))) },
    Probe { name: "RTP under a new SSRC", then: Then::Nothing, send: |_, n| What::Rtp(rtp_packet(96, true, n, 960, 0x7777_0000 + u32::from(n), &video(903))) },
    Probe { name: "RTP of an unknown payload type", then: Then::Nothing, send: |s, n| What::Rtp(rtp_packet(120, true, n, 960, s.own()[1], &video(904))) },
    Probe { name: "audio on the camera's SSRC", then: Then::Nothing, send: |s, n| What::Rtp(rtp_packet(111, true, n, 960, s.own()[1], &audio(905))) },
    Probe { name: "RTP not sealed", then: Then::Nothing, send: |s, n| What::Raw(rtp_packet(96, true, n, 960, s.own()[1], &video(906))) },
    Probe { name: "RTP with a wrong tag", then: Then::Nothing, send: |s, n| { let packet = rtp_packet(96, true, n, 960, s.own()[1], &video(907)); let mut sealed = s.probing.peer().seal_rtp(&packet); *sealed.last_mut().unwrap() ^= 1; What::Raw(sealed) } },
    Probe { name: "RTP from another socket", then: Then::Nothing, send: |s, n| What::FromElsewhere(rtp_packet(96, true, n, 960, s.own()[1], &video(908))) },
    Probe { name: "RTCP not sealed", then: Then::Nothing, send: |s, _| What::Raw(rtcp_packet(206, 1, &words(&[s.own()[0], s.others()[1]]))) },
    Probe { name: "REMB", then: Then::Nothing, send: |s, _| What::Rtcp(rtcp_packet(206, 15, &words(&[s.own()[0], 0, u32::from_be_bytes(*b"REMB"), 0x0100_ffff, s.others()[1]]))) },
    Probe { name: "BYE for the other", then: Then::Nothing, send: |s, _| What::Rtcp(rtcp_packet(203, 1, &words(&[s.others()[1]]))) },
    Probe { name: "sender report under the other's SSRC", then: Then::Nothing, send: |s, n| What::Rtcp(rtcp_packet(200, 0, &words(&[s.others()[1], 0xe000_0000, 0, u32::from(n), 10, 1000]))) },
    Probe { name: "APP", then: Then::Nothing, send: |s, _| What::Rtcp(rtcp_packet(204, 0, &words(&[s.own()[0], u32::from_be_bytes(*b"VISV"), 1]))) },
    Probe { name: "transport feedback for the other's packets", then: Then::Nothing, send: |s, _| What::Rtcp(rtcp_packet(205, 15, &words(&[s.own()[0], s.others()[1], 0x0001_0001, 0x0000_0100, 0x2001_0400]))) },
    Probe { name: "DTLS application data that is no SCTP", then: Then::Nothing, send: |_, _| What::Data(video(909)) },
    Probe { name: "SCTP data without an association", then: Then::Nothing, send: |_, n| What::Data([&[0x13, 0x88, 0x13, 0x88, 0, 0, 0, 1, 0, 0, 0, 0, 0, 3, 0, 20, 0, 0, 0, 1, 0, 0, 0, 0][..], &n.to_be_bytes(), b"xx"].concat()) },
    Probe { name: "a check from another socket's client", then: Then::Nothing, send: |s, _| { let check = s.probing.peer().check(); What::Raw(check) } },
];

/// What has crossed so far, either way.
#[derive(Debug, Default, PartialEq, Eq, Clone)]
struct Crossed {
    media_there: usize,
    forged_there: usize,
    media_here: usize,
    key_frames_asked: usize,
    reports_there: usize,
    messages: usize,
}

fn crossed(stage: &Stage) -> Crossed {
    let there = stage.watching.media().len();
    let genuine: usize = STREAMS.iter().map(|stream| stage.watching.count_of(*stream)).sum();
    Crossed {
        media_there: genuine,
        forged_there: there - genuine,
        media_here: stage.probing.media().len(),
        key_frames_asked: stage.watching.rtcp(206).iter().filter(|packet| matches!(packet[0] & 0x1f, 1 | 4)).count(),
        reports_there: stage.watching.rtcp(200).len(),
        messages: stage.room.events().iter().filter(|event| matches!(event, MediaEvent::Message(..))).count(),
    }
}

/// Sends every probe three times while the other side talks, then gives anything on its way the time to arrive.
async fn all_probes(stage: &Stage) {
    let mut talk = Vp8Source::new(WATCHED, 30, 2, 400);
    let mut talked = 0;
    for round in 0_u16..3 {
        for (index, probe) in PROBES.iter().enumerate() {
            stage.talk(&mut talk, &mut talked).await;
            let number = 100 + round * PROBES.len() as u16 + index as u16;
            stage.send((probe.send)(stage, number)).await;
            tokio::time::sleep(Duration::from_millis(4)).await;
        }
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_crosses_before_both_are_admitted() {
    assert!(PROBES.len() >= 20);
    for (id, citizen, agent) in [(100, false, false), (101, true, false), (102, false, true)] {
        let stage = Stage::new(id).await;
        stage.room.door.admit(CITIZEN, citizen);
        stage.room.door.admit(AGENT, agent);
        all_probes(&stage).await;
        assert_eq!(crossed(&stage), Crossed::default(), "citizen admitted {citizen}, agent admitted {agent}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_crosses_after_an_admission_was_taken_back() {
    let stage = Stage::new(110).await;
    for admitted in [true, false] {
        stage.room.door.admit(CITIZEN, admitted);
        stage.room.door.admit(AGENT, admitted);
        all_probes(&stage).await;
        if admitted {
            assert!(crossed(&stage).media_there > 0 && crossed(&stage).media_here > 0);
        }
        stage.watching.forget_arrived();
        stage.probing.forget_arrived();
    }
    stage.room.door.admit(AGENT, true);
    all_probes(&stage).await;
    assert_eq!(crossed(&stage), Crossed::default());
}

/// The control: the same probes, one by one, with both admitted. Without it the tests above could pass on a server that forwards nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_probes_cross_once_both_are_admitted() {
    let stage = Stage::new(120).await;
    stage.room.door.admit(CITIZEN, true);
    stage.room.door.admit(AGENT, true);
    let mut talk = Vp8Source::new(WATCHED, 30, 2, 400);
    let mut talked = 0;
    for _ in 0..30 {
        stage.talk(&mut talk, &mut talked).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stage.probing.until("media of the other", |client| client.count_of(WATCHED) >= 4).await;
    stage.video_slot();
    assert!(stage.carried.get().is_some());
    for (index, probe) in PROBES.iter().enumerate() {
        // Key-frame requests are coalesced and repeated until a key frame comes: answer, and let the last one be old.
        stage.show(talk.frame(true), &mut talked).await;
        tokio::time::sleep(Duration::from_millis(400)).await;
        stage.watching.forget_arrived();
        stage.probing.forget_arrived();
        for repeat in 0_u16..3 {
            stage.send((probe.send)(&stage, 300 + 10 * index as u16 + repeat)).await;
            if probe.then == Then::MediaHere {
                stage.talk(&mut talk, &mut talked).await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let happened = |crossed: &Crossed| match probe.then {
            Then::MediaThere => crossed.media_there > 0,
            Then::KeyFrameAsked => crossed.key_frames_asked > 0,
            Then::MediaHere => crossed.media_here > 0,
            Then::ReportThere => crossed.reports_there > 0,
            Then::Nothing => crossed.media_there == 0 && crossed.key_frames_asked == 0 && crossed.media_here == 0,
        };
        // What must cross may take its time on a busy machine; what must not is given a fixed one.
        let patience = Instant::now() + Duration::from_secs(10);
        tokio::time::sleep(Duration::from_millis(150)).await;
        while !happened(&crossed(&stage)) && probe.then != Then::Nothing && Instant::now() < patience {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let crossed = crossed(&stage);
        let happened = happened(&crossed);
        assert!(happened && crossed.forged_there == 0, "{}: {:?}, but {crossed:?}", probe.name, probe.then);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn put_back_ends_media_both_ways_within_300_ms() {
    let stage = Stage::new(130).await;
    stage.room.door.admit(CITIZEN, true);
    stage.room.door.admit(AGENT, true);
    let mut talk = Vp8Source::new(WATCHED, 30, 2, 400);
    let (mut talked, mut back) = (0, None::<Instant>);
    for number in 1_u16..400 {
        stage.talk(&mut talk, &mut talked).await;
        let payload = OpusSource::new(STREAMS[0], 80).packet().payload;
        stage.send(What::Rtp(rtp_packet(111, false, number, 960 * u32::from(number), stage.own()[0], &payload))).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        match back {
            None if number == 100 => {
                assert!(stage.watching.count_of(STREAMS[0]) > 0 && stage.probing.count_of(WATCHED) > 0);
                stage.room.door.admit(CITIZEN, false);
                back = Some(Instant::now());
            }
            // From here on nothing more may come.
            Some(at) if at.elapsed() >= Duration::from_millis(300) => {
                stage.watching.forget_arrived();
                stage.probing.forget_arrived();
                break;
            }
            _ => {}
        }
    }
    all_probes(&stage).await;
    assert_eq!(crossed(&stage), Crossed::default());
}
