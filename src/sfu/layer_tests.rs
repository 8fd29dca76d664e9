//! Several encodings of one picture in virtual time: told apart by rid, repaired by rid, switched at key frames without a hole, told to publishers.

#![cfg(test)]

use std::time::Duration;

use crate::ids::ParticipantId;
use crate::sfu::harness::{AGENT, CHROMIUM, CITIZEN, FIREFOX, GUEST, INTER, KEY, Recorder, World, negotiated, read};
use crate::sfu::layer::{Probe, Turns};
use crate::sfu::negotiated::{ExtensionIds, Negotiated, PublishedSection, Source};
use crate::time::Instant;

const RIDS: [&str; 3] = ["f", "h", "q"];
const IDS: ExtensionIds = ExtensionIds { rid: 10, repaired_rid: 11, ..CHROMIUM.ids };

/// The camera in three encodings, the best first, no SSRC known.
fn layered(who: ParticipantId) -> Negotiated {
    let mut negotiated = negotiated(who, &CHROMIUM);
    let at = negotiated.publishes.iter().position(|section| section.source == Source::Camera).unwrap();
    let camera = negotiated.publishes.remove(at);
    for (n, rid) in RIDS.iter().enumerate() {
        let section = PublishedSection { rid: Some((*rid).into()), ssrc: None, rtx_ssrc: None, extensions: IDS, ..camera.clone() };
        negotiated.publishes.insert(at + n, section);
    }
    negotiated
}

fn ssrc(rid: usize) -> u32 {
    70_000 + rid as u32
}

/// A packet of one encoding: `named` by its rid (the first ones are), as RTX of `original` where there is one.
fn packet(rid: usize, named: bool, sequence: u16, timestamp: u32, original: Option<u16>, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![if named { 0x90 } else { 0x80 }, if original.is_some() { CHROMIUM.rtx } else { 0x80 | CHROMIUM.vp8 }];
    out.extend(sequence.to_be_bytes());
    out.extend(timestamp.to_be_bytes());
    out.extend((ssrc(rid) + if original.is_some() { 500 } else { 0 }).to_be_bytes());
    if named {
        let id = if original.is_some() { IDS.repaired_rid } else { IDS.rid };
        out.extend([0xbe, 0xde, 0, 1, IDS.mid << 4, b'1', id << 4, RIDS[rid].as_bytes()[0]]);
    }
    out.extend(original.into_iter().flat_map(u16::to_be_bytes));
    out.extend(payload);
    out
}

/// Citizen with three encodings, agent and guest, all in the call.
fn three() -> World {
    let mut world = World::new();
    world.seat(CITIZEN, layered(CITIZEN));
    world.join(AGENT, &FIREFOX);
    world.join(GUEST, &CHROMIUM);
    for who in [CITIZEN, AGENT, GUEST] {
        world.admit(who, true);
    }
    world
}

/// One frame of each encoding each 33 ms, the key frames where asked; so that all of them are there.
fn film(world: &mut World, from: u16, frames: u16) {
    for n in from..from + frames {
        for rid in 0..3 {
            let size = [900, 400, 100][rid];
            let mut payload = (if n == 0 { KEY } else { INTER }).to_vec();
            payload.resize(size, 7);
            let bytes = packet(rid, n < 3, 1_000 * (rid as u16 + 1) + n, u32::from(n) * 3_000, None, &payload);
            world.rtp(CITIZEN, &bytes);
        }
        world.pass(33);
    }
}

fn pictures(sink: &Recorder, to: ParticipantId) -> Vec<(u16, u32, usize)> {
    let video = sink.rtp.iter().filter(|(whose, packet)| *whose == to && [CHROMIUM.vp8, FIREFOX.vp8].contains(&(packet[1] & 0x7f)));
    video.map(|(_, packet)| (read(packet).sequence, read(packet).timestamp, read(packet).payload.len())).collect()
}

fn camera_slot(world: &World, viewer: usize) -> usize {
    world.router.participants[viewer].slots.iter().position(|slot| slot.source == Some((CITIZEN, Source::Camera))).unwrap()
}

