//! Random sequences of commands and time: what must hold in every consultation, whoever does what.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use visavis::agenda::phase::{LinkRules, Slot};
use visavis::consultation::record::GuestStage;
use visavis::consultation::view::{Phase, RowState};
use visavis::consultation::{
    Actor, AgentCommand, CitizenCommand, Command, Consultation, Effect, GuestKind, Invitation, Now, Outcome, Publishing, Record, Stage,
};
use visavis::ids::{AgentId, DeviceId, GuestId, ParticipantId};
use visavis::limits;
use visavis::time::Timestamp;

#[derive(Debug, Clone)]
enum Step {
    Ask(Command, Actor),
    Pass(Duration),
    Restart,
}

/// Below `end`, and 0 more often than not: sequences that get far are the interesting ones.
fn likely_first(end: u8) -> impl Strategy<Value = u8> {
    prop_oneof![3 => Just(0), 1 => 0..end]
}

fn actor() -> impl Strategy<Value = Actor> {
    prop_oneof![
        likely_first(3).prop_map(|device| Actor::Citizen { device: DeviceId([device; 16]) }),
        (1u8..4, likely_first(2))
            .prop_map(|(guest, device)| Actor::Guest { guest: GuestId(guest.into()), device: DeviceId([200 + 10 * guest + device; 16]) }),
        (likely_first(3), likely_first(2)).prop_map(|(number, device)| (i64::from(number), device)).prop_map(|(number, device)| {
            Actor::Agent { agent: AgentId(number), name: number.to_string(), device: DeviceId([100 + 10 * number as u8 + device; 16]) }
        }),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        Just(Command::Connect),
        Just(Command::Disconnect),
        Just(Command::Publish(Publishing { microphone: true, camera: true, screen: true })),
        Just(Command::Leave),
        Just(Command::Return),
        Just(Command::TakeOver),
        Just(Command::Citizen(CitizenCommand::Arrive)),
        likely_first(6).prop_map(|call| Command::Citizen(CitizenCommand::Accept(call.into()))),
        likely_first(6).prop_map(|call| Command::Citizen(CitizenCommand::Accept(call.into()))),
        likely_first(6).prop_map(|call| Command::Citizen(CitizenCommand::Decline(call.into()))),
        Just(Command::Knock("Inga".into())),
        (1u8..4, any::<bool>()).prop_map(|(guest, yes)| Command::Citizen(CitizenCommand::Agree(GuestId(guest.into()), yes))),
        any::<bool>().prop_map(|direct| {
            let whom = Invitation { kind: GuestKind::Relative, name: "R".into(), direct, link: [u8::from(direct); 32] };
            Command::Agent(AgentCommand::Invite(whom))
        }),
        (1u8..4).prop_map(|guest| Command::Agent(AgentCommand::LetIn(GuestId(guest.into())))),
        (1u8..4).prop_map(|guest| Command::Agent(AgentCommand::PutBackGuest(GuestId(guest.into())))),
        (1u8..4).prop_map(|guest| Command::Agent(AgentCommand::Revoke(GuestId(guest.into())))),
        Just(Command::Agent(AgentCommand::Call)),
        Just(Command::Agent(AgentCommand::CancelCall)),
        Just(Command::Agent(AgentCommand::PutBack)),
        likely_first(4).prop_map(|who| Command::Agent(AgentCommand::Remove(ParticipantId(who)))),
        Just(Command::Agent(AgentCommand::Notify("x".into()))),
        prop_oneof![8 => Just(Command::Connect), 1 => Just(Command::Agent(AgentCommand::Close(Outcome::Done)))],
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (command(), actor()).prop_map(|(command, actor)| Step::Ask(command, actor)),
        2 => (0u64..40).prop_map(|seconds| Step::Pass(Duration::from_secs(seconds))),
        1 => (0u64..30).prop_map(|minutes| Step::Pass(Duration::from_secs(60 * minutes))),
        1 => Just(Step::Restart),
    ]
}

