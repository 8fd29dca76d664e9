//! WebSockets against a running server: resume, limits, take over.
