//! The rules of the house as tests: floors, purity, drivers, first sentences, bounds. Reads text only; what clippy or rustc can say is left to them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Files that may be longer than [`LINES_MAX`], each with the reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// Lines of a file before its unit tests, blank ones apart.
const LINES_MAX: usize = 500;

/// The sideways imports that the map allows: (room, what it may name on its own floor).
const ARROWS: &[(&str, &[&str])] = &[
    ("http", &["signaling", "store", "config", "vault", "notify", "openid"]),
    ("openid", &["config"]),
    ("notify", &["store", "config"]),
    ("signaling", &["media", "store"]),
    ("store", &["vault"]),
    ("consultation", &["agenda"]),
    ("documents", &["agenda"]),
    ("protocol", &["sfu", "access", "agenda", "chat", "consultation", "documents"]),
    ("server", &["demo"]),
];

/// Words that a pure room may not say outside its tests.
const IMPURE: &[&str] = &[
    "tokio",
    "axum",
    "hyper",
    "sqlx",
    "mio",
    "socket2",
    "quinn_udp",
    "rtc",
    "dimpl",
    "webrtc",
    "std::fs",
    "std::thread",
    "std::process",
    "std::env",
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "Instant::now",
    "SystemTime",
    "Zoned::now",
    "Timestamp::now",
    "rand",
    "getrandom",
    "SystemRandom",
    "aws_lc_rs::rand",
    "static mut",
    "thread_local",
];

/// What a pure room may say all the same: (file, word, reason).
const PURE_EXCEPTIONS: &[(&str, &str, &str)] = &[("src/time.rs", "SystemTime", "Clock is the one place that asks the system")];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Floor {
    Ground,
    Rules,
    Edges,
    Composition,
}

fn floor(room: &str) -> Option<Floor> {
    Some(match room {
        "ids" | "time" | "limits" | "linux" => Floor::Ground,
        "agenda" | "access" | "chat" | "consultation" | "documents" | "sfu" | "protocol" => Floor::Rules,
        "vault" | "load" | "http" | "signaling" | "media" | "relay" | "store" | "notify" | "openid" | "tls" | "telemetry" | "config" => {
            Floor::Edges
        }
        "server" | "main" | "demo" | "lib" => Floor::Composition,
        _ => return None,
    })
}

fn is_pure(room: &str) -> bool {
    floor(room).is_some_and(|floor| floor <= Floor::Rules)
}

/// One source file: its path from the root of the repository, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn room(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        // One house with two floors: the rules of documents, and the room beneath that touches files.
        let inside = inside.strip_prefix("documents/").filter(|inside| inside.starts_with("vault")).unwrap_or(inside);
        inside.split('/').next().unwrap_or("").trim_end_matches(".rs")
    }

    /// What is compiled into the product: no comments, no texts, no unit tests (tests stand at the end of a file).
    fn code(&self) -> String {
        blank_comments_and_texts(product_part(&self.text))
    }
}

fn product_part(text: &str) -> &str {
    // A file that is compiled for tests alone says so in its own first attribute.
    if text.contains("\n#![cfg(test)]\n") {
        return "";
    }
    match text.find("\n#[cfg(test)]\nmod ") {
        // `mod tests;` in a file of its own does not end this one.
        Some(at) if text[at..].lines().nth(2).is_some_and(|line| line.trim_end().ends_with('{')) => &text[..at],
        _ => text,
    }
}