/// Call 0 means the one that rings.
fn meant(command: Command, ringing: u32) -> Command {
    match command {
        Command::Citizen(CitizenCommand::Accept(0)) => Command::Citizen(CitizenCommand::Accept(ringing)),
        Command::Citizen(CitizenCommand::Decline(0)) => Command::Citizen(CitizenCommand::Decline(ringing)),
        other => other,
    }
}

/// Everything that could watch: three devices of the citizen, two of each agent.
fn everybody() -> impl Iterator<Item = Actor> {
    let citizens = (0u8..3).map(|device| Actor::Citizen { device: DeviceId([device; 16]) });
    let agents = (0i64..3).flat_map(|number| {
        (0u8..2).map(move |device| Actor::Agent {
            agent: AgentId(number),
            name: number.to_string(),
            device: DeviceId([100 + 10 * number as u8 + device; 16]),
        })
    });
    let guests = (1u8..4).flat_map(|guest| {
        (0u8..2).map(move |device| Actor::Guest { guest: GuestId(guest.into()), device: DeviceId([200 + 10 * guest + device; 16]) })
    });
    citizens.chain(agents).chain(guests)
}

/// What an observer outside believes, from effects and accepted commands alone.
#[derive(Default)]
struct Observer {
    admitted: Vec<ParticipantId>,
    /// The queue's place when the citizen began to wait.
    place: Option<Timestamp>,
}

impl Observer {
    fn follow(&mut self, effects: &[Effect], accepted: bool, returned: bool) -> Result<(), TestCaseError> {
        let saved = effects.iter().position(|effect| *effect == Effect::Save);
        prop_assert!(saved.is_none_or(|at| at == 0), "durable first: {effects:?}");
        for effect in effects {
            match effect {
                Effect::Admit(who, true) => {
                    let again = self.admitted.contains(who);
                    let citizen = *who == ParticipantId::CITIZEN;
                    prop_assert!(!citizen || again || accepted || returned, "admitted without accept: {effects:?}");
                    if !again {
                        self.admitted.push(*who);
                    }
                }
                Effect::Admit(who, false) => self.admitted.retain(|other| other != who),
                _ => {}
            }
        }
        Ok(())
    }
}

