//! Transports against the `webrtc` crate: connect, media, restart, replacement, slots, data channels, profiles.

use std::time::{Duration, Instant};

use visavis::load::peer::{Peer, PeerOptions};
use visavis::media::plane::{Label, MediaEvent, OfferError};
use visavis::sfu::negotiated::Source;
use webrtc::peer_connection::{RTCPeerConnectionState, RTCStatsReportEntry, SrtpProtectionProfile, StatsSelector};

use crate::support::room::{AGENT, CITIZEN, GUEST, PATIENCE, Room, plane};

/// Waits until `peer` has `count` intact payloads of another's source.
async fn sees(peer: &Peer, other: &Peer, source: Source, count: usize) {
    let stream = other.stream(source);
    let seen = peer.received_until(PATIENCE, "media of the other", |received| received.whole_of(stream) >= count).await;
    assert!(seen.is_ok(), "{seen:?}: {:#?}", peer.received());
}

fn damaged(peer: &Peer) -> u64 {
    peer.received().sections.values().map(|section| section.damaged + section.foreign + section.duplicates).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn media_crosses_both_ways_after_admission_with_its_bytes_unchanged() {
    let plane = plane();
    let room = Room::open(&plane, 1);
    let (citizen, agent) = tokio::join!(room.join(CITIZEN, 1), room.join(AGENT, 1));
    for peer in [&citizen, &agent] {
        peer.start_sending(Source::Microphone);
        peer.start_sending(Source::Camera);
    }
    // Both are in mid-picture when they are admitted: without being asked they would show no key frame.
    tokio::time::sleep(Duration::from_millis(300)).await;
    room.door.admit(CITIZEN, true);
    room.door.admit(AGENT, true);
    for (peer, other) in [(&citizen, &agent), (&agent, &citizen)] {
        sees(peer, other, Source::Microphone, 40).await;
        sees(peer, other, Source::Camera, 120).await;
        assert_eq!(damaged(peer), 0, "{:#?}", peer.received());
        let received = peer.received();
        let named: Vec<&str> = received.sections.keys().map(String::as_str).collect();
        assert_eq!(named, ["3", "4"], "microphone on the first audio slot, camera on the first video slot");
        assert!(received.sections["4"].key_frames >= 1);
        assert_eq!(received.sections["4"].ssrcs.len(), 1, "one SSRC of ours for the life of the transport");
        assert!(other.key_frame_requests(Source::Camera) >= 1, "admission asks for a key frame");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ice_restart_keeps_dtls_and_the_numbers_of_the_answer() {
    let plane = plane();
    let room = Room::open(&plane, 2);
    let options = PeerOptions { name: 1, ..PeerOptions::default() };
    let citizen = Peer::new(options).await.unwrap();
    let first = room.door.offer(CITIZEN, 1, citizen.offer().await.unwrap()).await.unwrap();
    citizen.accept_answer(&first).await.unwrap();
    citizen.connected(PATIENCE).await.unwrap();
    let agent = room.join(AGENT, 1).await;
    room.door.admit(CITIZEN, true);
    room.door.admit(AGENT, true);
    citizen.start_sending(Source::Microphone);
    agent.start_sending(Source::Microphone);
    sees(&agent, &citizen, Source::Microphone, 20).await;

    let second = room.door.offer(CITIZEN, 1, citizen.restart_offer().await.unwrap()).await.unwrap();
    citizen.accept_answer(&second).await.unwrap();
    let lines = |sdp: &str, prefix: &str| sdp.lines().filter(|line| line.starts_with(prefix)).map(str::to_owned).collect::<Vec<_>>();
    assert_ne!(lines(&first, "a=ice-ufrag:"), lines(&second, "a=ice-ufrag:"));
    for kept in ["a=ssrc:", "a=fingerprint:", "a=mid:", "a=setup:", "a=rtpmap:", "m="] {
        assert_eq!(lines(&first, kept), lines(&second, kept), "{kept}");
    }
    citizen.connected(PATIENCE).await.unwrap();
    let before = agent.received().whole_of(citizen.stream(Source::Microphone));
    sees(&agent, &citizen, Source::Microphone, before + 50).await;
    let before = citizen.received().whole_of(agent.stream(Source::Microphone));
    sees(&citizen, &agent, Source::Microphone, before + 50).await;
    let connected = room.events().iter().filter(|event| **event == MediaEvent::Connected(CITIZEN)).count();
    assert_eq!(connected, 1, "no second handshake: {:?}", room.events());
    assert!(!room.events().contains(&MediaEvent::Gone(CITIZEN)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_higher_transport_number_replaces_the_peer_connection_and_keeps_the_admission() {
    let plane = plane();
    let room = Room::open(&plane, 3);
    let (old, agent) = tokio::join!(room.join(CITIZEN, 1), room.join(AGENT, 1));
    room.door.admit(CITIZEN, true);
    room.door.admit(AGENT, true);
    old.start_sending(Source::Camera);
    agent.start_sending(Source::Camera);
    sees(&agent, &old, Source::Camera, 30).await;

    let new = room.join(CITIZEN, 2).await;
    new.start_sending(Source::Camera);
    sees(&agent, &new, Source::Camera, 30).await;
    sees(&new, &agent, Source::Camera, 30).await;
    // The old one still sends; nothing of it may arrive once the new one is there.
    let of_old = agent.received().whole_of(old.stream(Source::Camera));
    let of_new = agent.received().whole_of(new.stream(Source::Camera));
    sees(&agent, &new, Source::Camera, of_new + 150).await;
    assert_eq!(agent.received().whole_of(old.stream(Source::Camera)), of_old);
    assert_eq!(agent.received().sections.len(), 1, "the same slot carries the new camera: {:?}", agent.received().sections.keys());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_people_are_on_each_others_slots() {
    let plane = plane();
    let room = Room::open(&plane, 4);
    let (citizen, agent, guest) = tokio::join!(room.join(CITIZEN, 1), room.join(AGENT, 1), room.join(GUEST, 1));
    let everybody = [(CITIZEN, &citizen), (AGENT, &agent), (GUEST, &guest)];
    for (id, peer) in everybody {
        room.door.admit(id, true);
        peer.start_sending(Source::Microphone);
        peer.start_sending(Source::Camera);
    }
    for (id, peer) in everybody {
        for (other_id, other) in everybody.into_iter().filter(|(other, _)| *other != id) {
            sees(peer, other, Source::Microphone, 20).await;
            sees(peer, other, Source::Camera, 60).await;
            let slots = room.slots(id);
            for source in [Source::Microphone, Source::Camera] {
                let slot = slots.iter().find(|slot| slot.participant == other_id && slot.source == source).unwrap();
                let streams: Vec<u32> = peer.received().sections[&slot.mid].streams.keys().copied().collect();
                assert_eq!(streams, [other.stream(source)], "mid {} carries whom the message says", slot.mid);
            }
        }
        assert!(room.slots(id).iter().all(|slot| slot.participant != id), "nobody sees themselves");
        // On a busy machine packets are lost at the peer's small socket buffer, asked for and resent: the same one may come twice, but never another.
        let broken: u64 = peer.received().sections.values().map(|section| section.damaged + section.foreign).sum();
        assert_eq!(broken, 0);
    }
    room.door.remove(GUEST);
    room.event("slots without the guest", |event| {
        matches!(event, MediaEvent::Slots(CITIZEN, slots) if !slots.is_empty() && slots.iter().all(|slot| slot.participant == AGENT))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reserved_data_channels_open_and_others_are_closed() {
    let plane = plane();
    let room = Room::open(&plane, 5);
    let channels = ["chat", "text", "files", "attic"].map(String::from).to_vec();
    let peer = room.join_with(CITIZEN, 1, PeerOptions { channels, ..PeerOptions::default() }).await;
    for (label, wire) in [(Label::Chat, "chat"), (Label::Text, "text"), (Label::Files, "files")] {
        peer.send_message(wire, wire.as_bytes()).await.unwrap();
        room.event("message", |event| *event == MediaEvent::Message(CITIZEN, label, wire.as_bytes().to_vec())).await;
        assert!(room.door.send(CITIZEN, label, b"to you".to_vec()).await);
        let wanted = (wire.to_owned(), b"to you".to_vec());
        peer.received_until(PATIENCE, "a message", |received| received.messages.contains(&wanted)).await.unwrap();
    }
    peer.received_until(PATIENCE, "the closing of a channel", |received| received.closed_channels.contains("attic")).await.unwrap();
    assert!(peer.received().closed_channels.iter().eq(["attic"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_prefers_cm_still_gets_gcm() {
    let plane = plane();
    let room = Room::open(&plane, 6);
    for (transport, profiles, wanted) in [
        (1, vec![SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80, SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm], "GCM"),
        (2, vec![SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80], "CM"),
    ] {
        let options = PeerOptions { name: transport, srtp_profiles: profiles, ..PeerOptions::default() };
        let peer = room.join_with(CITIZEN, transport, options).await;
        let report = peer.connection().get_stats(Instant::now(), StatsSelector::None).await;
        let cipher = report.iter().find_map(|entry| match entry {
            RTCStatsReportEntry::Transport(transport) => Some(transport.srtp_cipher.clone()),
            _ => None,
        });
        let cipher = cipher.unwrap_or_default().to_ascii_uppercase();
        assert!(cipher.contains(wanted), "transport {transport}: {cipher}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_participant_is_gone_at_once() {
    let plane = plane();
    let room = Room::open(&plane, 7);
    let (citizen, agent) = tokio::join!(room.join(CITIZEN, 1), room.join(AGENT, 1));
    room.door.admit(CITIZEN, true);
    room.door.admit(AGENT, true);
    citizen.start_sending(Source::Camera);
    agent.start_sending(Source::Camera);
    sees(&citizen, &agent, Source::Camera, 30).await;
    sees(&agent, &citizen, Source::Camera, 30).await;
    room.door.remove(CITIZEN);
    let removed = Instant::now();
    tokio::time::sleep(Duration::from_millis(800)).await;
    for peer in [&citizen, &agent] {
        let last = peer.received().last().unwrap();
        assert!(last.saturating_duration_since(removed) < Duration::from_millis(300), "{:?}", last.saturating_duration_since(removed));
    }
    assert_ne!(agent.state(), RTCPeerConnectionState::Failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_offer_is_refused_by_its_fault() {
    let plane = plane();
    let room = Room::open(&plane, 8);
    for offer in ["", "v=0", "nonsense\r\n", "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"] {
        let refused = room.door.offer(CITIZEN, 1, offer.to_owned()).await;
        assert!(matches!(refused, Err(OfferError::Bad(_))), "{offer:?}: {refused:?}");
    }
    room.join(CITIZEN, 2).await;
}
