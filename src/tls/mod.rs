//! The certificate and our own accept loop over tokio-rustls; knows no route.
