//! The router as a whole: this input, exactly these outputs, in virtual time.

#![cfg(test)]

use std::time::Duration;

use super::harness::*;
use super::negotiated::{Publishing, SlotAssignment, Source};
use super::quality::Quality;
use super::rtcp::{self, Block, Message};
use super::rtp::Outgoing;

fn assignment(mid: &str, participant: crate::ids::ParticipantId, source: Source) -> SlotAssignment {
    SlotAssignment { mid: mid.to_owned(), participant, source }
}

#[test]
fn nothing_crosses_before_both_are_admitted() {
    let mut world = World::new();
    world.join(CITIZEN, &CHROMIUM);
    world.join(AGENT, &FIREFOX);
    let probe = |world: &mut World, n: u16| {
        world.rtp(CITIZEN, &camera(n, 0, KEY).bytes());
        world.rtp(CITIZEN, &microphone(n, 0).bytes());
        world.rtp(AGENT, &Sent { who: AGENT, browser: &FIREFOX, ..camera(n, 0, KEY) }.bytes());
        let mut request = Vec::new();
        rtcp::write_pli(&mut request, 1, 201);
        rtcp::write_nack(&mut request, 1, 201, &[0, 1, 2]);
        world.rtcp(AGENT, &request);
        world.pass(500);
    };
    probe(&mut world, 1);
    world.admit(CITIZEN, true);
    probe(&mut world, 2);
    world.admit(CITIZEN, false);
    world.admit(AGENT, true);
    probe(&mut world, 3);
    let before = world.sink.take();
    assert!(before.rtp.is_empty() && before.slots.is_empty() && before.key_requests().is_empty());
    world.admit(CITIZEN, true);
    probe(&mut world, 4);
    assert_eq!(world.sink.take().rtp.len(), 3, "the same probes cross after admission");
}

#[test]
fn admission_tells_the_slots_and_asks_for_key_frames_at_once() {
    let mut world = World::new();
    world.join(CITIZEN, &CHROMIUM);
    world.join(AGENT, &FIREFOX);
    world.admit(AGENT, true);
    world.admit(CITIZEN, true);
    let out = world.sink.take();
    assert_eq!(
        out.slots,
        [
            (CITIZEN, vec![assignment("3", AGENT, Source::Microphone), assignment("4", AGENT, Source::Camera)]),
            (AGENT, vec![assignment("3", CITIZEN, Source::Microphone), assignment("4", CITIZEN, Source::Camera)]),
        ]
    );
    assert_eq!(out.key_requests(), [(CITIZEN, 1001), (AGENT, 2001)]);
}

#[test]
fn a_packet_gets_the_numbers_of_the_other_leg() {
    let mut world = World::call();
    world.rtp(CITIZEN, &camera(500, 9_000, KEY).bytes());
    world.rtp(CITIZEN, &microphone(700, 960).bytes());
    let out = world.sink.take().rtp;
    let (to, packet) = &out[0];
    let video = read(packet);
    assert_eq!(*to, AGENT);
    assert_eq!((video.ssrc, video.payload_type, video.marker, video.payload), (201, FIREFOX.vp8, true, KEY));
    let carried = video.carried(&FIREFOX.ids);
    assert_eq!((carried.mid, carried.video_orientation), (Some(&b"4"[..]), None), "Firefox did not negotiate the orientation");
    assert_eq!(video.transport_number(7), Some(1));
    let audio = read(&out[1].1);
    assert_eq!((audio.ssrc, audio.payload_type), (200, FIREFOX.opus));
    assert_eq!(audio.carried(&FIREFOX.ids).audio_level, Some(0x85));
    assert_eq!(audio.transport_number(7), Some(2), "one count for the whole transport");
}

#[test]
fn a_phones_orientation_is_carried_where_both_have_it() {
    let mut world = World::new();
    for who in [CITIZEN, AGENT] {
        world.join(who, &CHROMIUM);
        world.admit(who, true);
    }
    world.rtp(CITIZEN, &camera(500, 9_000, KEY).bytes());
    let out = world.sink.take().rtp;
    assert_eq!(read(&out[0].1).carried(&CHROMIUM.ids).video_orientation, Some(2));
}

