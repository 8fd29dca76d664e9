//! Clients that do with SCTP what no browser does (trust.md O11): they write their own chunks. What a transport keeps for them is judged by the memory of a process of
//! its own.

#![cfg(test)]
#![allow(clippy::print_stdout)] // figures, for who looks with --nocapture

use std::process::Command;
use std::time::Duration;

use super::sctp::Sctp;
use crate::limits;
use crate::time::Instant;

const DCEP: u32 = 50;
const BINARY: u32 = 53;
/// Flags of a DATA chunk (RFC 9260 §3.3.1).
const UNORDERED: u8 = 4;
const BEGIN: u8 = 2;
const END: u8 = 1;
/// What O11 allows a transport to buffer, and what the allocator may keep beside it.
const MEMORY: u64 = 2 << 20;

/// The other end, chunk by chunk.
struct Hostile {
    sctp: Sctp,
    now: Instant,
    tag: [u8; 4],
    tsn: u32,
    /// The newest number that the server sent.
    theirs: u32,
    messages: usize,
    answered: usize,
    /// The server's task takes messages.
    listens: bool,
}

impl Hostile {
    fn associated() -> Self {
        let mut this =
            Self { sctp: Sctp::new(5000, 0), now: Instant::now(), tag: [0; 4], tsn: 1, theirs: 0, messages: 0, answered: 0, listens: true };
        let init =
            chunk(1, 0, &[&[0, 0, 0, 9][..], &(1_u32 << 20).to_be_bytes(), &[0xff, 0xff, 0xff, 0xff], &this.tsn.to_be_bytes()].concat());
        let answer = this.send(&[init]).concat();
        assert_eq!(answer[12], 2, "INIT ACK");
        this.tag = answer[16..20].try_into().unwrap();
        this.theirs = u32::from_be_bytes(answer[28..32].try_into().unwrap()).wrapping_sub(1);
        let mut parameters = &answer[32..];
        let cookie = loop {
            let length = usize::from(u16::from_be_bytes([parameters[2], parameters[3]]));
            if parameters[..2] == [0, 7] {
                break parameters[4..length].to_vec();
            }
            parameters = &parameters[length.next_multiple_of(4)..];
        };
        let answer = this.send(&[chunk(10, 0, &cookie)]).concat();
        assert_eq!(answer[12], 11, "COOKIE ACK");
        this
    }

    /// One packet, a millisecond, and what the server answers.
    fn send(&mut self, chunks: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut packet = [&[0x13, 0x88, 0x13, 0x88][..], &self.tag, &[0; 4], &chunks.concat()].concat();
        let crc = crc32c(&packet);
        packet[8..12].copy_from_slice(&crc.to_le_bytes());
        self.sctp.handle_packet(&packet, self.now);
        self.pass()
    }

    fn pass(&mut self) -> Vec<Vec<u8>> {
        self.now += Duration::from_millis(1);
        if self.sctp.poll_timeout().is_some_and(|due| due <= self.now) {
            self.sctp.handle_timeout(self.now);
        }
        let (listens, mut messages, mut packets) = (self.listens, 0, Vec::new());
        self.sctp.poll(self.now, || listens, |_, _| messages += 1);
        self.sctp.poll_packets(self.now, |packet| packets.push(packet.to_vec()));
        self.messages += messages;
        self.answered += packets.len();
        packets
    }

    fn data(&mut self, flags: u8, stream: u16, ssn: u16, protocol: u32, payload: &[u8]) -> Vec<u8> {
        let head = [&self.tsn.to_be_bytes()[..], &stream.to_be_bytes(), &ssn.to_be_bytes(), &protocol.to_be_bytes()].concat();
        self.tsn = self.tsn.wrapping_add(1);
        chunk(0, flags, &[&head, payload].concat())
    }

    fn open(&mut self, stream: u16, label: &[u8]) -> Vec<u8> {
        let open = [&[3, 0, 1, 0, 0, 0, 0, 0][..], &(label.len() as u16).to_be_bytes(), &[0, 0], label].concat();
        self.data(BEGIN | END, stream, 0, DCEP, &open)
    }

