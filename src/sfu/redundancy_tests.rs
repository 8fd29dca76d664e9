//! Sound that is said again (RFC 2198) through the router: what one line loses is taken from later packets, and said again on a line that loses.

#![cfg(test)]

use super::arrivals::Arrivals;
use super::harness::{AGENT, CHROMIUM, CITIZEN, FIREFOX, Sent, World, microphone, read};
use super::red;
use super::rtp::Rtp;

/// A call between two browsers that can both say sound again.
fn both_can() -> World {
    let mut world = World::new();
    for who in [CITIZEN, AGENT] {
        world.join(who, &CHROMIUM);
        world.admit(who, true);
    }
    world.sink.take();
    world
}

fn said<'a>(sequence: u16, payload: &'a [u8]) -> Sent<'a> {
    Sent { payload, ..microphone(sequence, u32::from(sequence) * 960) }
}

/// Numbers, types and payloads of what left, from the first on.
fn heard(packets: &[Vec<u8>]) -> Vec<(u16, u32, u8, &[u8])> {
    let all: Vec<Rtp<'_>> = packets.iter().map(|packet| read(packet)).collect();
    let first = all.iter().map(|rtp| (rtp.sequence, rtp.timestamp)).next().unwrap_or_default();
    all.iter().map(|rtp| (rtp.sequence.wrapping_sub(first.0), rtp.timestamp.wrapping_sub(first.1), rtp.payload_type, rtp.payload)).collect()
}

fn sent(world: &mut World) -> Vec<Vec<u8>> {
    world.sink.take().rtp.into_iter().map(|(_, packet)| packet).collect()
}

#[test]
fn what_the_way_up_lost_is_taken_from_the_next_packet_for_who_knows_no_redundancy() {
    let mut world = World::call();
    world.rtp(CITIZEN, &said(1, &[11]).redundant([None, None]));
    // 2 and 3 are lost.
    world.rtp(CITIZEN, &said(4, &[14]).redundant([Some(&[13]), Some(&[12])]));
    world.rtp(CITIZEN, &said(5, &[15]).redundant([Some(&[14]), None]));
    let plain = FIREFOX.opus;
    let expected: [(u16, u32, u8, &[u8]); 5] =
        [(0, 0, plain, &[11]), (1, 960, plain, &[12]), (2, 1_920, plain, &[13]), (3, 2_880, plain, &[14]), (4, 3_840, plain, &[15])];
    assert_eq!(heard(&sent(&mut world)), expected);
}

#[test]
fn the_original_of_what_was_recovered_is_not_sent_a_second_time() {
    let mut world = World::call();
    world.rtp(CITIZEN, &said(1, &[11]).redundant([None, None]));
    world.rtp(CITIZEN, &said(3, &[13]).redundant([Some(&[12]), None]));
    world.sink.take();
    world.rtp(CITIZEN, &said(2, &[12]).redundant([Some(&[11]), None]));
    assert!(sent(&mut world).is_empty(), "one number, one packet: SRTP would use a nonce twice");
}

#[test]
fn the_report_tells_what_was_lost_though_it_was_recovered() {
    let mut world = World::call();
    world.rtp(CITIZEN, &said(0, &[11]).redundant([None, None]));
    for sequence in (1..101).filter(|sequence| sequence % 4 != 2) {
        world.rtp(CITIZEN, &said(sequence, &[11]).redundant([Some(&[11]), None]));
    }
    world.pass(1_500);
    let lost = world.router.statistics().into_iter().find_map(|track| match track {
        super::statistics::TrackStatistics::Published {
            participant: CITIZEN,
            source: super::negotiated::Source::Microphone,
            counters,
            ..
        } => Some((counters.lost, counters.repaired)),
        _ => None,
    });
    assert_eq!(lost, Some((25, 25)));
}

#[test]
fn sound_is_said_again_on_a_line_that_loses_and_not_on_another() {
    let mut world = both_can();
    let (mut arrivals, mut redundant) = (Arrivals::default(), [0, 0]);
    for n in 1..=1_000_u16 {
        world.rtp(CITIZEN, &said(n, &[n as u8]).bytes());
        let lossy = n > 500;
        for packet in sent(&mut world) {
            let rtp = read(&packet);
            if rtp.payload_type == CHROMIUM.red.unwrap() {
                redundant[usize::from(lossy)] += 1;
                let said = red::read(rtp.payload, CHROMIUM.opus).unwrap();
                assert_eq!(said.primary, [n as u8]);
                let before = said.earlier[0].map(|block| (block.offset, block.payload.to_vec()));
                assert!(redundant[1] == 1 || before == Some((960, vec![(n - 1) as u8])), "{before:?}");
            } else {
                assert_eq!((rtp.payload_type, rtp.payload), (CHROMIUM.opus, &[n as u8][..]));
            }
            if !lossy || n % 20 != 0 {
                arrivals.record(rtp.transport_number(CHROMIUM.ids.transport_cc).unwrap(), world.now);
            }
        }
        world.pass(20);
        if n % 5 == 0 {
            let mut feedback = Vec::new();
            while arrivals.feedback(1, 201, &mut feedback) {
                world.rtcp(AGENT, &feedback);
                feedback.clear();
            }
        }
    }
    assert_eq!(redundant[0], 0);
    assert!(redundant[1] > 450, "{redundant:?}");
}

#[test]
fn who_knows_no_redundancy_is_told_sound_once_whatever_is_lost() {
    let mut world = World::call();
    let mut arrivals = Arrivals::default();
    for n in 1..=500_u16 {
        world.rtp(CITIZEN, &said(n, &[1]).redundant([Some(&[1]), None]));
        for packet in sent(&mut world) {
            let rtp = read(&packet);
            assert_eq!((rtp.payload_type, rtp.payload), (FIREFOX.opus, &[1][..]));
            if n % 10 != 0 {
                arrivals.record(rtp.transport_number(FIREFOX.ids.transport_cc).unwrap(), world.now);
            }
        }
        world.pass(20);
        let mut feedback = Vec::new();
        if n % 5 == 0 && arrivals.feedback(1, 201, &mut feedback) {
            world.rtcp(AGENT, &feedback);
        }
    }
}