#[test]
fn holes_of_the_source_stay_holes() {
    let mut world = World::call();
    for (sequence, timestamp) in [(65_534, 0), (65_535, 3000), (2, 6000), (1, 6000), (1, 6000)] {
        world.rtp(CITIZEN, &camera(sequence, timestamp, KEY).bytes());
    }
    let out = world.sink.take().rtp;
    let first = read(&out[0].1);
    let seen: Vec<_> = out
        .iter()
        .map(|(_, packet)| (read(packet).sequence.wrapping_sub(first.sequence), read(packet).timestamp.wrapping_sub(first.timestamp)))
        .collect();
    assert_eq!(seen, [(0, 0), (1, 3000), (4, 6000), (3, 6000)], "the repeated one does not leave twice");
}

#[test]
fn video_waits_for_a_key_frame_and_asks_until_it_comes() {
    let mut world = World::call();
    world.pass(7_000); // the requests of the admission have come to rest
    world.sink.take();
    let begin = world.elapsed_ms();
    let mut asked = Vec::new();
    for n in 0..100_u16 {
        world.rtp(CITIZEN, &camera(n, u32::from(n) * 900, INTER).bytes());
        asked.extend(world.sink.key_requests().iter().filter(|(to, _)| *to == CITIZEN).map(|_| world.elapsed_ms() - begin));
        assert!(world.sink.take().rtp.is_empty());
        world.pass(10);
        asked.extend(world.sink.take().key_requests().iter().filter(|(to, _)| *to == CITIZEN).map(|_| world.elapsed_ms() - begin));
    }
    assert_eq!(asked, [0, 300, 600, 900]);
    world.rtp(CITIZEN, &camera(100, 90_000, KEY).bytes());
    world.rtp(CITIZEN, &camera(101, 90_900, INTER).bytes());
    assert_eq!(world.sink.take().rtp.len(), 2);
    world.pass(3_000);
    assert!(world.sink.take().key_requests().iter().all(|(to, _)| *to != CITIZEN));
}

#[test]
fn what_overtook_the_beginning_of_a_key_frame_follows_it() {
    let mut world = World::call();
    for sequence in [11, 12] {
        world.rtp(CITIZEN, &camera(sequence, 0, &[0x80, 0x80, 0x81, 2, 9]).bytes());
    }
    assert!(world.sink.take().rtp.is_empty());
    world.rtp(CITIZEN, &camera(10, 0, KEY).bytes());
    let out = world.sink.take().rtp;
    let first = read(&out[0].1).sequence;
    assert_eq!(out.iter().map(|(_, packet)| read(packet).sequence.wrapping_sub(first)).collect::<Vec<_>>(), [0, 1, 2]);
    world.rtp(CITIZEN, &camera(12, 0, INTER).bytes());
    assert!(world.sink.take().rtp.is_empty(), "nothing leaves twice");
}

#[test]
fn the_lost_beginning_of_the_first_key_frame_is_asked_for() {
    let mut world = World::call();
    world.rtp(CITIZEN, &camera(11, 0, &[0x80, 0x80, 0x81, 2, 9]).bytes());
    world.pass(20);
    assert_eq!(world.sink.take().nacks(), [(CITIZEN, 1001, vec![8, 9, 10])]);
    world.rtp(CITIZEN, &camera(10, 0, KEY).rtx(1));
    assert_eq!(world.sink.take().rtp.len(), 2);
}

#[test]
fn key_frame_requests_of_many_become_one() {
    let mut world = World::call();
    world.join(GUEST, &CHROMIUM);
    world.admit(GUEST, true);
    world.rtp(CITIZEN, &camera(1, 0, KEY).bytes());
    world.pass(400);
    world.sink.take();
    for _ in 0..10 {
        let mut packet = Vec::new();
        rtcp::write_pli(&mut packet, 1, 201);
        world.rtcp(AGENT, &packet);
        packet.clear();
        rtcp::write_fir(&mut packet, 1, 301, 1);
        world.rtcp(GUEST, &packet);
        world.pass(20);
    }
    assert_eq!(world.sink.take().key_requests().iter().filter(|(to, ssrc)| (*to, *ssrc) == (CITIZEN, 1001)).count(), 1);
}

