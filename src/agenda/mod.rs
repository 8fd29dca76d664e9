//! The calendar's rules: when slots exist, for which topics, who still finds a place, in which phase a link is at a moment, and how long what was told is kept
//! (rules O W L R D of mission.md). Knows no database and no clock.

pub mod calendar;
pub mod holiday;
pub mod hours;
pub mod identity;
pub mod occupancy;
pub mod phase;
pub mod retention;
pub mod topic;