#[test]
fn encodings_are_learnt_by_rid_and_then_known_by_their_ssrcs() {
    let mut world = three();
    film(&mut world, 0, 60);
    let learnt: Vec<_> =
        world.router.participants[0].publishers.iter().filter_map(|track| Some((track.section.rid.clone()?, track.section.ssrc))).collect();
    assert_eq!(learnt, [("f".into(), Some(ssrc(0))), ("h".into(), Some(ssrc(1))), ("q".into(), Some(ssrc(2)))]);
    assert_eq!(world.router.participants[0].foreign, 0);
}

#[test]
fn a_hole_in_one_encoding_is_asked_for_under_its_ssrc_and_filled_by_its_repair() {
    let mut world = three();
    film(&mut world, 0, 40);
    let (watched, place) = (world.router.participants[1].slots[camera_slot(&world, 1)].track.unwrap(), camera_slot(&world, 1));
    let rid = watched - 1;
    world.sink.take();
    world.rtp(CITIZEN, &packet(rid, false, 1_000 * (rid as u16 + 1) + 41, 41 * 3_000, None, INTER));
    world.pass(20);
    assert_eq!(world.sink.take().nacks(), [(CITIZEN, ssrc(rid), vec![1_000 * (rid as u16 + 1) + 40])]);
    world.rtp(CITIZEN, &packet(rid, true, 9, 40 * 3_000, Some(1_000 * (rid as u16 + 1) + 40), &[INTER, &[9; 77]].concat()));
    assert!(pictures(&world.sink, AGENT).iter().any(|(_, _, size)| *size == INTER.len() + 77), "the repair goes on to slot {place}");
}

#[test]
fn the_old_encoding_goes_on_until_the_new_one_begins_and_numbers_have_no_hole() {
    let mut world = three();
    film(&mut world, 0, 40);
    let place = camera_slot(&world, 1);
    let before = world.router.participants[1].slots[place].track.unwrap();
    let after = if before == 1 { 3 } else { 1 };
    world.sink.take();
    world.router.participants[1].slots[place].next = Some(after);
    world.router.aim();
    let send = |world: &mut World, track: usize, n: u16, payload: &[u8]| {
        world.rtp(CITIZEN, &packet(track - 1, false, 1_000 * track as u16 + n, u32::from(n) * 3_000, None, payload));
    };
    send(&mut world, before, 40, &[INTER, &[1; 10]].concat());
    send(&mut world, after, 40, &[INTER, &[2; 20]].concat());
    world.pass(33);
    send(&mut world, before, 41, &[INTER, &[1; 10]].concat());
    send(&mut world, after, 41, &[KEY, &[2; 20]].concat());
    world.pass(33);
    send(&mut world, before, 42, &[INTER, &[1; 10]].concat());
    send(&mut world, after, 42, &[INTER, &[2; 20]].concat());
    let seen = pictures(&world.sink, AGENT);
    assert_eq!(seen.iter().map(|(_, _, size)| size - INTER.len()).collect::<Vec<_>>(), [10, 10, 20, 20]);
    assert!(seen.windows(2).all(|pair| pair[1].0 == pair[0].0.wrapping_add(1)), "{seen:?}");
    assert!(seen.windows(2).all(|pair| pair[1].1.wrapping_sub(pair[0].1) <= 3_100), "{seen:?}");
    assert_eq!((world.router.participants[1].slots[place].track, world.router.participants[1].slots[place].next), (Some(after), None));
}

