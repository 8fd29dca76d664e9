//! The calendar's rules: in which phase a link is at a moment (rules O W L R of mission.md). Knows no database and no clock.

pub mod phase;
