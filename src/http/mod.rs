//! Every route on one page; join, agent sign-in, API v1, assets, health. Decides nothing about a consultation.

mod agenda;
mod agent;
mod appointments;
mod assets;
mod booking;
mod booking_form;
mod calendar;
mod callbacks;
mod cancel_link;
mod chat;
mod cookie;
mod demo_clock;
mod details;
mod documents;
mod error;
mod guard;
mod headers;
mod health;
mod identity;
mod link;
mod load_test;
mod mailbox;
mod pages;
mod processor;
mod request;
mod router;
mod site;
mod sockets;

use agent::random_bytes;

pub use load_test::end_silent;
pub use pages::DemoLinks;
pub use router::{Route, router, routes};
pub use site::{Scheme, Site, SiteConfig};