    fn chat(&mut self) {
        let open = self.open(0, b"chat");
        self.send(&[open]);
    }
}

fn chunk(kind: u8, flags: u8, value: &[u8]) -> Vec<u8> {
    let mut chunk = [&[kind, flags][..], &(value.len() as u16 + 4).to_be_bytes(), value].concat();
    chunk.resize(chunk.len().next_multiple_of(4), 0);
    chunk
}

/// RFC 9260 appendix A.
fn crc32c(packet: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut n = 0;
        while n < 256 {
            let (mut crc, mut bit) = (n as u32, 0);
            while bit < 8 {
                crc = (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
                bit += 1;
            }
            table[n] = crc;
            n += 1;
        }
        table
    };
    !packet.iter().fold(!0_u32, |crc, byte| (crc >> 8) ^ TABLE[((crc ^ u32::from(*byte)) & 0xff) as usize])
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// Runs one test in a process of its own, where nothing else takes memory; in there, `attack` is run and what it left is answered.
fn grown(test: &str, attack: impl Fn() -> Hostile) -> Option<(u64, Hostile)> {
    if std::env::var("VISAVIS_SCTP_ALONE").as_deref() == Ok(test) {
        // What the engine and the allocator take once is not what the attack leaves.
        drop(attack());
        let before = resident();
        let hostile = attack();
        return Some((resident().saturating_sub(before), hostile));
    }
    let name = format!("media::sctp_tests::{test}");
    let mut run = Command::new(std::env::current_exe().unwrap());
    let output = run.args(["--exact", &name, "--nocapture"]).env("VISAVIS_SCTP_ALONE", test).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    println!("{}", said.lines().find(|line| line.contains("KiB")).unwrap_or_default());
    None
}

#[test]
fn opening_every_channel_there_is_leaves_eight_and_no_memory() {
    let attack = || {
        let mut hostile = Hostile::associated();
        for stream in 0..65_535 {
            let open = hostile.open(stream, b"chat");
            hostile.send(&[open]);
        }
        hostile
    };
    let Some((grown, mut hostile)) = grown("opening_every_channel_there_is_leaves_eight_and_no_memory", attack) else { return };
    println!("65,535 channels: {} KiB", grown / 1024);
    assert_eq!(hostile.sctp.take_refused(), (limits::DATA_STREAMS - limits::DATA_CHANNELS) as u64);
    assert!(grown < MEMORY, "{grown}");
}

#[test]
fn a_message_of_single_bytes_that_never_ends_is_held_in_bounds() {
    let attack = || {
        let mut hostile = Hostile::associated();
        hostile.chat();
        for packet in 0..20_000 {
            let chunks: Vec<_> = (0..40).map(|n| hostile.data(if packet + n == 0 { BEGIN } else { 0 }, 0, 1, BINARY, b"x")).collect();
            hostile.send(&chunks);
        }
        hostile
    };
    let Some((grown, hostile)) = grown("a_message_of_single_bytes_that_never_ends_is_held_in_bounds", attack) else { return };
    println!("800,000 pieces of one message: {} KiB", grown / 1024);
    assert_eq!(hostile.messages, 0);
    assert!(grown < MEMORY, "{grown}");
}

#[test]
fn beginnings_of_messages_on_every_channel_are_held_in_bounds() {
    let attack = || {
        let mut hostile = Hostile::associated();
        let opens: Vec<_> = (0..8).map(|stream| hostile.open(stream, b"files")).collect();
        opens.into_iter().for_each(|open| drop(hostile.send(&[open])));
        for round in 0..10_u16 {
            for stream in 0..6_000 {
                let flags = BEGIN | if round % 2 == 0 { UNORDERED } else { 0 };
                let begin = hostile.data(flags, stream * 10 + round, 0, BINARY, &[0; 16]);
                hostile.send(&[begin]);
            }
        }
        hostile
    };
    let Some((grown, hostile)) = grown("beginnings_of_messages_on_every_channel_are_held_in_bounds", attack) else { return };
    println!("60,000 beginnings: {} KiB", grown / 1024);
    assert_eq!(hostile.messages, 0);
    assert!(grown < MEMORY, "{grown}");
}

#[test]
fn a_million_messages_of_one_byte_to_a_task_that_does_not_listen_are_held_in_bounds() {
    let attack = || {
        let mut hostile = Hostile::associated();
        hostile.chat();
        hostile.listens = false;
        for packet in 0..25_000_u32 {
            let chunks: Vec<_> = (0..40).map(|n| hostile.data(BEGIN | END, 0, (packet * 40 + n + 1) as u16, BINARY, b"x")).collect();
            hostile.send(&chunks);
        }
        hostile
    };
    let Some((grown, hostile)) = grown("a_million_messages_of_one_byte_to_a_task_that_does_not_listen_are_held_in_bounds", attack) else {
        return;
    };
    println!("1,000,000 messages: {} KiB", grown / 1024);
    assert_eq!(hostile.messages, 0);
    assert!(grown < MEMORY, "{grown}");
}

#[test]
fn numbers_far_ahead_are_held_in_bounds() {
    let attack = || {
        let mut hostile = Hostile::associated();
        hostile.chat();
        // Every second number is left out: each that comes is a gap of its own.
        for _ in 0..200_000 {
            hostile.tsn = hostile.tsn.wrapping_add(1);
            let piece = hostile.data(UNORDERED | BEGIN, 0, 0, BINARY, b"x");
            hostile.send(&[piece]);
        }
        hostile
    };
    let Some((grown, hostile)) = grown("numbers_far_ahead_are_held_in_bounds", attack) else { return };
    println!("200,000 gaps: {} KiB", grown / 1024);
    assert_eq!(hostile.messages, 0);
    assert!(grown < MEMORY, "{grown}");
}

#[test]
fn data_without_data_and_chunks_of_no_length_harm_nobody() {
    let mut hostile = Hostile::associated();
    hostile.chat();
    let whole = hostile.data(BEGIN | END, 0, 1, BINARY, b"there?");
    for bytes in [vec![0, 3, 0, 0], vec![0, 3, 0, 3], vec![192, 0, 0, 0], vec![130, 0, 0, 0], vec![3, 0, 0, 2]] {
        hostile.send(&[bytes]);
    }
    hostile.send(&[whole]);
    assert_eq!(hostile.messages, 1, "the association lives");
    let empty = hostile.data(BEGIN | END, 0, 2, BINARY, b"");
    hostile.send(&[empty]);
    let whole = hostile.data(BEGIN | END, 0, 3, BINARY, b"still there?");
    hostile.send(&[whole]);
    for _ in 0..100 {
        hostile.pass();
    }
    assert!((1..=3).contains(&hostile.messages));
    hostile.send(&[vec![0, 3, 0, 4]]);
    let whole = hostile.data(BEGIN | END, 0, 4, BINARY, b"there?");
    let before = hostile.messages;
    hostile.send(&[whole]);
    assert_eq!(hostile.messages, before, "data without its own head ends the association");
}

#[test]
fn floods_of_gap_blocks_cost_little() {
    let mut hostile = Hostile::associated();
    hostile.chat();
    while hostile.sctp.send(super::plane::Label::Chat, &[1; 10_000], hostile.now) {}
    hostile.pass();
    let blocks: Vec<u8> = (0..270_u16).flat_map(|n| [(n * 2 + 2).to_be_bytes(), (n * 2 + 2).to_be_bytes()].concat()).collect();
    let head = [&hostile.theirs.to_be_bytes()[..], &(1_u32 << 20).to_be_bytes(), &270_u16.to_be_bytes(), &[0, 0]].concat();
    let sack = chunk(3, 0, &[&head[..], &blocks].concat());
    let (rounds, begin) = (2_000, std::time::Instant::now());
    for _ in 0..rounds {
        hostile.send(std::slice::from_ref(&sack));
    }
    let micros = begin.elapsed().as_micros() / rounds;
    println!("a SACK with 270 gap blocks: {micros} µs, {} packets out", hostile.answered);
    assert!(hostile.answered < 4_000, "each is no reason to send everything again: {}", hostile.answered);
}
