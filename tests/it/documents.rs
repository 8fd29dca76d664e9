//! Documents on a real server: handed in, listed, downloaded, taken back; what is refused, who may read what, what is left when it breaks off or the disk is full.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use visavis::load::http_client::{Response, request};
use visavis::store::Verdict;

use crate::erasure::{close, count, link, until_phase};
use crate::running::{Running, settings};

const HOUR: i64 = 3_600_000;

/// A PDF of this many bytes.
pub(crate) fn pdf(bytes: usize) -> Vec<u8> {
    let mut file = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n".to_vec();
    file.resize(bytes.max(file.len()), b' ');
    file
}

/// Sends a file as the page does. The name is percent-encoded here.
pub(crate) async fn send(server: &Running, cookie: &str, kind: &str, name: &str, file: &[u8]) -> Response {
    send_to(&server.base.authority, cookie, kind, name, file).await
}

/// The same to whatever server listens there.
pub(crate) async fn send_to(host: &str, cookie: &str, kind: &str, name: &str, file: &[u8]) -> Response {
    let name: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let head = format!(
        "POST /api/v1/link/documents?kind={kind}&name={name} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nX-Visavis: 1\r\nConnection: close\r\n\
         Content-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
        file.len()
    );
    let mut socket = TcpStream::connect(host).await.unwrap();
    socket.write_all(head.as_bytes()).await.unwrap();
    // A server that refuses early may shut its ear: what counts is its answer.
    let _ = socket.write_all(file).await;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let status = String::from_utf8_lossy(&answer[9..12]).parse().unwrap();
    Response { status, headers: Vec::new(), body: answer[end + 4..].to_vec() }
}

async fn list(server: &Running, cookie: &str) -> Vec<Value> {
    let told = server.get("/api/v1/link/documents", &[("Cookie", cookie)]).await;
    assert_eq!(told.status, 200, "{}", told.json());
    told.json()["documents"].as_array().unwrap().clone()
}

fn vault(server: &Running) -> Vec<PathBuf> {
    std::fs::read_dir(server.directory.path().join("data/vault")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value.as_str())
}

async fn booked(server: &Running) -> (String, String, String) {
    let (reference, token) = server.book(0, "Clara").await;
    let cookie = server.citizen(&token).await;
    (reference, token, cookie)
}

#[tokio::test]
async fn citizen_hands_in_lists_downloads_and_takes_back_documents() {
    let server = Running::start().await;
    let (_, _, cookie) = booked(&server).await;
    let file: Vec<u8> = pdf(50).into_iter().chain((0..200_000_u32).map(|at| (at % 251) as u8)).collect();
    let sent = send(&server, &cookie, "document", "Zoé’s Bescheid.pdf", &file).await;
    assert_eq!(sent.status, 201, "{}", sent.json());
    let entry = sent.json();
    assert_eq!(
        (&entry["name"], &entry["bytes"], &entry["media_type"]),
        (&json!("Zoé’s Bescheid.pdf"), &json!(200_050), &json!("application/pdf"))
    );
    assert_eq!(list(&server, &cookie).await, vec![entry.clone()]);

    let path = format!("/api/v1/link/documents/{}", entry["id"].as_str().unwrap());
    let got = server.get(&path, &[("Cookie", &cookie)]).await;
    assert!(got.status == 200 && got.body == file, "the same bytes come back");
    assert!(header(&got, "content-disposition").starts_with("attachment; filename=\"Zo__s Bescheid.pdf\"; filename*=UTF-8''Zo%C3%A9"));
    assert_eq!((header(&got, "x-content-type-options"), header(&got, "cache-control")), ("nosniff", "no-store"));
    let policies: Vec<_> = got.headers.iter().filter(|(name, _)| name == "content-security-policy").collect();
    assert!(policies.len() == 1 && policies[0].1.contains("sandbox") && policies[0].1.starts_with("default-src 'none'"), "{policies:?}");

    assert_eq!(request(&server.base, "DELETE", &path, &[("Cookie", &cookie)], None).await.unwrap().status, 204);
    assert_eq!((list(&server, &cookie).await, vault(&server)), (vec![], vec![]));
    assert_eq!(server.get(&path, &[("Cookie", &cookie)]).await.error_code(), "unknown_document");
    assert_eq!(count(&server, "SELECT count(*) FROM audit WHERE what IN ('document_added', 'document_deleted')").await, 2);
}