#[test]
fn shutting_stops_within_the_call() {
    let mut world = World::call();
    world.rtp(CITIZEN, &camera(1, 0, KEY).bytes());
    world.sink.take();
    world.admit(CITIZEN, false);
    assert_eq!(world.sink.take().slots, [(CITIZEN, vec![]), (AGENT, vec![])]);
    world.rtp(CITIZEN, &camera(2, 0, KEY).bytes());
    let mut nack = Vec::new();
    rtcp::write_nack(&mut nack, 1, 201, &(0..1000).collect::<Vec<_>>());
    world.rtcp(AGENT, &nack);
    assert!(world.sink.take().rtp.is_empty());
}

#[test]
fn a_slot_goes_on_without_a_break_when_somebody_else_takes_it() {
    let mut world = World::call();
    world.rtp(CITIZEN, &camera(500, 9_000, KEY).bytes());
    world.router.leave(CITIZEN, world.now, &mut world.sink);
    world.join(GUEST, &CHROMIUM);
    world.admit(GUEST, true);
    let before = world.sink.take();
    let last = read(&before.rtp[0].1);
    world.pass(500);
    world.rtp(GUEST, &Sent { who: GUEST, ..camera(7, 77, INTER) }.bytes());
    assert!(world.sink.take().rtp.is_empty());
    world.rtp(GUEST, &Sent { who: GUEST, ..camera(8, 77, KEY) }.bytes());
    let after = world.sink.take().rtp;
    let next = read(&after[0].1);
    assert_eq!((next.ssrc, next.sequence), (201, last.sequence.wrapping_add(1)));
    assert_eq!(next.timestamp, last.timestamp.wrapping_add(45_000));
}

#[test]
fn a_new_peer_connection_is_told_its_slots_again() {
    let mut world = World::call();
    let mut again = negotiated(AGENT, &CHROMIUM);
    again.slots.iter_mut().for_each(|slot| slot.ssrc += 7000);
    world.seat(AGENT, again);
    let out = world.sink.take();
    assert_eq!(out.slots, [(AGENT, vec![assignment("3", CITIZEN, Source::Microphone), assignment("4", CITIZEN, Source::Camera)])]);
    world.rtp(CITIZEN, &camera(1, 0, KEY).bytes());
    assert_eq!(read(&world.sink.take().rtp[0].1).ssrc, 7201);
}

#[test]
fn a_picture_waits_for_the_keys_of_who_watches() {
    let mut world = World::call();
    world.rtp(CITIZEN, &camera(1, 0, KEY).bytes());
    let mut again = negotiated(AGENT, &FIREFOX);
    again.slots.iter_mut().for_each(|slot| slot.ssrc += 10_000);
    world.pass(1_000);
    world.sink.take();
    world.router.join(AGENT, again, world.now, &mut world.sink);
    world.rtp(CITIZEN, &camera(2, 3_000, KEY).bytes());
    let before = world.sink.take();
    assert!(
        before.key_requests().iter().all(|(to, _)| *to == AGENT) && before.rtp.is_empty(),
        "it would be lost, and the next one asked for later"
    );
    world.router.connected(AGENT, world.now, &mut world.sink);
    assert_eq!(world.sink.take().key_requests(), [(CITIZEN, published_ssrc(CITIZEN, Source::Camera))]);
    world.rtp(CITIZEN, &camera(3, 6_000, INTER).bytes());
    assert!(world.sink.take().rtp.is_empty());
    world.rtp(CITIZEN, &camera(4, 9_000, KEY).bytes());
    assert_eq!(world.sink.take().rtp.len(), 1);
}

#[test]
fn an_ice_restart_never_reuses_a_sequence_number() {
    let mut world = World::call();
    world.rtp(CITIZEN, &camera(500, 9_000, KEY).bytes());
    let before = world.sink.take().rtp;
    world.join(AGENT, &FIREFOX);
    world.rtp(CITIZEN, &camera(501, 12_000, KEY).bytes());
    let after = world.sink.take().rtp;
    assert_eq!(read(&after[0].1).sequence, read(&before[0].1).sequence.wrapping_add(1));
}

