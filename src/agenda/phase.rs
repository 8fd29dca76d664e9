//! The phase of an appointment's link at a moment. Refuses to know who is connected.
