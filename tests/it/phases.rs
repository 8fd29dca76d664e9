//! Every edge of the rules O W L N R D X, at the second before it, at it and at the second after it: in winter and summer, on the days on which the clock changes and
//! across the change itself, with the numbers of two services. Time is told; nothing waits.

use std::time::Duration;

use visavis::agenda::phase::{LinkRules, Phase, Slot};
use visavis::consultation::record::{Record, Stage};
use visavis::time::Timestamp;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// Starts of appointments in Luxembourg, each with what the wall clock there shows half an hour after the start.
const STARTS: [(&str, &str, &str); 9] = [
    ("winter", "2027-01-14T08:30:00+01:00", "09:00"),
    ("summer", "2027-07-15T08:30:00+02:00", "09:00"),
    ("the morning after the clock went forward", "2027-03-28T08:30:00+02:00", "09:00"),
    ("the morning after it went back", "2027-10-31T08:30:00+01:00", "09:00"),
    ("the evening before it goes forward, so that a day later is an hour later by the wall", "2027-03-27T15:40:00+01:00", "16:10"),
    ("the evening before it goes back", "2027-10-30T15:40:00+02:00", "16:10"),
    ("across the hour that does not exist", "2027-03-28T01:50:00+01:00", "03:20"),
    ("across the hour that comes twice, the first time", "2027-10-31T02:50:00+02:00", "02:20"),
    ("across the hour that comes twice, the second time", "2027-10-31T02:50:00+01:00", "03:20"),
];

/// The CNS's numbers, and those of the eSanté platform with a longer time for documents.
fn services() -> [(i64, LinkRules); 2] {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let esante =
        LinkRules { early: minutes(10), come_back: minutes(20), give_up: minutes(45), documents: minutes(72 * 60), ..LinkRules::default() };
    [(20, LinkRules::default()), (10, esante)]
}

/// Where a consultation stands, and when its link changes: phases and the edges between them, counted from S.
struct Line {
    name: &'static str,
    record: Record,
    first: Phase,
    edges: Vec<(i64, Phase)>,
}

fn lines(length: i64, rules: LinkRules, slot: Slot) -> Vec<Line> {
    use Phase::{Cancelled, Documents, Erased, Late, Missed, Open, TooEarly};
    let of = |duration: Duration| i64::try_from(duration.as_millis()).unwrap();
    let (end, day) = (length * MINUTE, 24 * HOUR);
    let at = |stage: Stage| Record { stage, ..Record::default() };
    let ended = |stage: Stage, ms: i64| Record { ended_at: Some(Timestamp(slot.start.0 + ms)), ..at(stage) };
    let line = |name, record, first, edges| Line { name, record, first, edges };
    vec![
        line("O, W and L: who never came", at(Stage::Expected), TooEarly, vec![(-of(rules.early), Open), (end, Late), (end + day, Erased)]),
        line(
            "L: who waits is never thrown out, and is missed when nobody calls",
            at(Stage::Waiting),
            Open,
            vec![(end + of(rules.give_up), Missed)],
        ),
        line("L: who was called and did not answer still waits", Record { calls: 1, ..at(Stage::Waiting) }, Open, vec![]),
        line("N: a call is never cut", Record { admitted: true, ..at(Stage::InCall) }, Open, vec![]),
        line("R: who was put back into the waiting room stays", Record { admitted: true, ..at(Stage::Waiting) }, Open, vec![]),
        line(
            "R and D: who left comes back until then, and finds the documents afterwards",
            Record { admitted: true, ..at(Stage::Left) },
            Open,
            vec![(end + of(rules.come_back), Documents), (end + of(rules.come_back) + of(rules.documents), Erased)],
        ),
        line(
            "L: who left before they were admitted is late at the end like anybody",
            at(Stage::Left),
            TooEarly,
            vec![(-of(rules.early), Open), (end, Late), (end + day, Erased)],
        ),
        line(
            "D: closed before the end",
            Record { admitted: true, ..ended(Stage::Closed, 7 * MINUTE) },
            Documents,
            vec![(7 * MINUTE + of(rules.documents), Erased)],
        ),
        line(
            "D: closed long after the end",
            Record { admitted: true, ..ended(Stage::Closed, end + HOUR) },
            Documents,
            vec![(end + HOUR + of(rules.documents), Erased)],
        ),
        line("missed by the service", ended(Stage::Missed, end + of(rules.give_up)), Missed, vec![(end + of(rules.give_up) + day, Erased)]),
        line("X: cancelled two days before", ended(Stage::Cancelled, -2 * day), Cancelled, vec![(-day, Erased)]),
        line("X: cancelled at the last moment", ended(Stage::Cancelled, -SECOND), Cancelled, vec![(day - SECOND, Erased)]),
    ]
}

#[test]
fn every_rule_holds_to_the_second_in_winter_in_summer_and_over_both_changes_of_the_clock() {
    let mut edges_seen = 0;
    for (season, start, shown) in STARTS {
        let start = Timestamp::parse(start).unwrap();
        let zone = jiff::tz::TimeZone::get("Europe/Luxembourg").unwrap();
        let wall = jiff::Timestamp::from_millisecond(start.0 + 30 * MINUTE).unwrap().to_zoned(zone).strftime("%H:%M").to_string();
        assert_eq!(wall, shown, "{season}: the table itself");
        for (length, rules) in services() {
            let slot = Slot { start, end: Timestamp(start.0 + length * MINUTE) };
            for Line { name, record, first, edges } in lines(length, rules, slot) {
                let phase = |ms: i64| record.link_phase(slot, rules, Timestamp(start.0 + ms));
                let mut before = first;
                for (at, after) in edges {
                    let context = format!("{season}, {length} minutes, {name}, {} s after S", at / SECOND);
                    assert_eq!(phase(at - SECOND), before, "the second before: {context}");
                    assert_eq!(phase(at - 1), before, "a moment before: {context}");
                    assert_eq!(phase(at), after, "at it: {context}");
                    assert_eq!(phase(at + SECOND), after, "the second after: {context}");
                    before = after;
                    edges_seen += 1;
                }
                // And nothing else happens later: to the second over an hour behind the last edge, then for a month.
                for later in (1..=30).map(|day| day * 24 * HOUR + 5 * 24 * HOUR) {
                    assert_eq!(phase(later), before, "{season}, {name}, much later");
                }
            }
        }
    }
    assert_eq!(edges_seen, 9 * 2 * 14);
}

/// The phase over the whole of two days, minute by minute, changes where the table says and nowhere else.
#[test]
fn between_the_edges_nothing_changes() {
    for (season, start, _) in STARTS {
        let start = Timestamp::parse(start).unwrap();
        for (length, rules) in services() {
            let slot = Slot { start, end: Timestamp(start.0 + length * MINUTE) };
            for Line { name, record, first, edges } in lines(length, rules, slot) {
                for minute in -24 * 60..5 * 24 * 60 {
                    let at = minute * MINUTE;
                    // A cancelled appointment of two days before has begun its last day by then.
                    let wanted = edges.iter().rev().find(|(edge, _)| *edge <= at).map_or(first, |(_, phase)| *phase);
                    assert_eq!(record.link_phase(slot, rules, Timestamp(start.0 + at)), wanted, "{season}, {name}, minute {minute}");
                }
            }
        }
    }
}