#[test]
fn publishers_hear_that_all_encodings_are_wanted_when_a_third_is_at_the_door_and_that_one_is_when_two_are_left() {
    let mut world = World::new();
    world.seat(CITIZEN, layered(CITIZEN));
    world.join(AGENT, &FIREFOX);
    world.admit(CITIZEN, true);
    world.admit(AGENT, true);
    assert_eq!(world.sink.take().layers, [(CITIZEN, false)]);
    world.join(GUEST, &CHROMIUM);
    assert_eq!(world.sink.take().layers, [(CITIZEN, true)]);
    world.admit(GUEST, true);
    film(&mut world, 0, 60);
    let place = camera_slot(&world, 1);
    world.router.participants[1].slots[place].track = Some(3);
    world.router.aim();
    world.sink.take();
    world.router.leave(GUEST, world.now, &mut world.sink);
    for n in 60..130 {
        for rid in 0..3 {
            let payload = if n % 10 == 0 { KEY } else { INTER };
            let bytes = packet(rid, false, 1_000 * (rid as u16 + 1) + n, u32::from(n) * 3_000, None, payload);
            world.rtp(CITIZEN, &bytes);
        }
        world.pass(33);
        let (told, track) = (!world.sink.layers.is_empty(), world.router.participants[1].slots[place].track);
        assert_eq!(told, track == Some(1), "the small ones are needed until the best lies on every slot");
    }
    assert_eq!(world.sink.take().layers, [(CITIZEN, false)]);
    assert_eq!(world.router.participants[1].slots[place].track, Some(1), "the best one");
}

#[test]
fn two_hundred_guests_come_and_go_and_nothing_of_them_stays() {
    let mut world = three();
    world.router.leave(GUEST, world.now, &mut world.sink);
    let size = |world: &World| {
        let people = &world.router.participants;
        let targets: usize = people.iter().flat_map(|person| &person.publishers).map(|track| track.targets.len()).sum();
        (people.len(), targets, people.iter().flat_map(|person| &person.slots).filter(|slot| slot.source.is_some()).count())
    };
    let base = size(&world);
    for round in 0..200 {
        world.join(GUEST, if round % 2 == 0 { &CHROMIUM } else { &FIREFOX });
        world.pass(5);
        assert!(size(&world).2 > base.2 && size(&world).1 > base.1);
        world.router.leave(GUEST, world.now, &mut world.sink);
        assert_eq!(size(&world), base);
        world.sink.take();
    }
}

#[test]
fn an_encoding_that_fits_is_chosen_and_a_better_one_only_after_the_line_showed_room_for_a_while() {
    let begin = Instant::now();
    let at = |ms: u64| begin + Duration::from_millis(ms);
    let rates = [Some(1_000_000), Some(300_000), Some(60_000)];
    let mut turns = Turns::default();
    assert_eq!(turns.choose(&rates, 2, Some(500_000), 500_000, false, at(0)), 2, "a moment is not enough");
    assert_eq!(turns.choose(&rates, 2, Some(500_000), 500_000, false, at(600)), 1);
    let mut turns = Turns::default();
    assert_eq!(
        turns.choose(&rates, 0, Some(100_000), 100_000, false, at(0)),
        0,
        "what fits is not given up, however small the share was judged"
    );
    assert_eq!(turns.choose(&rates, 0, Some(100_000), 100_000, true, at(100)), 0);
    assert_eq!(turns.choose(&rates, 0, Some(100_000), 100_000, true, at(400)), 2, "the line is full");
    assert_eq!(Turns::default().choose(&rates, 2, None, 0, false, at(0)), 0, "who is not judged gets the best");
    assert_eq!(Turns::default().choose(&[None, Some(300_000), None], 2, Some(10_000), 0, false, at(0)), 1, "what does not come is left");
}

#[test]
fn the_search_for_room_ends_at_a_full_line_and_comes_back_later_each_time() {
    let mut now = Instant::now();
    let (mut probe, mut cuts, mut waits) = (Probe::default(), 0, Vec::new());
    for _ in 0..6 {
        let from = now;
        while probe.due().is_none() {
            probe.look(true, cuts, 0.0, now);
            now += Duration::from_millis(100);
        }
        waits.push((now - from).as_secs());
        assert!(probe.pad(400_000, now) <= 8);
        cuts += 1;
        probe.look(true, cuts, 100.0, now);
        assert_eq!(probe.due(), None);
    }
    assert_eq!(waits, [1, 4, 8, 16, 30, 30]);
}