/// Replaces comments and the insides of string and character literals by blanks; lines stay where they are.
fn blank_comments_and_texts(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    let blank = |out: &mut Vec<u8>, from: usize, to: usize| {
        out.extend(bytes[from..to].iter().map(|b| if *b == b'\n' { b'\n' } else { b' ' }));
    };
    while at < bytes.len() {
        let rest = &bytes[at..];
        let end = if rest.starts_with(b"//") {
            at + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len())
        } else if rest.starts_with(b"/*") {
            block_comment_end(bytes, at)
        } else if let Some(end) = raw_text_end(bytes, at) {
            end
        } else if rest[0] == b'"' {
            let mut end = at + 1;
            while end < bytes.len() && bytes[end] != b'"' {
                end += if bytes[end] == b'\\' { 2 } else { 1 };
            }
            (end + 1).min(bytes.len())
        } else if rest[0] == b'\'' && rest.len() > 2 && (rest[1] == b'\\' || rest[2] == b'\'') {
            let skip = if rest[1] == b'\\' { 3 } else { 2 };
            let close = rest.iter().skip(skip).position(|b| *b == b'\'').map_or(rest.len(), |p| p + skip + 1);
            at + close
        } else {
            out.push(rest[0]);
            at += 1;
            continue;
        };
        blank(&mut out, at, end);
        at = end;
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn block_comment_end(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_u32);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

fn raw_text_end(bytes: &[u8], start: usize) -> Option<usize> {
    let before = start.checked_sub(1).map(|p| bytes[p]);
    if before.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return None;
    }
    let after_r = start + usize::from(bytes[start] == b'b') + 1;
    if bytes.get(after_r - 1) != Some(&b'r') {
        return None;
    }
    let hashes = bytes[after_r..].iter().take_while(|b| **b == b'#').count();
    if bytes.get(after_r + hashes) != Some(&b'"') {
        return None;
    }
    let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let body = after_r + hashes + 1;
    let length = bytes[body..].windows(close.len()).position(|w| w == close).map_or(bytes.len() - body, |p| p + close.len());
    Some(body + length)
}

/// Whether `code` says `word` as whole identifiers (`rtc` is not in `webrtc`).
fn says(code: &str, word: &str) -> Option<usize> {
    let part_of_name = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    code.match_indices(word)
        .find(|(at, _)| !part_of_name(code[..*at].chars().next_back()) && !part_of_name(code[at + word.len()..].chars().next()))
        .map(|(at, _)| code[..at].matches('\n').count() + 1)
}