#[test]
fn a_moved_path_asks_for_what_is_sent_and_watched() {
    let mut world = World::call();
    world.rtp(CITIZEN, &camera(1, 0, KEY).bytes());
    world.rtp(AGENT, &Sent { who: AGENT, browser: &FIREFOX, ..camera(1, 0, KEY) }.bytes());
    world.pass(400);
    world.sink.take();
    world.router.path_moved(AGENT, world.now, &mut world.sink);
    assert_eq!(world.sink.take().key_requests(), [(CITIZEN, 1001), (AGENT, 2001)]);
    world.rtp(CITIZEN, &camera(2, 0, INTER).bytes());
    assert!(world.sink.take().rtp.is_empty());
    world.rtp(CITIZEN, &camera(3, 0, KEY).bytes());
    assert_eq!(world.sink.take().rtp.len(), 1);
}

#[test]
fn a_line_that_fell_behind_gets_sound_alone_and_a_key_frame_without_a_hole_when_it_is_back() {
    let mut world = World::call();
    world.rtp(CITIZEN, &camera(1, 0, KEY).bytes());
    world.pass(400);
    let last = read(&world.sink.take().rtp.last().unwrap().1).sequence;
    world.router.set_behind(AGENT, true, world.now, &mut world.sink);
    for n in 2..5 {
        world.rtp(CITIZEN, &camera(n, 3_000 * u32::from(n), KEY).bytes());
        world.rtp(CITIZEN, &microphone(n, 960 * u32::from(n)).bytes());
        world.pass(400);
    }
    let out = world.sink.take();
    assert_eq!(out.rtp.iter().map(|(_, packet)| read(packet).ssrc).collect::<Vec<_>>(), [200, 200, 200], "sound goes on");
    assert!(!out.key_requests().contains(&(CITIZEN, 1001)), "nobody asks for what would not be sent");
    world.router.set_behind(AGENT, false, world.now, &mut world.sink);
    assert!(world.sink.take().key_requests().contains(&(CITIZEN, 1001)));
    world.rtp(CITIZEN, &camera(5, 15_000, INTER).bytes());
    assert!(world.sink.take().rtp.is_empty());
    world.rtp(CITIZEN, &camera(6, 18_000, KEY).bytes());
    let out = world.sink.take();
    assert_eq!(out.rtp.iter().map(|(_, packet)| read(packet).sequence).collect::<Vec<_>>(), [last.wrapping_add(1)]);
}

#[test]
fn a_screen_takes_its_slot_with_its_first_packet_and_leaves_it_in_silence() {
    let mut world = World::call();
    let screen = |n: u16| Sent { source: Source::Screen, ..camera(n, 0, KEY) };
    // Padding of RTX before there is a track is no screen.
    world.rtp(CITIZEN, &Sent { payload: &[], ..screen(1) }.rtx(1));
    assert!(world.sink.take().slots.is_empty());
    world.rtp(CITIZEN, &screen(1).bytes());
    let out = world.sink.take();
    assert_eq!(out.slots.len(), 1);
    assert_eq!(out.slots[0].1[2], assignment("9", CITIZEN, Source::Screen));
    assert_eq!(read(&out.rtp[0].1).ssrc, 206);
    world.pass(9_000);
    assert!(world.sink.take().slots.is_empty());
    world.pass(1_500);
    assert_eq!(world.sink.take().slots[0].1.len(), 2);
}

#[test]
fn an_announced_screen_comes_and_goes_by_its_words() {
    let mut world = World::call();
    let publishing = Publishing { microphone: true, camera: true, screen: true };
    world.router.set_publishing(CITIZEN, publishing, world.now, &mut world.sink);
    assert_eq!(world.sink.take().slots[0].1.len(), 3);
    world.pass(60_000);
    assert!(world.sink.take().slots.is_empty(), "a still screen stays");
    world.router.set_publishing(CITIZEN, Publishing { screen: false, ..publishing }, world.now, &mut world.sink);
    assert_eq!(world.sink.take().slots[0].1.len(), 2);
}

#[test]
fn every_numbered_packet_is_fed_back_even_before_admission() {
    let mut world = World::new();
    world.join(CITIZEN, &CHROMIUM);
    world.rtp(CITIZEN, &camera(5, 0, KEY).bytes());
    world.rtp(CITIZEN, &Sent { payload: &[], ..camera(6, 0, KEY) }.rtx(1));
    let foreign = Outgoing { payload_type: 99, ssrc: 42, transport_number: Some(7), ..Outgoing::default() };
    let mut packet = Vec::new();
    foreign.write(&CHROMIUM.ids, &[1], &mut packet);
    world.rtp(CITIZEN, &packet);
    world.pass(250);
    let feedback: Vec<_> = world.sink.take().rtcp.into_iter().filter(|(_, packet)| packet[1] == 205).collect();
    assert_eq!(feedback.len(), 1);
    assert_eq!(feedback[0].1[12..16], [0, 5, 0, 3], "three statuses from 5 on");
}

