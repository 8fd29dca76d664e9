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
mod contract;
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
mod mine;
mod pages;
mod person;
mod portal;
mod processor;
mod provider;
mod request;
mod router;
mod second_factor;
mod site;
mod sockets;

use agent::random_bytes;

pub use contract::{Caller, Operation, document, operations};
pub use load_test::end_silent;
pub use pages::DemoLinks;
pub use router::{Route, router, routes};
pub use site::{Scheme, SignInRules, Site, SiteConfig};