#[tokio::test]
async fn what_is_no_document_is_refused_and_leaves_nothing() {
    let server = Running::start().await;
    let (_, _, cookie) = booked(&server).await;
    let polyglot = [pdf(100), b"PK\x05\x06".to_vec(), vec![0; 18]].concat();
    let big_page = [b"<!doctype html><script>".to_vec(), vec![b'x'; 200_000]].concat();
    for (file, why) in [
        (&b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>"[..], "a picture that runs"),
        (b"<html><script>alert(1)</script></html>", "a page"),
        (&big_page, "a large page"),
        (b"MZ\x90\0\x03", "a program"),
        (&polyglot, "a PDF that is an archive, too"),
        (b"", "nothing"),
    ] {
        let refused = send(&server, &cookie, "document", "x.pdf", file).await;
        assert_eq!((refused.status, refused.error_code().as_str()), (415, "unfit_document"), "{why}");
    }
    let word = send(&server, &cookie, "identity_copy", "card.pdf", b"PK\x03\x04").await;
    assert_eq!(word.status, 415, "a card is a page or a picture");
    for query in ["kind=passport&name=x", "kind=document", "name=x", "kind=document&name=x&name=y", "kind=document&name=x&role=agent"] {
        let path = format!("/api/v1/link/documents?{query}");
        assert_eq!(server.post(&path, &[("Cookie", &cookie)], json!({})).await.status, 400, "{query}");
    }
    assert_eq!((list(&server, &cookie).await, vault(&server)), (vec![], vec![]));
}

#[tokio::test]
async fn hostile_names_become_plain_ones_and_never_a_path() {
    let server = Running::start().await;
    let (_, _, cookie) = booked(&server).await;
    for (given, kept) in [
        ("../../../../tmp/evil", "evil.pdf"),
        ("CON", "_CON.pdf"),
        ("invoice\u{202e}fdp.exe", "invoicefdp.exe.pdf"),
        ("a\0b\r\nSet-Cookie: x=1.pdf", "abSet-Cookie_ x=1.pdf"),
        ("\"><script>.pdf", "___script_.pdf"),
        (&"n".repeat(300), &format!("{}.pdf", "n".repeat(196))),
    ] {
        let sent = send(&server, &cookie, "document", given, &pdf(60)).await;
        assert_eq!((sent.status, sent.json()["name"].as_str()), (201, Some(kept)), "{given:?}");
        let path = format!("/api/v1/link/documents/{}", sent.json()["id"].as_str().unwrap());
        let got = server.get(&path, &[("Cookie", &cookie)]).await;
        assert!(got.status == 200 && got.cookies().is_empty(), "{given:?}");
    }
    let hex = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().bytes().all(|b| b.is_ascii_hexdigit());
    assert!(vault(&server).len() == 6 && vault(&server).iter().all(hex), "on the disk a document has its number alone");
}

#[tokio::test]
async fn the_sixteenth_document_the_second_card_and_too_many_bytes_are_refused() {
    let server = Running::start().await;
    let (_, _, cookie) = booked(&server).await;
    assert_eq!(send(&server, &cookie, "document", "big.pdf", &pdf(11_000_000)).await.status, 201);
    let refused = send(&server, &cookie, "document", "big.pdf", &pdf(11_000_000)).await;
    assert_eq!((refused.status, refused.error_code().as_str()), (413, "too_large"));
    assert_eq!(send(&server, &cookie, "identity_copy", "card.pdf", &pdf(60)).await.status, 201);
    assert_eq!(send(&server, &cookie, "identity_copy", "card.pdf", &pdf(60)).await.error_code(), "too_many_documents");
    for _ in 0..13 {
        assert_eq!(send(&server, &cookie, "document", "x.pdf", &pdf(60)).await.status, 201);
    }
    let refused = send(&server, &cookie, "document", "x.pdf", &pdf(60)).await;
    assert_eq!((refused.status, refused.error_code().as_str()), (409, "too_many_documents"));
    assert_eq!((list(&server, &cookie).await.len(), vault(&server).len()), (15, 15));
}

#[tokio::test]
async fn parallel_uploads_do_not_pass_the_bound_together() {
    let server = Running::start().await;
    let (_, _, cookie) = booked(&server).await;
    let file = pdf(8_000_000);
    let all = futures_util::future::join_all((0..3).map(|_| send(&server, &cookie, "document", "x.pdf", &file))).await;
    let kept = all.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(
        (kept, list(&server, &cookie).await.len(), vault(&server).len()),
        (2, 2, 2),
        "{:?}",
        all.iter().map(|a| a.status).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn documents_of_others_are_as_unknown_as_none() {
    let server = Running::start().await;
    let (_, _, clara) = booked(&server).await;
    let (_, _, paul) = booked(&server).await;
    let sent = send(&server, &clara, "document", "x.pdf", &pdf(60)).await.json();
    let path = format!("/api/v1/link/documents/{}", sent["id"].as_str().unwrap());
    let foreign = server.get(&path, &[("Cookie", &paul)]).await;
    let none = server.get(&format!("/api/v1/link/documents/{:032x}", 7), &[("Cookie", &paul)]).await;
    assert_eq!((foreign.status, &foreign.body), (404, &none.body));
    assert_eq!(request(&server.base, "DELETE", &path, &[("Cookie", &paul)], None).await.unwrap().status, 404);
    assert_eq!(server.get(&path, &[]).await.status, 401);
    assert_eq!(send(&server, "a=b", "document", "x.pdf", &pdf(60)).await.status, 401);
    assert_eq!(list(&server, &clara).await.len(), 1, "nothing happened to it");
}

#[tokio::test]
async fn agent_reads_documents_but_never_the_card_and_each_look_is_in_the_trail() {
    let server = Running::start().await;
    let (reference, _, cookie) = booked(&server).await;
    let card = send(&server, &cookie, "identity_copy", "card.pdf", &pdf(60)).await.json();
    let document = send(&server, &cookie, "document", "x.pdf", &pdf(70)).await.json();
    let anna = server.agent().await;
    let id = server.server.store.appointment_by_reference(&reference).await.unwrap().unwrap().id;
    let path = format!("/api/v1/agent/consultations/{id}/documents");
    let told = server.get(&path, &[("Cookie", &anna)]).await;
    assert_eq!((told.status, told.json()["documents"].as_array().unwrap().len()), (200, 2));
    let of = |entry: &Value| format!("{path}/{}", entry["id"].as_str().unwrap());
    assert_eq!(server.get(&of(&document), &[("Cookie", &anna)]).await.body, pdf(70));
    assert_eq!(server.get(&of(&card), &[("Cookie", &anna)]).await.error_code(), "unknown_document");
    assert_eq!(server.get(&path, &[("Cookie", &cookie)]).await.status, 401, "a citizen is no agent");
    let nowhere = format!("/api/v1/agent/consultations/{:032x}/documents", 9);
    assert_eq!(server.get(&nowhere, &[("Cookie", &anna)]).await.status, 404);
    let trail = server.server.store.audit_of(id).await.unwrap();
    let looks: Vec<_> = trail.iter().filter(|line| line.who.starts_with("agent:")).map(|line| line.what.as_str()).collect();
    assert_eq!(looks, ["documents_listed", "document_read"]);
}

#[tokio::test]
async fn after_the_end_documents_are_read_only_and_after_a_day_they_are_gone() {
    let server = Running::start().await;
    let (reference, token, cookie) = booked(&server).await;
    let document = send(&server, &cookie, "document", "x.pdf", &pdf(70)).await.json();
    let card = send(&server, &cookie, "identity_copy", "card.pdf", &pdf(60)).await.json();
    close(&server, &reference).await;
    let of = |entry: &Value| format!("/api/v1/link/documents/{}", entry["id"].as_str().unwrap());
    assert_eq!(server.get(&of(&document), &[("Cookie", &cookie)]).await.body, pdf(70));
    assert_eq!(send(&server, &cookie, "document", "y.pdf", &pdf(60)).await.error_code(), "wrong_state");
    assert_eq!(request(&server.base, "DELETE", &of(&document), &[("Cookie", &cookie)], None).await.unwrap().error_code(), "wrong_state");

    server.clock.shift(HOUR - 5_000);
    tokio::time::sleep(Duration::from_millis(2_000)).await;
    assert_eq!(list(&server, &cookie).await.len(), 2, "the card stays for an hour");
    server.clock.shift(5_000);
    until(async || list(&server, &cookie).await == vec![document.clone()]).await;
    assert_eq!(server.get(&of(&card), &[("Cookie", &cookie)]).await.status, 404);
    assert_eq!(vault(&server).len(), 1);

    server.clock.shift(23 * HOUR);
    let gone = until_phase(&server, &token, "erased").await;
    assert_eq!(gone["receipt"]["documents"], 1);
    until(async || vault(&server).is_empty()).await;
    assert_eq!(count(&server, "SELECT count(*) FROM documents").await, 0);
    assert!(matches!(server.server.store.verify_ledger(None).await.unwrap(), Verdict::Intact(_)));
}

#[tokio::test]
async fn the_card_goes_at_once_when_the_appointment_is_cancelled() {
    let server = Running::start().await;
    let (_, token, cookie) = booked(&server).await;
    send(&server, &cookie, "identity_copy", "card.pdf", &pdf(60)).await;
    send(&server, &cookie, "document", "x.pdf", &pdf(60)).await;
    assert_eq!(server.post("/api/v1/link/cancel", &[("Cookie", &cookie)], Value::Null).await.status, 200);
    until(async || vault(&server).len() == 1).await;
    assert_eq!(link(&server, &token).await["phase"], "cancelled", "the rest stays for a day");
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing_and_a_crash_leaves_nothing_after_the_next_start() {
    let server = Running::start().await;
    let (_, _, cookie) = booked(&server).await;
    let host = &server.base.authority;
    let head = format!(
        "POST /api/v1/link/documents?kind=document&name=x HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nX-Visavis: 1\r\nContent-Length: 9000000\r\n\r\n"
    );
    let mut socket = TcpStream::connect(host).await.unwrap();
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(&pdf(500_000)).await.unwrap();
    until(async || vault(&server).len() == 1).await;
    drop(socket);
    until(async || vault(&server).is_empty()).await;

    let kept = send(&server, &cookie, "document", "x.pdf", &pdf(60)).await.json();
    let data = server.directory.path().join("data/vault");
    for orphan in ["0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef.part"] {
        std::fs::write(data.join(orphan), b"what a crash left").unwrap();
    }
    let server = server.restart().await;
    assert_eq!(vault(&server), vec![data.join(kept["id"].as_str().unwrap())]);
}

#[tokio::test]
async fn a_slow_line_gets_its_document_through_and_a_silent_one_is_told_after_fifteen_seconds() {
    let server = Running::start().await;
    let (_, _, cookie) = booked(&server).await;
    let open = async || {
        let host = &server.base.authority;
        let head = format!(
            "POST /api/v1/link/documents?kind=document&name=x HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nX-Visavis: 1\r\nConnection: close\r\n\
             Content-Length: 1900\r\n\r\n"
        );
        let mut socket = TcpStream::connect(host).await.unwrap();
        socket.write_all(head.as_bytes()).await.unwrap();
        socket
    };
    let answer = async |mut socket: TcpStream| {
        let mut text = String::new();
        socket.read_to_string(&mut text).await.unwrap();
        text
    };
    let slow = async {
        let mut socket = open().await;
        // Longer than any other request may take.
        for part in pdf(1900).chunks(100) {
            socket.write_all(part).await.unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        answer(socket).await
    };
    let silent = async {
        let mut socket = open().await;
        socket.write_all(&pdf(100)).await.unwrap();
        answer(socket).await
    };
    let (slow, silent) = tokio::join!(slow, silent);
    assert!(slow.starts_with("HTTP/1.1 201 "), "{slow}");
    assert!(silent.starts_with("HTTP/1.1 408 "), "{silent}");
    assert_eq!((list(&server, &cookie).await.len(), vault(&server).len()), (1, 1));
}

/// A small disk of its own, as the data directory; unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, megabytes: u32) -> Self {
        std::fs::create_dir_all(at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "visavis-test"]).arg(at).status();
        assert!(mounted.is_ok_and(|status| status.success()), "this test mounts a file system: it needs root");
        Self(at.to_owned())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_refuses_documents_with_507_and_keeps_everything_else() {
    let directory = tempfile::tempdir().unwrap();
    let _disk = SmallDisk::mount(&directory.path().join("data"), 8);
    let config = settings(&directory);
    let server = Running::start_with(directory, config).await;
    let (reference, _, cookie) = booked(&server).await;
    let mut kept = 0;
    let refused = loop {
        let answer = send(&server, &cookie, "document", "x.pdf", &pdf(2_000_000)).await;
        match answer.status {
            201 => kept += 1,
            _ => break answer,
        }
        assert!(kept < 8, "the disk is never full");
    };
    assert_eq!((refused.status, refused.error_code().as_str()), (507, "no_space"));
    assert_eq!((list(&server, &cookie).await.len(), vault(&server).len()), (kept, kept), "nothing half kept");
    assert!(kept >= 1);
    // Others go on, and when there is room again, without a restart, so does this.
    server.book(0, "Paul").await;
    let first = list(&server, &cookie).await[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/link/documents/{first}");
    assert_eq!(server.get(&path, &[("Cookie", &cookie)]).await.body, pdf(2_000_000), "what was kept is whole");
    assert_eq!(request(&server.base, "DELETE", &path, &[("Cookie", &cookie)], None).await.unwrap().status, 204);
    assert_eq!(send(&server, &cookie, "document", "x.pdf", &pdf(1_500_000)).await.status, 201);
    let store = &server.server.store;
    assert_eq!(store.appointment_by_reference(&reference).await.unwrap().unwrap().name, "Clara");
    assert!(matches!(store.verify_ledger(None).await.unwrap(), Verdict::Intact(_)));
    drop(server);
}

/// Looks until it is so.
pub(crate) async fn until(mut good: impl AsyncFnMut() -> bool) {
    let asked = std::time::Instant::now();
    while !good().await {
        assert!(asked.elapsed() < Duration::from_secs(15), "waited in vain");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