#[test]
fn much_is_fed_back_after_a_tenth_of_a_second_and_little_after_a_quarter() {
    let feedback = |world: &mut World| world.sink.take().rtcp.into_iter().filter(|(_, packet)| packet[1] == 205).count();
    for (packets, due) in [(3, 250), (12, 100)] {
        let mut world = World::new();
        world.join(CITIZEN, &CHROMIUM);
        (1..=packets).for_each(|n| world.rtp(CITIZEN, &camera(n, 0, KEY).bytes()));
        world.pass(due - 1);
        assert_eq!(feedback(&mut world), 0, "{packets} packets");
        world.pass(1);
        assert_eq!(feedback(&mut world), 1, "{packets} packets");
    }
}

#[test]
fn reports_and_feedback_that_are_nearly_due_go_along_with_media_to_the_same_participant() {
    let mut world = World::call();
    // (reports, feedback) to the citizen.
    let sent = |world: &mut World| {
        let kinds: Vec<u8> = world.sink.take().rtcp.into_iter().filter(|(to, _)| *to == CITIZEN).map(|(_, packet)| packet[1]).collect();
        (kinds.iter().filter(|kind| matches!(kind, 200 | 201)).count(), kinds.iter().filter(|kind| **kind == 205).count())
    };
    let turn = |world: &mut World, n: u16| {
        world.rtp(AGENT, &Sent { who: AGENT, browser: &FIREFOX, ..camera(n, 0, KEY) }.bytes());
        world.router.end_turn(world.now, &mut world.sink);
    };
    world.rtp(CITIZEN, &camera(5, 0, KEY).bytes());
    world.pass(40);
    turn(&mut world, 1);
    assert_eq!(sent(&mut world), (1, 0), "the first report is due within 250 ms; the feedback is too young");
    world.pass(90);
    world.router.end_turn(world.now, &mut world.sink);
    assert_eq!(sent(&mut world), (0, 0), "nothing leaves for the citizen");
    turn(&mut world, 2);
    assert_eq!(sent(&mut world), (0, 1));
    world.pass(300);
    assert_eq!(sent(&mut world), (0, 0), "neither comes again in its own time");
    world.pass(400);
    turn(&mut world, 3);
    assert_eq!(sent(&mut world), (1, 0), "the next report, a quarter of a second early");
}

#[test]
fn each_received_track_is_reported_each_second() {
    let mut world = World::call();
    let mut reports = 0;
    for n in 0..500_u16 {
        if n % 10 != 3 {
            world.rtp(CITIZEN, &camera(n, u32::from(n) * 900, KEY).bytes());
        }
        world.pass(10);
        for (to, packet) in world.sink.take().rtcp {
            for message in rtcp::messages(&packet) {
                if let Message::ReceiverReport(mut blocks) = message {
                    assert_eq!(to, CITIZEN);
                    let block = blocks.next().unwrap();
                    assert_eq!(block.ssrc, 1001);
                    assert!((20..=30).contains(&block.fraction), "a tenth of 256, not {}", block.fraction);
                    reports += 1;
                }
            }
        }
    }
    assert_eq!(reports, 5);
}

