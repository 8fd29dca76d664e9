//! The certificate of the web server and our own accept loop over tokio-rustls. Refuses to know routes: it is handed a service.

mod certificate;
mod faults;
mod gate;
mod listener;
mod opening;
mod unasked;

pub use certificate::{CertificateError, CertificateFiles, Origin, WebCertificate};
pub use gate::{Gate, Pass};
pub use listener::{Acceptor, Framed, Guests, Relayed, bind, serve};
