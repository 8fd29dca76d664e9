//! Forwarding of the real worker beside a floor program: same packets, sockets and AES-GCM, nothing else.

fn main() {}
