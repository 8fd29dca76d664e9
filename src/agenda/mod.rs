//! The calendar's rules: when slots exist, for which topics, who still finds a place, and in which phase a link is at a moment (rules O W L R of mission.md).
//! Knows no database and no clock.

pub mod calendar;
pub mod holiday;
pub mod hours;
pub mod occupancy;
pub mod phase;
pub mod topic;