/// Whether `code` names the crate `word`: as the head of a path or in `use word`.
fn names_crate(code: &str, word: &str) -> Option<usize> {
    for (at, _) in code.match_indices(word) {
        let before = code[..at].trim_end_matches(' ');
        let glued = code[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
        let inside_path = before.ends_with("::") && !before.trim_end_matches("::").ends_with([' ', '\n', '(', '<', '&', '{', ',']);
        let after = &code[at + word.len()..];
        let head = after.starts_with("::") || (before.ends_with("use") && (after.starts_with(';') || after.starts_with(" as ")));
        if !glued && !inside_path && head {
            return Some(code[..at].matches('\n').count() + 1);
        }
    }
    None
}

/// Every room that the code reaches through `crate::`, `visavis::` or a chain of `super` up to the root, with the line.
fn rooms_named(source: &Source, code: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let inside = source.path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    let depth = inside.split('/').count();
    let to_root = "super::".repeat(depth);
    for head in ["crate::", "visavis::", to_root.as_str()] {
        for (at, _) in code.match_indices(head) {
            let glued = code[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':' || c == '$');
            if glued {
                continue;
            }
            let line = code[..at].matches('\n').count() + 1;
            let rest = &code[at + head.len()..];
            for name in path_heads(rest) {
                let is_vault = name == "documents" && rest.starts_with("documents::vault");
                found.push((if is_vault { String::from("vault") } else { name }, line));
            }
        }
    }
    found
}

/// The first names after `crate::`: one identifier, or those of a group at its outermost level.
fn path_heads(rest: &str) -> Vec<String> {
    let identifier = |text: &str| -> String { text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    let Some(group) = rest.strip_prefix('{') else { return vec![identifier(rest)] };
    let (mut names, mut depth, mut at_head) = (Vec::new(), 0_i32, true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_head = true,
            c if at_head && (c.is_alphabetic() || c == '_') => {
                names.push(identifier(&group[at..]));
                at_head = false;
            }
            _ => {}
        }
    }
    names
}

fn floor_faults(source: &Source) -> Vec<String> {
    let room = source.room();
    let Some(own) = floor(room) else {
        return vec![format!("{}: room `{room}` is on no floor; put it on the map and in tests/it/tidy.rs", source.path)];
    };
    if room == "lib" {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for (named, line) in rooms_named(source, &source.code()) {
        let Some(theirs) = floor(&named) else { continue };
        let arrow = ARROWS.iter().any(|(from, to)| *from == room && to.contains(&named.as_str()));
        let allowed = named == room || theirs < own || arrow || room == "main";
        if !allowed {
            faults
                .push(format!("{}:{line}: `{room}` may not import `{named}`: imports point down only (src/ARCHITECTURE.md)", source.path));
        }
    }
    faults
}

fn purity_faults(source: &Source) -> Vec<String> {
    if !is_pure(source.room()) {
        return Vec::new();
    }
    let code = source.code();
    IMPURE
        .iter()
        .filter(|word| !PURE_EXCEPTIONS.iter().any(|(path, excused, _)| *path == source.path && excused == *word))
        .filter_map(|word| says(&code, word).map(|line| (word, line)))
        .map(|(word, line)| format!("{}:{line}: the pure room `{}` says `{word}`: it is told, it never asks", source.path, source.room()))
        .collect()
}

fn driver_faults(source: &Source) -> Vec<String> {
    let code = source.code();
    // The `webrtc` crate hands out types of `rtc`, so whoever drives it names both.
    let homes: [(&str, &[&str]); 4] =
        [("rtc", &["media", "load"]), ("dimpl", &["media", "load"]), ("webrtc", &["load"]), ("dashmap", &["signaling"])];
    homes
        .iter()
        .filter(|(_, homes)| !homes.contains(&source.room()))
        .filter_map(|(name, homes)| names_crate(&code, name).map(|line| (name, homes, line)))
        .map(|(name, homes, line)| format!("{}:{line}: only {homes:?} names `{name}`", source.path))
        .collect()
}

fn first_sentence_faults(source: &Source) -> Vec<String> {
    let first = source.text.lines().next().unwrap_or("");
    let says_something = |text: &str| text.split_whitespace().count() >= 4;
    let good = if source.path.ends_with(".rs") {
        first.starts_with("#![doc = include_str!(")
            || first.starts_with("#![cfg_attr(")
            || first.strip_prefix("//!").is_some_and(says_something)
    } else {
        let head: String = source.text.lines().take(3).collect::<Vec<_>>().join(" ");
        head.strip_prefix("/**").or_else(|| head.strip_prefix("//")).is_some_and(says_something)
    };
    if good { Vec::new() } else { vec![format!("{}:1: open with a sentence on what this file is for", source.path)] }
}

fn unbounded_faults(source: &Source) -> Vec<String> {
    let code = source.code();
    ["unbounded_channel", "UnboundedSender", "mpsc::channel()", "mpsc::channel::<", "unbounded()"]
        .iter()
        .filter_map(|word| code.find(word).map(|at| (word, code[..at].matches('\n').count() + 1)))
        .filter(|(word, line)| {
            // `mpsc::channel::<T>(bound)` is bounded; the empty call is std's unbounded one.
            **word != "mpsc::channel::<" || code.lines().nth(line - 1).is_some_and(|text| text.contains("()"))
        })
        .map(|(word, line)| format!("{}:{line}: `{word}` has no bound; every queue has one in src/limits.rs", source.path))
        .collect()
}

fn length_faults(source: &Source) -> Vec<String> {
    if source.path.ends_with("tests.rs") {
        return Vec::new();
    }
    let lines = product_part(&source.text).lines().filter(|line| !line.trim().is_empty()).count();
    let excused = LONG_FILES.iter().any(|(path, reason)| *path == source.path && !reason.is_empty());
    if lines <= LINES_MAX || excused {
        return Vec::new();
    }
    vec![format!("{}: {lines} lines before the tests, more than {LINES_MAX}: a file is one noun", source.path)]
}

fn file_write_faults(source: &Source) -> Vec<String> {
    if !matches!(source.room(), "media" | "sfu") {
        return Vec::new();
    }
    let code = source.code();
    ["std::fs", "tokio::fs", "fs::", "File::", "OpenOptions", "sqlx", "tempfile", "memmap"]
        .iter()
        .filter_map(|word| says(&code, word.trim_end_matches("::")).filter(|_| code.contains(word)).map(|line| (word, line)))
        .map(|(word, line)| format!("{}:{line}: `{word}`: nothing of the media path opens a file (P6)", source.path))
        .collect()
}

fn map_faults(map: &str, rooms: &[String]) -> Vec<String> {
    rooms
        .iter()
        .filter(|room| !matches!(room.as_str(), "lib" | "main"))
        .filter(|room| says(map, room).is_none())
        .map(|room| format!("src/ARCHITECTURE.md does not show `{room}`: keep the map true in the commit that changes the shape"))
        .collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            if !matches!(name.as_str(), "target" | "node_modules" | "dist" | "corpus" | "artifacts") && !name.starts_with('.') {
                walk(&path, found);
            }
        } else {
            found.push(path);
        }
    }
}