#[test]
fn sender_reports_keep_lips_in_sync() {
    let mut world = World::call();
    world.rtp(CITIZEN, &camera(1, 90_000, KEY).bytes());
    world.rtp(CITIZEN, &microphone(1, 48_000).bytes());
    let out = world.sink.take().rtp;
    let (video, audio) = (read(&out[0].1).timestamp, read(&out[1].1).timestamp);
    // The citizen's clock says: at 5.0 s picture 90,000; at 5.1 s sound 48,000.
    let mut report = Vec::new();
    rtcp::write_sender_report(&mut report, 1001, 5 << 32, 90_000, 1, 1);
    rtcp::write_sender_report(&mut report, 1000, (5 << 32) + (1 << 32) / 10, 48_000, 1, 1);
    world.rtcp(CITIZEN, &report);
    world.pass(0);
    let mut found = Vec::new();
    for (to, packet) in world.sink.take().rtcp {
        for message in rtcp::messages(&packet) {
            if let Message::SenderReport { ssrc, ntp, rtp, .. } = message {
                assert_eq!(to, AGENT);
                found.push((ssrc, ntp, rtp));
            }
        }
    }
    let [(200, audio_ntp, audio_rtp), (201, video_ntp, video_rtp)] = found[..] else { panic!("not one report each: {found:?}") };
    // When was the sound's 48,000 played, and when was the picture's 90,000 shown, on the timeline of the reports?
    let sound = audio_ntp as i64 - ((i64::from(audio_rtp.wrapping_sub(audio) as i32) << 32) / 48_000);
    let picture = video_ntp as i64 - ((i64::from(video_rtp.wrapping_sub(video) as i32) << 32) / 90_000);
    let apart_us = (sound - picture) * 1_000_000 / (1 << 32);
    assert!((99_950..=100_050).contains(&apart_us), "{apart_us} microseconds apart, not 100,000");
}

#[test]
fn a_line_that_loses_half_makes_the_source_send_less_and_later_more() {
    let mut world = World::call();
    let mut sequence = 0;
    // So many packets each ten milliseconds for a second, then a report of the receiver; the lids and the REMB that came of it.
    let mut second = |world: &mut World, number: u16, packets: u16, fraction: u8| {
        let payload = [KEY, &[0; 1_000]].concat();
        for n in 0..packets {
            world.rtp(CITIZEN, &camera(sequence, u32::from(number) * 90_000 + u32::from(n), &payload).bytes());
            sequence += 1;
            world.pass(1_000 / u64::from(packets));
        }
        let mut report = Vec::new();
        rtcp::write_receiver_report(&mut report, 1, &[Block { ssrc: 201, fraction, ..Block::default() }]);
        world.rtcp(AGENT, &report);
        let out = world.sink.take();
        let read = |packet: &Vec<u8>| {
            rtcp::messages(packet).find_map(|message| if let Message::Estimate(bits) = message { Some(bits) } else { None })
        };
        let remb: Vec<u64> = out.rtcp.iter().filter(|(to, _)| *to == CITIZEN).filter_map(|(_, packet)| read(packet)).collect();
        let lids: Vec<Option<u64>> = out.lids.iter().filter(|(of, _)| *of == CITIZEN).map(|(_, lids)| lids.camera).collect();
        (lids, remb)
    };
    for number in 0..5 {
        assert_eq!(second(&mut world, number, 100, 10), (vec![], vec![]), "no lid while the line is good");
    }
    // 100 x 1,008 octets a second, half of it lost: 806,400 x 0.5 x 0.85.
    let (lids, remb) = second(&mut world, 5, 100, 128);
    assert!(matches!(lids[..], [Some(342_000..=343_000)]) && remb.is_empty(), "{lids:?}, {remb:?}");
    // Who listens is told nothing else, and that there is no lid any more.
    let (mut told, mut rembs) = (Vec::new(), Vec::new());
    for number in 6..20 {
        let (lids, remb) = second(&mut world, number, 40, 0);
        told.extend(lids);
        rembs.extend(remb);
    }
    assert_eq!(told.last(), Some(&None), "lifted: {told:?}");
    assert!(rembs.is_empty(), "{rembs:?}");
    // Who does not is told by REMB as well, until there is none.
    second(&mut world, 20, 100, 128);
    let mut rembs = Vec::new();
    for number in 21..36 {
        rembs.push(second(&mut world, number, 100, 0).1);
    }
    assert!(rembs[..2].iter().all(Vec::is_empty) && !rembs[4].is_empty(), "{rembs:?}");
    let all: Vec<u64> = rembs.concat();
    assert!(all[0] < 600_000 && all.last() == Some(&crate::limits::DOWNLINK_MAX), "{all:?}");
}

