//! The order of the desk and the place of who waits. Knows rows only, not how they came about.

use crate::consultation::view::{Row, RowState};
use crate::ids::AppointmentId;
use crate::time::Timestamp;

/// Sorts as people should be called: who waits first, by arrival (ringing included: the place is kept), then the others by start.
/// Two arrivals in the same millisecond keep one order, by id.
pub fn sort<T>(rows: &mut [T], key: impl Fn(&T) -> (AppointmentId, Timestamp, &Row)) {
    rows.sort_by_key(|item| {
        let (id, start, row) = key(item);
        (!waits(row), if waits(row) { row.since.unwrap_or(start) } else { start }, id)
    });
}

/// The place of each who waits, 1 = next, of rows that are sorted already.
pub fn places<'a>(sorted: impl IntoIterator<Item = (AppointmentId, &'a Row)>) -> impl Iterator<Item = (AppointmentId, u32)> {
    sorted.into_iter().filter(|(_, row)| waits(row)).zip(1..).map(|((id, _), place)| (id, place))
}

fn waits(row: &Row) -> bool {
    matches!(row.state, RowState::Waiting | RowState::Ringing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consultation::view::Presence;

    fn row(state: RowState, since: Option<i64>) -> Row {
        Row { state, presence: Presence::Here, since: since.map(Timestamp), agent: None }
    }

    #[test]
    fn who_waits_comes_first_by_arrival_then_the_others_by_start() {
        let mut rows = vec![
            (AppointmentId(1), Timestamp(100), row(RowState::Expected, None)),
            (AppointmentId(2), Timestamp(900), row(RowState::Waiting, Some(70))),
            (AppointmentId(3), Timestamp(50), row(RowState::InCall, None)),
            (AppointmentId(4), Timestamp(950), row(RowState::Ringing, Some(60))),
        ];
        sort(&mut rows, |item| (item.0, item.1, &item.2));
        assert_eq!(rows.iter().map(|item| item.0.0).collect::<Vec<_>>(), [4, 2, 3, 1]);
        let places: Vec<_> = places(rows.iter().map(|item| (item.0, &item.2))).collect();
        assert_eq!(places, [(AppointmentId(4), 1), (AppointmentId(2), 2)]);
    }
}