fn sources(directories: &[&str], endings: &[&str]) -> Vec<Source> {
    let mut paths = Vec::new();
    for directory in directories {
        walk(&root().join(directory), &mut paths);
    }
    paths.sort();
    paths
        .into_iter()
        .filter(|path| endings.iter().any(|ending| path.to_string_lossy().ends_with(ending)))
        .map(|path| Source {
            text: std::fs::read_to_string(&path).unwrap(),
            path: path.strip_prefix(root()).unwrap().to_string_lossy().into_owned(),
        })
        .collect()
}

fn check(sources: &[Source], rule: fn(&Source) -> Vec<String>) {
    assert!(!sources.is_empty(), "nothing was read");
    let mut report = String::new();
    for fault in sources.iter().flat_map(rule) {
        let _ = writeln!(report, "{fault}");
    }
    assert!(report.is_empty(), "\n{report}");
}

fn planted(path: &str, text: &str) -> Source {
    Source { path: path.to_owned(), text: text.to_owned() }
}

#[test]
fn imports_point_down_only() {
    check(&sources(&["src"], &[".rs"]), floor_faults);
}

#[test]
fn pure_rooms_never_ask() {
    check(&sources(&["src"], &[".rs"]), purity_faults);
}

#[test]
fn each_driver_has_one_room() {
    check(&sources(&["src"], &[".rs"]), driver_faults);
}

#[test]
fn every_file_opens_with_a_sentence() {
    check(&sources(&["src", "tests", "benches", "web-client"], &[".rs", ".ts", ".tsx"]), first_sentence_faults);
}

#[test]
fn every_queue_has_a_bound() {
    check(&sources(&["src"], &[".rs"]), unbounded_faults);
}

#[test]
fn a_file_is_one_noun() {
    check(&sources(&["src", "web-client/src"], &[".rs", ".ts", ".tsx"]), length_faults);
}

#[test]
fn the_media_path_opens_no_file() {
    check(&sources(&["src"], &[".rs"]), file_write_faults);
}

#[test]
fn the_map_shows_every_room() {
    let map = std::fs::read_to_string(root().join("src/ARCHITECTURE.md")).unwrap();
    let mut rooms: Vec<String> = sources(&["src"], &[".rs"]).iter().map(|source| source.room().to_owned()).collect();
    rooms.dedup();
    let faults = map_faults(&map, &rooms);
    assert!(rooms.len() > 10 && faults.is_empty(), "{faults:#?}");
}

#[test]
fn a_planted_upward_import_is_found() {
    let faults = |path: &str, text: &str| floor_faults(&planted(path, text)).len();
    assert_eq!(faults("src/sfu/router.rs", "use crate::media::plane::Label;"), 1);
    assert_eq!(faults("src/sfu/router.rs", "use crate::{ids::X, media::{plane, sdp}, time};"), 1);
    assert_eq!(faults("src/sfu/router.rs", "use super::super::store::Store;"), 1);
    assert_eq!(faults("src/agenda/mod.rs", "fn a() -> super::store::Store {}"), 1);
    assert_eq!(faults("src/sfu/router.rs", "fn a() -> crate::http::Router {}"), 1);
    assert_eq!(faults("src/media/worker.rs", "use crate::signaling::Signaling;"), 1);
    assert_eq!(faults("src/store/mod.rs", "use crate::http::Routes;"), 1);
    assert_eq!(faults("src/http/mod.rs", "use crate::server::Server;"), 1);
    assert_eq!(faults("src/http/mod.rs", "use crate::media::plane::MediaPlane;"), 1);
    assert_eq!(faults("src/attic/mod.rs", ""), 1);
    assert_eq!(faults("src/documents/ledger.rs", "use crate::documents::vault::Vault;"), 1);
    assert_eq!(faults("src/documents/vault.rs", "use crate::store::Store; use crate::documents::cipher::Chunks;"), 1);
    assert_eq!(faults("src/signaling/mod.rs", "use crate::media::plane::MediaPlane; // crate::http::Routes"), 0);
    assert_eq!(faults("src/sfu/router.rs", "let a = \"crate::http::x\"; let b = r#\"crate::http\"#; let c = '\"'; use crate::ids::A;"), 0);
    assert_eq!(faults("src/sfu/router.rs", "use super::negotiated::Codec;\n#[cfg(test)]\nmod tests {\n use crate::media::X;\n}"), 0);
}