#[test]
fn h264_goes_to_the_nearest_profile_that_the_receiver_has() {
    let mut world = World::new();
    let mut safari = negotiated(CITIZEN, &CHROMIUM);
    safari.publishes[1].codecs = vec![h264(102, 0x42e0), h264(104, 0x640c)];
    let mut agent = negotiated(AGENT, &CHROMIUM);
    for slot in agent.slots.iter_mut().filter(|slot| slot.video) {
        slot.codecs = vec![vp8(&CHROMIUM), h264(120, 0x4200), h264(122, 0x42e0)];
    }
    world.seat(CITIZEN, safari);
    world.seat(AGENT, agent);
    world.admit(CITIZEN, true);
    world.admit(AGENT, true);
    let send = |world: &mut World, sequence: u16, payload_type: u8| {
        let browser = Browser { vp8: payload_type, ..CHROMIUM };
        world.rtp(CITIZEN, &Sent { browser: &browser, ..camera(sequence, 0, &[0x67, 1]) }.bytes());
        world.sink.take().rtp.first().map(|(_, packet)| read(packet).payload_type)
    };
    assert_eq!(send(&mut world, 1, 102), Some(122), "the very profile");
    assert_eq!(send(&mut world, 2, 104), None, "constrained high is nothing that this receiver decodes");
    assert_eq!(send(&mut world, 3, 96), None, "VP8 was not negotiated by the sender");
}

#[test]
fn the_round_trip_is_measured_from_our_sender_reports() {
    let mut world = World::call();
    world.rtp(CITIZEN, &camera(1, 90_000, KEY).bytes());
    let mut report = Vec::new();
    rtcp::write_sender_report(&mut report, 1001, 5 << 32, 90_000, 1, 1);
    world.rtcp(CITIZEN, &report);
    world.pass(0);
    let packets = world.sink.take().rtcp;
    let ntp = packets
        .iter()
        .find_map(|(_, packet)| {
            rtcp::messages(packet).find_map(|message| if let Message::SenderReport { ntp, .. } = message { Some(ntp) } else { None })
        })
        .unwrap();
    world.pass(150);
    let block = Block { ssrc: 201, fraction: 26, last_report: (ntp >> 16) as u32, delay: 65_536 / 20, ..Block::default() };
    report.clear();
    rtcp::write_receiver_report(&mut report, 1, &[block]);
    world.rtcp(AGENT, &report);
    let quality = world.router.quality(AGENT, world.now).unwrap();
    assert_eq!(quality.downlink, Quality::Fair, "4 % smoothed loss");
    world.pass(1_000);
    assert_eq!(
        world.sink.take().quality,
        [(CITIZEN, super::quality::LineQuality { uplink: Quality::Good, downlink: Quality::Good }), (AGENT, quality)]
    );
    world.pass(10_000);
    let lost = super::quality::LineQuality { uplink: Quality::Lost, downlink: Quality::Lost };
    assert_eq!(world.sink.take().quality, [(AGENT, lost), (CITIZEN, lost)], "both fell silent in the call");
    let round_trip = world.router.statistics().into_iter().find_map(|track| match track {
        super::statistics::TrackStatistics::Received { participant: AGENT, mid, round_trip, .. } if mid == "4" => round_trip,
        _ => None,
    });
    let round_trip = round_trip.unwrap();
    assert!(round_trip > Duration::from_millis(99) && round_trip < Duration::from_millis(101), "{round_trip:?}");
}

#[test]
fn the_line_to_a_receiver_is_estimated_from_its_feedback_alone() {
    let mut world = World::call();
    let mut arrivals = super::arrivals::Arrivals::default();
    let payload = [KEY, &[0; 1_000]].concat();
    for n in 0..400_u16 {
        world.rtp(CITIZEN, &camera(n, u32::from(n) * 900, &payload).bytes());
        for (to, packet) in world.sink.take().rtp {
            assert_eq!(to, AGENT);
            arrivals.record(read(&packet).transport_number(FIREFOX.ids.transport_cc).unwrap(), world.now);
        }
        world.pass(10);
        assert_eq!(world.router.downlink(AGENT).is_some(), n >= 10);
        if n % 10 == 9 {
            let mut feedback = Vec::new();
            assert!(arrivals.feedback(1, 201, &mut feedback));
            world.rtcp(AGENT, &feedback);
        }
    }
    // 1,008 octets of payload, 28 of RTP and 44 below, a hundred times a second: 864 kbit/s, which allow half as much again.
    let downlink = world.router.downlink(AGENT).unwrap();
    assert!((1_000_000..1_320_000).contains(&downlink.bits_per_s) && downlink.queue_ms < 1.0, "{downlink:?}");
    assert!(world.router.downlink(CITIZEN).is_none());
}