fn check(consultation: &Consultation, observer: &mut Observer, now: Now) -> Result<(), TestCaseError> {
    let record = consultation.record();
    let mut told = observer.admitted.clone();
    let mut are = consultation.admitted();
    told.sort();
    are.sort();
    prop_assert_eq!(&told, &are, "media was told of every admission");

    let holding: Vec<Actor> = everybody().filter(|actor| consultation.seat(actor).is_some()).collect();
    let citizens = holding.iter().filter(|actor| matches!(actor, Actor::Citizen { .. })).count();
    prop_assert!(citizens <= 1, "at most one active citizen device");
    for number in 0..3 {
        let same = |actor: &&Actor| matches!(actor, Actor::Agent { agent, .. } if *agent == AgentId(number));
        prop_assert!(holding.iter().filter(same).count() <= 1, "at most one active device of an agent");
    }

    let admitted = are.contains(&ParticipantId::CITIZEN);
    prop_assert!(!admitted || record.admitted, "in the call only after an accept");
    prop_assert!(!admitted || !record.removed, "a removed person is not admitted");
    for actor in everybody() {
        let Some(view) = consultation.view(&actor, now) else { continue };
        let in_call = view.phase == Phase::InCall;
        prop_assert_eq!(
            in_call,
            consultation.seat(&actor).is_some_and(|seat| are.contains(&seat)),
            "who is in the call is who is admitted"
        );
        for person in &view.people {
            let calling = view.phase == Phase::Calling && person.participant == ParticipantId::CITIZEN;
            prop_assert!(calling || are.contains(&person.participant), "only who is admitted is shown in the call");
            prop_assert!(person.participant != view.you, "the others only");
        }
    }

    let in_call: Vec<_> = record.guests.iter().filter(|guest| guest.stage == GuestStage::InCall).collect();
    prop_assert!(
        in_call.is_empty() || record.admitted && record.agents().next().is_some(),
        "no guest before the citizen, nor without an agent"
    );
    for guest in &record.guests {
        prop_assert!(guest.stage != GuestStage::InCall || guest.agreed == Some(true), "no guest without the citizen's word");
        let seated = matches!(guest.stage, GuestStage::Knocking | GuestStage::InCall);
        prop_assert_eq!(record.seat_of_guest(guest.guest).is_some(), seated, "who is at the door or in the call has a seat");
    }

    let mut numbers: Vec<_> = record.seats.iter().map(|seat| seat.participant).collect();
    numbers.sort();
    numbers.dedup();
    prop_assert_eq!(numbers.len(), record.seats.len(), "one person, one number");
    prop_assert!(numbers.iter().all(|number| (1..limits::PARTICIPANTS_MAX).contains(&usize::from(number.0))));
    prop_assert_eq!(record.ring.is_some(), record.stage == Stage::Ringing);
    if let Some(ring) = record.ring {
        prop_assert!(numbers.contains(&ring.from), "a ring has a caller");
    }

    let row = consultation.row(now);
    let waits = row.as_ref().is_some_and(|row| matches!(row.state, RowState::Waiting | RowState::Ringing));
    if waits {
        let since = row.and_then(|row| row.since);
        prop_assert!(since.is_some(), "who waits has a place");
        prop_assert!(observer.place.is_none() || observer.place == since, "the place in the queue is stable");
        observer.place = since;
    } else if record.stage == Stage::Left && !record.admitted {
        observer.place = None;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_commands_breaks_the_rules_of_the_waiting_room(steps in proptest::collection::vec(step(), 1..120)) {
        let start = Timestamp(1_800_000_000_000);
        let slot = Slot { start, end: start.after(Duration::from_secs(1200)) };
        let mut now = Now { instant: Instant::now(), wall: start.before(Duration::from_secs(840)) };
        let mut consultation = Consultation::from_record(Record::default(), slot, LinkRules::default(), now);
        let mut observer = Observer::default();
        for step in steps {
            match step {
                Step::Ask(command, actor) => {
                    let command = meant(command, consultation.record().calls);
                    let before = consultation.record().clone();
                    let accepting = matches!(command, Command::Citizen(CitizenCommand::Accept(_)));
                    let returning = before.admitted && !before.removed && before.agents().next().is_some()
                        && matches!(command, Command::Return | Command::Citizen(CitizenCommand::Arrive))
                        && matches!(actor, Actor::Citizen { .. });
                    match consultation.handle(command, &actor, now) {
                        Ok(effects) => {
                            prop_assert_eq!(effects.contains(&Effect::Save), before != *consultation.record(), "every change is saved");
                            if accepting {
                                prop_assert_eq!(before.stage, Stage::Ringing, "accept answers a call");
                            }
                            observer.follow(&effects, accepting, returning)?;
                        }
                        Err(_) => prop_assert_eq!(&before, consultation.record(), "a refusal changes nothing"),
                    }
                }
                Step::Pass(by) => {
                    let end = now.instant + by;
                    for round in 0..=1000 {
                        prop_assert!(round < 1000, "something stays due");
                        let due = consultation.poll_timeout(now).filter(|due| *due <= end);
                        let to = due.unwrap_or(end).max(now.instant);
                        now = Now { instant: to, wall: now.wall.after(to - now.instant) };
                        let effects = consultation.handle_timeout(now);
                        observer.follow(&effects, false, false)?;
                        if due.is_none() { break }
                    }
                }
                Step::Restart => {
                    let text = serde_json::to_string(consultation.record()).unwrap();
                    consultation = Consultation::from_record(serde_json::from_str(&text).unwrap(), slot, LinkRules::default(), now);
                }
            }
            check(&consultation, &mut observer, now)?;
        }
    }
}