#[test]
fn a_planted_question_in_a_pure_room_is_found() {
    let faults = |text: &str| purity_faults(&planted("src/consultation/mod.rs", text)).len();
    assert_eq!(faults("use tokio::time::sleep;"), 1);
    assert_eq!(faults("let now = Instant::now();"), 1);
    assert_eq!(faults("use std::net::UdpSocket;"), 1);
    assert_eq!(faults("let x = rand::random();"), 1);
    assert_eq!(faults("use std::net::IpAddr; let operand = 1; // tokio"), 0);
    assert_eq!(purity_faults(&planted("src/media/worker.rs", "use std::thread;")).len(), 0);
    assert_eq!(purity_faults(&planted("src/ids.rs", "use std::time::SystemTime;")).len(), 1);
}

#[test]
fn a_planted_driver_is_found() {
    assert_eq!(driver_faults(&planted("src/sfu/nack.rs", "use rtc::rtcp::Packet;")).len(), 1);
    assert_eq!(driver_faults(&planted("src/http/mod.rs", "fn a(x: ::dimpl::Dtls) {}")).len(), 1);
    assert_eq!(driver_faults(&planted("src/media/sdp.rs", "use webrtc::peer_connection::X;")).len(), 1);
    assert_eq!(driver_faults(&planted("src/store/mod.rs", "use dashmap::DashMap;")).len(), 1);
    assert_eq!(driver_faults(&planted("src/media/sdp.rs", "use rtc::sdp::X; // webrtc::")).len(), 0);
    assert_eq!(driver_faults(&planted("src/load/peer.rs", "use webrtc::x; let a = b.rtc;")).len(), 0);
}

#[test]
fn a_planted_silent_file_is_found() {
    assert_eq!(first_sentence_faults(&planted("src/a.rs", "use x;\n//! Late.")).len(), 1);
    assert_eq!(first_sentence_faults(&planted("src/a.rs", "//! Todo.\n")).len(), 1);
    assert_eq!(first_sentence_faults(&planted("web-client/src/a.ts", "import x from 'y';")).len(), 1);
    assert_eq!(first_sentence_faults(&planted("web-client/src/a.ts", "/**\n * The wire as the browser sees it.\n */")).len(), 0);
    assert_eq!(first_sentence_faults(&planted("src/a.rs", "//! The wire as the browser sees it.\n")).len(), 0);
}

#[test]
fn a_planted_unbounded_queue_is_found() {
    let faults = |text: &str| unbounded_faults(&planted("src/media/a.rs", text)).len();
    assert_eq!(faults("let (tx, rx) = mpsc::unbounded_channel();"), 1);
    assert_eq!(faults("let (tx, rx) = std::sync::mpsc::channel();"), 1);
    assert_eq!(faults("let (tx, rx) = mpsc::channel::<u8>();"), 1);
    assert_eq!(faults("let (tx, rx) = mpsc::channel::<u8>(limits::QUEUE); let (a, b) = mpsc::channel(8);"), 0);
}

#[test]
fn a_planted_long_file_is_found() {
    assert_eq!(length_faults(&planted("src/a.rs", &"x\n".repeat(LINES_MAX + 1))).len(), 1);
    let tests = format!("{}\n#[cfg(test)]\nmod tests {{\n{}}}", "x\n".repeat(LINES_MAX), "y\n".repeat(300));
    assert_eq!(length_faults(&planted("src/a.rs", &tests)).len(), 0);
}

#[test]
fn a_planted_file_write_in_the_media_path_is_found() {
    assert_eq!(file_write_faults(&planted("src/media/worker.rs", "std::fs::write(path, packet)?;")).len(), 2);
    assert_eq!(file_write_faults(&planted("src/media/worker.rs", "let f = File::create(\"a\");")).len(), 1);
    assert_eq!(file_write_faults(&planted("src/media/worker.rs", "let fs = 3; let offset = fs + 1;")).len(), 0);
}

#[test]
fn a_planted_room_that_the_map_forgot_is_found() {
    assert_eq!(map_faults("| `ids` |", &["ids".to_owned(), "attic".to_owned()]).len(), 1);
}
