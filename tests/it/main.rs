//! The integration tests, one binary; a module per room or promise.
#![allow(
    clippy::unwrap_used,
    clippy::large_futures,
    clippy::print_stdout,
    reason = "a test may die of a surprise, runs once, and prints what it measured"
)]

mod access_matrix;
mod admission;
mod admission_protocol;
mod agenda;
mod backup;
mod booking;
mod cancel_link;
mod chat;
mod clock;
mod config;
mod consultation;
mod consultation_random;
mod contract;
mod database;
mod documents;
mod durability;
mod erasure;
mod flood;
mod forged;
mod framed;
mod guard;
mod guests;
mod http;
mod identity;
mod inventory;
mod ledger;
mod link_guessing;
mod load;
mod mail;
mod mail_calendar;
mod mail_process;
mod outage;
mod outbox;
mod phases;
mod postgres;
mod privacy;
mod protocol;
mod relay;
mod running;
mod scarce;
mod second_factor;
mod sign_in;
mod signaling;
mod signaling_media;
mod staff;
mod store;
mod support;
mod tidy;
mod transport;
mod web_attacks;
mod webhook;
