//! One test per transition, named by its rule, in virtual time.

use std::time::{Duration, Instant};

use visavis::agenda::phase::{LinkRules, Slot};
use visavis::consultation::view::{self, Phase, RowState};
use visavis::consultation::{
    Actor, AgentCommand, Cancellation, CitizenCommand, Command, Consultation, Effect, Event, GuestKind, Invitation, Now, Outcome, Parting,
    Publishing, Record, Refusal, Row,
};
use visavis::ids::{AgentId, DeviceId, GuestId, ParticipantId};
use visavis::limits;
use visavis::time::Timestamp;

const MINUTE: u64 = 60;
const PHONE: DeviceId = DeviceId([1; 16]);
const LAPTOP: DeviceId = DeviceId([2; 16]);
const DESK_A: DeviceId = DeviceId([11; 16]);
const DESK_B: DeviceId = DeviceId([12; 16]);

/// A consultation with clocks that move together; starts at S − 10 min of a slot of 20 minutes.
struct Scene {
    consultation: Consultation,
    now: Now,
}

fn slot() -> Slot {
    let start = Timestamp(1_800_000_000_000);
    Slot { start, end: start.after(Duration::from_secs(20 * MINUTE)) }
}

fn citizen(device: DeviceId) -> Actor {
    Actor::Citizen { device }
}

fn agent(number: i64, device: DeviceId) -> Actor {
    Actor::Agent { agent: AgentId(number), name: format!("Agent {number}"), device }
}

fn anna() -> Actor {
    agent(1, DESK_A)
}

fn bert() -> Actor {
    agent(2, DESK_B)
}

const ARRIVE: Command = Command::Citizen(CitizenCommand::Arrive);
const CALL: Command = Command::Agent(AgentCommand::Call);
const PUT_BACK: Command = Command::Agent(AgentCommand::PutBack);
const CLOSE: Command = Command::Agent(AgentCommand::Close(Outcome::Done));

fn accept(call: u32) -> Command {
    Command::Citizen(CitizenCommand::Accept(call))
}

fn decline(call: u32) -> Command {
    Command::Citizen(CitizenCommand::Decline(call))
}

impl Scene {
    fn new() -> Self {
        let now = Now { instant: Instant::now(), wall: slot().start.before(Duration::from_secs(10 * MINUTE)) };
        let consultation = Consultation::from_record(Record::default(), slot(), LinkRules::default(), now);
        Self { consultation, now }
    }

    fn waiting() -> Self {
        let mut scene = Self::new();
        scene.ok(ARRIVE, &citizen(PHONE));
        scene
    }

    fn ringing() -> Self {
        let mut scene = Self::waiting();
        scene.ok(CALL, &anna());
        scene
    }

    fn in_call() -> Self {
        let mut scene = Self::ringing();
        scene.ok(accept(1), &citizen(PHONE));
        scene
    }

    fn ok(&mut self, command: Command, from: &Actor) -> Vec<Effect> {
        self.try_(command.clone(), from).unwrap_or_else(|refusal| panic!("{command:?} by {from:?}: {refusal}"))
    }

    fn try_(&mut self, command: Command, from: &Actor) -> Result<Vec<Effect>, Refusal> {
        self.consultation.handle(command, from, self.now)
    }

    fn refused(&mut self, command: Command, from: &Actor) -> Refusal {
        let before = self.consultation.record().clone();
        let refusal = self.try_(command.clone(), from).expect_err(&format!("{command:?} by {from:?} was done"));
        assert_eq!(*self.consultation.record(), before, "a refusal changes nothing");
        refusal
    }

    /// Time passes, stopping at everything that is due.
    fn pass(&mut self, seconds: u64) -> Vec<Effect> {
        let end = self.now.instant + Duration::from_secs(seconds);
        let mut effects = Vec::new();
        for _ in 0..1000 {
            let due = self.consultation.poll_timeout(self.now).filter(|due| *due <= end);
            self.jump(due.unwrap_or(end).max(self.now.instant));
            effects.extend(self.consultation.handle_timeout(self.now));
            if due.is_none() {
                return effects;
            }
        }
        panic!("time does not pass: something stays due");
    }

    fn jump(&mut self, to: Instant) {
        let by = to - self.now.instant;
        self.now = Now { instant: to, wall: self.now.wall.after(by) };
    }

    /// `seconds` after E.
    fn pass_to_end_plus(&mut self, seconds: u64) -> Vec<Effect> {
        let at = slot().end.after(Duration::from_secs(seconds));
        self.pass(u64::try_from(at.0 - self.now.wall.0).unwrap() / 1000)
    }

    fn phase(&self, of: &Actor) -> Option<Phase> {
        self.consultation.view(of, self.now).map(|view| view.phase)
    }

    fn restart(&mut self) {
        let text = serde_json::to_string(self.consultation.record()).unwrap();
        self.consultation = Consultation::from_record(serde_json::from_str(&text).unwrap(), slot(), LinkRules::default(), self.now);
    }

    fn row(&self) -> Row {
        self.consultation.row(self.now).unwrap()
    }
}

fn parted(effects: &[Effect]) -> Vec<(AgentId, Parting)> {
    let parted = effects.iter().filter_map(|effect| match effect {
        Effect::Part { agent, why, .. } => Some((*agent, *why)),
        _ => None,
    });
    parted.collect()
}

fn events(effects: &[Effect]) -> Vec<Event> {
    let events = effects.iter().filter_map(|effect| match effect {
        Effect::Trace(trace) => Some(trace.event),
        _ => None,
    });
    events.collect()
}

fn media(effects: &[Effect]) -> Vec<Effect> {
    effects.iter().filter(|effect| matches!(effect, Effect::Admit(..) | Effect::EndTransport(_))).cloned().collect()
}

const CITIZEN: ParticipantId = ParticipantId::CITIZEN;
const FIRST: ParticipantId = ParticipantId(1);

// Rules O W L: arriving.

#[test]
fn citizen_cannot_arrive_before_the_waiting_room_opens() {
    let mut scene = Scene::new();
    scene.now.wall = slot().start.before(Duration::from_millis(15 * MINUTE * 1000 + 1));
    assert_eq!(scene.refused(ARRIVE, &citizen(PHONE)), Refusal::TooEarly);
    assert_eq!(scene.phase(&citizen(PHONE)), Some(Phase::TooEarly));
    scene.jump(scene.now.instant + Duration::from_millis(1));
    assert_eq!(scene.phase(&citizen(PHONE)), Some(Phase::Open));
    scene.ok(ARRIVE, &citizen(PHONE));
}

#[test]
fn who_looks_at_a_link_that_is_too_early_is_told_at_the_opening() {
    let mut scene = Scene::new();
    scene.now.wall = slot().start.before(Duration::from_secs(16 * MINUTE));
    assert_eq!(scene.consultation.poll_timeout(scene.now), Some(scene.now.instant + Duration::from_secs(MINUTE)));
}

#[test]
fn citizen_enters_the_waiting_room_whether_or_not_an_agent_is_there() {
    let mut scene = Scene::new();
    let effects = scene.ok(ARRIVE, &citizen(PHONE));
    assert_eq!(effects[0], Effect::Save);
    assert_eq!(events(&effects), [Event::Arrive]);
    assert_eq!(scene.phase(&citizen(PHONE)), Some(Phase::Waiting));
    assert_eq!(scene.row().since, Some(scene.now.wall));
}

#[test]
fn citizen_who_was_never_there_is_late_at_the_end() {
    let mut scene = Scene::new();
    scene.pass_to_end_plus(0);
    assert_eq!(scene.refused(ARRIVE, &citizen(PHONE)), Refusal::Late);
    assert_eq!(scene.phase(&citizen(PHONE)), Some(Phase::Late));
    assert!(scene.consultation.row(scene.now).is_none());
}

#[test]
fn who_waits_is_never_thrown_out_at_the_end() {
    let mut scene = Scene::waiting();
    scene.pass_to_end_plus(29 * MINUTE);
    assert_eq!(scene.phase(&citizen(PHONE)), Some(Phase::Waiting));
    scene.ok(CALL, &anna());
    scene.ok(accept(1), &citizen(PHONE));
}

#[test]
fn who_waits_and_was_never_called_is_missed_thirty_minutes_after_the_end() {
    let mut scene = Scene::waiting();
    let effects = scene.pass_to_end_plus(30 * MINUTE);
    assert_eq!(events(&effects), [Event::Missed]);
    assert_eq!(scene.phase(&citizen(PHONE)), Some(Phase::Missed));
    assert_eq!(scene.refused(ARRIVE, &citizen(PHONE)), Refusal::Closed);
    assert_eq!(scene.refused(CALL, &anna()), Refusal::Closed);
}

#[test]
fn who_was_called_and_did_not_answer_is_not_missed_and_not_thrown_out() {
    let mut scene = Scene::ringing();
    scene.pass_to_end_plus(31 * MINUTE);
    assert_eq!(scene.phase(&citizen(PHONE)), Some(Phase::Waiting));
    scene.ok(CALL, &anna());
}

#[test]
fn arriving_again_from_the_same_device_changes_nothing() {
    let mut scene = Scene::waiting();
    assert_eq!(scene.ok(ARRIVE, &citizen(PHONE)), []);
}

// Ringing.

#[test]
fn a_citizen_can_never_start_a_call() {
    let mut scene = Scene::waiting();
    assert_eq!(scene.refused(CALL, &citizen(PHONE)), Refusal::WrongState);
    assert_eq!(scene.refused(accept(0), &citizen(PHONE)), Refusal::CallGone);
    assert_eq!(scene.refused(accept(1), &citizen(PHONE)), Refusal::CallGone);
    assert_eq!(scene.refused(Command::Return, &citizen(PHONE)), Refusal::WrongState);
}

#[test]
fn a_call_rings_and_admits_nobody() {
    let mut scene = Scene::waiting();
    let effects = scene.ok(CALL, &anna());
    assert_eq!(events(&effects), [Event::Call]);
    assert_eq!(media(&effects), []);
    assert_eq!(scene.consultation.admitted(), []);
    let view = scene.consultation.view(&citizen(PHONE), scene.now).unwrap();
    let call = view.call.unwrap();
    assert_eq!((view.phase, call.number, call.from.as_deref()), (Phase::Ringing, 1, Some("Agent 1")));
    assert_eq!(call.until, scene.now.wall.after(limits::RING));
    assert_eq!(view.people.len(), 0);
    assert_eq!(scene.phase(&anna()), Some(Phase::Calling));
    assert_eq!((scene.row().state, scene.row().agent.as_deref()), (RowState::Ringing, Some("Agent 1")));
}

#[test]
fn the_green_button_admits_both_and_opens_the_forwarding() {
    let mut scene = Scene::ringing();
    let effects = scene.ok(accept(1), &citizen(PHONE));
    assert_eq!(effects[0], Effect::Save);
    assert_eq!(media(&effects), [Effect::Admit(CITIZEN, true), Effect::Admit(FIRST, true)]);
    assert_eq!(events(&effects), [Event::Admit]);
    assert_eq!((scene.phase(&citizen(PHONE)), scene.phase(&anna())), (Some(Phase::InCall), Some(Phase::InCall)));
    assert_eq!(scene.consultation.view(&anna(), scene.now).unwrap().people[0].participant, CITIZEN);
    assert_eq!(scene.consultation.view(&citizen(PHONE), scene.now).unwrap().people[0].name.as_deref(), Some("Agent 1"));
}

#[test]
fn no_answer_in_thirty_seconds_returns_to_the_queue_at_the_old_place() {
    let mut scene = Scene::ringing();
    let since = scene.row().since;
    assert_eq!(scene.pass(29), []);
    let effects = scene.pass(1);
    assert_eq!(parted(&effects), [(AgentId(1), Parting::Unanswered)]);
    assert_eq!(events(&effects), [Event::Unanswered]);
    assert_eq!(media(&effects), [Effect::EndTransport(FIRST)]);
    assert_eq!((scene.row().state, scene.row().since), (RowState::Waiting, since));
    assert_eq!(scene.phase(&anna()), None);
}

#[test]
fn an_answer_at_the_very_end_of_the_ring_is_too_late_even_before_the_timer() {
    let mut scene = Scene::ringing();
    scene.jump(scene.now.instant + limits::RING);
    assert_eq!(scene.refused(accept(1), &citizen(PHONE)), Refusal::CallGone);
}

#[test]
fn a_jump_of_the_wall_clock_does_not_end_a_ring() {
    let mut scene = Scene::ringing();
    scene.now.wall = scene.now.wall.after(Duration::from_secs(3600));
    scene.consultation.handle_timeout(scene.now);
    scene.ok(accept(1), &citizen(PHONE));
}

#[test]
fn declining_returns_to_the_queue_and_tells_the_agent() {
    let mut scene = Scene::ringing();
    let effects = scene.ok(decline(1), &citizen(PHONE));
    assert_eq!(parted(&effects), [(AgentId(1), Parting::Declined)]);
    assert_eq!(scene.phase(&citizen(PHONE)), Some(Phase::Waiting));
}

#[test]
fn an_agent_stops_the_own_call_and_nobody_elses() {
    let mut scene = Scene::ringing();
    let cancel = Command::Agent(AgentCommand::CancelCall);
    assert_eq!(scene.refused(cancel.clone(), &bert()), Refusal::CallGone);
    assert_eq!(parted(&scene.ok(cancel.clone(), &anna())), [(AgentId(1), Parting::Left)]);
    assert_eq!(scene.phase(&citizen(PHONE)), Some(Phase::Waiting));
    assert_eq!(scene.refused(cancel, &anna()), Refusal::CallGone);
}

#[test]
fn a_late_click_does_not_accept_the_next_call() {
    let mut scene = Scene::ringing();
    scene.ok(decline(1), &citizen(PHONE));
    scene.ok(CALL, &bert());
    assert_eq!(scene.refused(accept(1), &citizen(PHONE)), Refusal::CallGone);
    scene.ok(accept(2), &citizen(PHONE));
}

#[test]
fn only_one_agent_calls_a_person() {
    let mut scene = Scene::ringing();
    assert_eq!(scene.refused(CALL, &bert()), Refusal::Taken);
    assert_eq!(scene.refused(CALL, &anna()), Refusal::NotWaiting);
    scene.ok(accept(1), &citizen(PHONE));
    assert_eq!(scene.refused(CALL, &bert()), Refusal::Taken);
}

#[test]
fn nobody_is_called_who_does_not_wait() {
    let mut scene = Scene::new();
    assert_eq!(scene.refused(CALL, &anna()), Refusal::NotWaiting);
    let mut scene = Scene::in_call();
    scene.ok(Command::Leave, &citizen(PHONE));
    scene.ok(Command::Leave, &anna());
    assert_eq!(scene.refused(CALL, &anna()), Refusal::NotWaiting);
}

#[test]
fn leaving_while_it_rings_stops_the_ring() {
    let mut scene = Scene::ringing();
    let effects = scene.ok(Command::Leave, &citizen(PHONE));
    assert_eq!(parted(&effects), [(AgentId(1), Parting::Declined)]);
    assert_eq!(events(&effects), [Event::Decline, Event::Leave]);
    assert_eq!(scene.phase(&citizen(PHONE)), Some(Phase::Left));
}

// Rule N and R: the call.

#[test]
fn a_call_is_never_cut_at_the_end() {
    let mut scene = Scene::in_call();
    assert_eq!(media(&scene.pass_to_end_plus(5 * 60 * MINUTE)), []);
    assert_eq!((scene.phase(&citizen(PHONE)), scene.phase(&anna())), (Some(Phase::InCall), Some(Phase::InCall)));
}

#[test]
fn hanging_up_ends_the_transport_and_the_way_back_leads_to_the_call() {
    let mut scene = Scene::in_call();
    let effects = scene.ok(Command::Leave, &citizen(PHONE));
    assert_eq!(media(&effects), [Effect::Admit(CITIZEN, false), Effect::EndTransport(CITIZEN)]);
    assert_eq!(scene.phase(&citizen(PHONE)), Some(Phase::Left));
    assert_eq!((scene.row().state, scene.row().agent.as_deref()), (RowState::Left, Some("Agent 1")));
    let effects = scene.ok(Command::Return, &citizen(LAPTOP));
    assert_eq!(media(&effects), [Effect::Admit(CITIZEN, true)]);
    assert_eq!(scene.phase(&citizen(LAPTOP)), Some(Phase::InCall));
}

#[test]
fn the_way_back_leads_to_the_waiting_room_when_no_agent_is_there() {
    let mut scene = Scene::in_call();
    scene.ok(Command::Leave, &citizen(PHONE));
    scene.ok(Command::Leave, &anna());
    scene.ok(Command::Return, &citizen(PHONE));
    assert_eq!(scene.phase(&citizen(PHONE)), Some(Phase::Waiting));
    assert_eq!(scene.consultation.admitted(), []);
}

#[test]
fn the_agent_hangs_up_and_the_citizen_stays_in_the_call() {
    let mut scene = Scene::in_call();
    let effects = scene.ok(Command::Leave, &anna());
    assert_eq!(parted(&effects), [(AgentId(1), Parting::Left)]);
    assert_eq!(media(&effects), [Effect::Admit(FIRST, false), Effect::EndTransport(FIRST)]);
    assert_eq!(scene.phase(&citizen(PHONE)), Some(Phase::InCall));
    assert_eq!((scene.row().state, scene.row().agent), (RowState::InCall, None));
    scene.ok(Command::Return, &anna());
    assert_eq!(scene.phase(&anna()), Some(Phase::InCall));
}

#[test]
fn the_link_leads_back_until_thirty_minutes_after_the_end() {
    let mut scene = Scene::in_call();
    scene.ok(Command::Leave, &citizen(PHONE));
    scene.ok(Command::Leave, &anna());
    scene.pass_to_end_plus(30 * MINUTE - 1);
    assert_eq!(scene.phase(&citizen(PHONE)), Some(Phase::Left));
    let mut late = Scene { consultation: scene.consultation.clone(), now: scene.now };
    scene.ok(Command::Return, &citizen(PHONE));
    assert_eq!(events(&late.pass(1)), [Event::Expire]);
    assert_eq!(late.refused(Command::Return, &citizen(PHONE)), Refusal::Closed);
}

#[test]
fn the_link_leads_back_always_while_the_agent_is_in_the_call() {
    let mut scene = Scene::in_call();
    scene.ok(Command::Leave, &citizen(PHONE));
    scene.pass_to_end_plus(3 * 60 * MINUTE);
    scene.ok(Command::Return, &citizen(PHONE));
    assert_eq!(scene.phase(&citizen(PHONE)), Some(Phase::InCall));
}

#[test]
fn who_left_the_queue_without_being_admitted_gives_up_the_place_and_can_be_late() {
    let mut scene = Scene::waiting();
    let first = scene.row().since;
    scene.ok(Command::Leave, &citizen(PHONE));
    scene.pass(60);
    scene.ok(ARRIVE, &citizen(PHONE));
    assert!(scene.row().since > first);
    scene.ok(Command::Leave, &citizen(PHONE));
    scene.pass_to_end_plus(0);
    assert_eq!(scene.refused(Command::Return, &citizen(PHONE)), Refusal::Late);
    assert_eq!(scene.phase(&citizen(PHONE)), Some(Phase::Late));
}

#[test]
fn an_abandoned_call_closes_by_itself_after_the_time_to_return() {
    let mut scene = Scene::in_call();
    scene.ok(Command::Disconnect, &citizen(PHONE));
    scene.ok(Command::Disconnect, &anna());
    let effects = scene.pass_to_end_plus(30 * MINUTE);
    assert_eq!(events(&effects), [Event::Drop, Event::Drop, Event::Expire]);
    assert_eq!(parted(&effects), [(AgentId(1), Parting::Closed)]);
    assert!(scene.consultation.is_idle());
}

#[test]
fn a_restart_of_the_server_long_after_the_end_does_not_close_a_call_before_people_can_be_back() {
    let mut scene = Scene::in_call();
    scene.pass_to_end_plus(60 * MINUTE);
    scene.restart();
    assert_eq!(events(&scene.pass(9 * MINUTE)), []);
    scene.ok(Command::Connect, &citizen(PHONE));
    assert_eq!(events(&scene.pass(60 * MINUTE)), []);
    assert_eq!(scene.phase(&citizen(PHONE)), Some(Phase::InCall));
}

// Drop and return to the same seat.

#[test]
fn a_lost_socket_is_a_drop_only_after_two_seconds_and_touches_no_media() {
    let mut scene = Scene::in_call();
    assert_eq!(scene.ok(Command::Disconnect, &citizen(PHONE)), []);
    assert_eq!(scene.pass(1), []);
    assert_eq!(scene.row().presence, view::Presence::Here);
    let effects = scene.pass(1);
    assert_eq!((events(&effects), media(&effects)), (vec![Event::Drop], vec![]));
    assert!(!effects.contains(&Effect::Save), "presence is not durable");
    assert_eq!(scene.consultation.view(&anna(), scene.now).unwrap().people[0].presence, view::Presence::Away);
    let effects = scene.ok(Command::Connect, &citizen(PHONE));
    assert_eq!((events(&effects), media(&effects)), (vec![Event::Return], vec![]));
    assert_eq!(scene.phase(&citizen(PHONE)), Some(Phase::InCall));
}

#[test]
fn a_page_that_reloads_within_the_grace_was_never_away() {
    let mut scene = Scene::in_call();
    scene.ok(Command::Disconnect, &citizen(PHONE));
    scene.pass(1);
    assert_eq!(events(&scene.ok(Command::Connect, &citizen(PHONE))), []);
    assert_eq!(events(&scene.pass(60)), []);
}

#[test]
fn a_socket_of_a_device_without_the_seat_says_nothing_about_presence() {
    let mut scene = Scene::in_call();
    scene.ok(Command::Connect, &citizen(LAPTOP));
    scene.ok(Command::Disconnect, &citizen(LAPTOP));
    assert_eq!(events(&scene.pass(60)), []);
    assert_eq!(scene.row().presence, view::Presence::Here);
}

#[test]
fn an_agent_who_dropped_has_the_same_seat_from_any_device() {
    let mut scene = Scene::in_call();
    let elsewhere = agent(1, DESK_B);
    assert_eq!(scene.phase(&elsewhere), Some(Phase::Elsewhere));
    assert_eq!(scene.refused(Command::Return, &elsewhere), Refusal::Elsewhere);
    scene.ok(Command::Disconnect, &anna());
    scene.pass(2);
    let effects = scene.ok(Command::Return, &elsewhere);
    assert_eq!(media(&effects), [Effect::EndTransport(FIRST), Effect::Admit(FIRST, true)]);
    assert_eq!((scene.phase(&elsewhere), scene.phase(&anna())), (Some(Phase::InCall), Some(Phase::Elsewhere)));
}

// S2: a second device.

#[test]
fn a_second_device_is_told_and_takes_over_by_an_explicit_click() {
    let mut scene = Scene::in_call();
    assert_eq!(scene.phase(&citizen(LAPTOP)), Some(Phase::Elsewhere));
    assert_eq!(scene.refused(ARRIVE, &citizen(LAPTOP)), Refusal::Elsewhere);
    assert_eq!(scene.refused(Command::Leave, &citizen(LAPTOP)), Refusal::Elsewhere);
    assert_eq!(scene.consultation.seat(&citizen(LAPTOP)), None);
    let effects = scene.ok(Command::TakeOver, &citizen(LAPTOP));
    assert_eq!(effects[0], Effect::Save);
    assert_eq!(media(&effects), [Effect::EndTransport(CITIZEN), Effect::Admit(CITIZEN, true)]);
    assert_eq!(events(&effects), [Event::TakeOver]);
    assert_eq!((scene.phase(&citizen(LAPTOP)), scene.phase(&citizen(PHONE))), (Some(Phase::InCall), Some(Phase::Elsewhere)));
    assert_eq!(scene.consultation.seat(&citizen(PHONE)), None);
}

#[test]
fn a_second_device_cannot_answer_for_the_first() {
    let mut scene = Scene::ringing();
    assert_eq!(scene.refused(accept(1), &citizen(LAPTOP)), Refusal::Elsewhere);
    scene.ok(Command::TakeOver, &citizen(LAPTOP));
    assert_eq!(scene.refused(accept(1), &citizen(PHONE)), Refusal::Elsewhere);
    scene.ok(accept(1), &citizen(LAPTOP));
}

#[test]
fn nothing_is_taken_over_where_nobody_holds_the_seat() {
    let mut scene = Scene::new();
    assert_eq!(scene.refused(Command::TakeOver, &citizen(PHONE)), Refusal::WrongState);
    let mut scene = Scene::in_call();
    scene.ok(Command::Leave, &citizen(PHONE));
    assert_eq!(scene.refused(Command::TakeOver, &citizen(LAPTOP)), Refusal::WrongState);
}

#[test]
fn an_agent_takes_the_own_seat_over_and_nobody_elses() {
    let mut scene = Scene::in_call();
    assert_eq!(scene.refused(Command::TakeOver, &bert()), Refusal::WrongState);
    scene.ok(Command::TakeOver, &agent(1, DESK_B));
    assert_eq!(scene.phase(&anna()), Some(Phase::Elsewhere));
}

// Put back, remove, close.

#[test]
fn put_back_leads_to_the_waiting_room_at_the_old_place_and_shuts_the_forwarding() {
    let mut scene = Scene::waiting();
    let since = scene.row().since;
    scene.pass(60);
    scene.ok(CALL, &anna());
    scene.ok(accept(1), &citizen(PHONE));
    assert_eq!(scene.refused(PUT_BACK, &bert()), Refusal::NotInCall);
    let effects = scene.ok(PUT_BACK, &anna());
    assert_eq!(media(&effects), [Effect::Admit(CITIZEN, false), Effect::Admit(FIRST, false), Effect::EndTransport(FIRST)]);
    assert_eq!(parted(&effects), [(AgentId(1), Parting::PutBack)]);
    assert_eq!((scene.row().state, scene.row().since), (RowState::Waiting, since));
    assert_eq!(scene.consultation.seat(&citizen(PHONE)), Some(CITIZEN), "the transport stays up while waiting");
    scene.ok(CALL, &bert());
    scene.ok(accept(2), &citizen(PHONE));
}

#[test]
fn put_back_before_the_answer_is_refused() {
    let mut scene = Scene::ringing();
    assert_eq!(scene.refused(PUT_BACK, &anna()), Refusal::NotInCall);
}

#[test]
fn who_was_put_back_is_not_missed_and_returns_after_the_end() {
    let mut scene = Scene::in_call();
    scene.ok(PUT_BACK, &anna());
    scene.pass_to_end_plus(40 * MINUTE);
    assert_eq!(scene.phase(&citizen(PHONE)), Some(Phase::Waiting));
    scene.ok(CALL, &anna());
}

#[test]
fn a_removed_citizen_comes_back_to_the_waiting_room_only() {
    let mut scene = Scene::in_call();
    let effects = scene.ok(Command::Agent(AgentCommand::Remove(CITIZEN)), &anna());
    assert_eq!(media(&effects), [Effect::Admit(CITIZEN, false), Effect::EndTransport(CITIZEN)]);
    assert_eq!((scene.phase(&citizen(PHONE)), scene.phase(&anna())), (Some(Phase::Left), Some(Phase::InCall)));
    scene.ok(Command::Return, &citizen(PHONE));
    assert_eq!(scene.phase(&citizen(PHONE)), Some(Phase::Waiting));
    assert_eq!(scene.consultation.admitted(), [FIRST]);
    // Another call from the same seat leads back into the call.
    scene.ok(CALL, &anna());
    assert_eq!(scene.phase(&anna()), Some(Phase::Calling));
    scene.ok(accept(2), &citizen(PHONE));
    assert_eq!(scene.consultation.admitted(), [CITIZEN, FIRST]);
}

#[test]
fn an_agent_is_not_removed_by_another() {
    let mut scene = Scene::in_call();
    scene.ok(Command::Return, &bert());
    assert_eq!(scene.refused(Command::Agent(AgentCommand::Remove(FIRST)), &bert()), Refusal::WrongState);
}

#[test]
fn closing_ends_it_for_everybody() {
    let mut scene = Scene::in_call();
    scene.ok(Command::Return, &bert());
    let effects = scene.ok(CLOSE, &anna());
    assert_eq!(parted(&effects), [(AgentId(1), Parting::Closed), (AgentId(2), Parting::Closed)]);
    assert_eq!(scene.phase(&citizen(PHONE)), Some(Phase::Closed));
    assert_eq!(scene.consultation.admitted(), []);
    assert_eq!(scene.consultation.record().outcome, Some(Outcome::Done));
    assert!(scene.consultation.row(scene.now).is_none());
    for (command, from) in [(CLOSE, anna()), (Command::Return, anna()), (Command::Return, citizen(PHONE)), (ARRIVE, citizen(PHONE))] {
        assert_eq!(scene.refused(command, &from), Refusal::Closed);
    }
    assert_eq!(scene.consultation.poll_timeout(scene.now), None);
}

#[test]
fn nobody_closes_over_the_head_of_another_agent() {
    let mut scene = Scene::ringing();
    assert_eq!(scene.refused(CLOSE, &bert()), Refusal::Taken);
    let mut scene = Scene::in_call();
    assert_eq!(scene.refused(CLOSE, &bert()), Refusal::Taken);
    scene.ok(Command::Leave, &anna());
    scene.ok(CLOSE, &bert());
}

// Messages, what people send, more than two people.

#[test]
fn messages_reach_who_waits_and_go_at_admission() {
    let mut scene = Scene::waiting();
    for number in 0..25 {
        scene.ok(Command::Agent(AgentCommand::Notify(number.to_string())), &anna());
    }
    let notices = scene.consultation.view(&citizen(PHONE), scene.now).unwrap().waiting.unwrap().notices;
    assert_eq!((notices.len(), notices[0].text.as_str(), notices[19].text.as_str()), (limits::NOTICES_MAX, "5", "24"));
    scene.ok(CALL, &anna());
    assert_eq!(scene.refused(Command::Agent(AgentCommand::Notify("x".into())), &anna()), Refusal::NotWaiting);
    scene.ok(accept(1), &citizen(PHONE));
    assert!(scene.consultation.record().notices.is_empty());
}

#[test]
fn what_somebody_sends_is_shown_to_the_others_after_admission_only() {
    let mut scene = Scene::ringing();
    let on = Publishing { microphone: true, camera: true, screen: false };
    scene.ok(Command::Publish(on), &citizen(PHONE));
    assert_eq!(scene.consultation.view(&anna(), scene.now).unwrap().people[0].publishing, Publishing::default());
    scene.ok(accept(1), &citizen(PHONE));
    assert_eq!(scene.consultation.view(&anna(), scene.now).unwrap().people[0].publishing, on);
    assert_eq!(scene.refused(Command::Publish(on), &citizen(LAPTOP)), Refusal::NotSeated);
    assert_eq!(scene.refused(Command::Publish(on), &bert()), Refusal::NotSeated);
}

#[test]
fn a_colleague_joins_as_a_third_until_every_seat_is_taken() {
    let mut scene = Scene::in_call();
    for number in 2..8 {
        scene.ok(Command::Return, &agent(number, DeviceId([number as u8 + 20; 16])));
    }
    assert_eq!(scene.consultation.admitted().len(), limits::PARTICIPANTS_MAX);
    assert_eq!(scene.refused(Command::Return, &agent(8, DeviceId([99; 16]))), Refusal::Busy);
    scene.ok(Command::Leave, &agent(3, DeviceId([23; 16])));
    scene.ok(Command::Return, &agent(8, DeviceId([99; 16])));
    assert_eq!(scene.consultation.view(&citizen(PHONE), scene.now).unwrap().people.len(), limits::PARTICIPANTS_MAX - 1);
}

// A third person: by invitation, with the citizen's word, let in by an agent.

const GUEST: GuestId = GuestId(1);
const GUEST_SEAT: ParticipantId = ParticipantId(2);
const GUEST_PHONE: DeviceId = DeviceId([21; 16]);

fn guest() -> Actor {
    Actor::Guest { guest: GUEST, device: GUEST_PHONE }
}

fn invite(direct: bool) -> Command {
    let whom = Invitation { kind: GuestKind::Interpreter, name: "Interpreter".into(), direct, link: [7; 32] };
    Command::Agent(AgentCommand::Invite(whom))
}

fn knock() -> Command {
    Command::Knock("Inga".into())
}

const LET_IN: Command = Command::Agent(AgentCommand::LetIn(GUEST));
const AGREE: Command = Command::Citizen(CitizenCommand::Agree(GUEST, true));

impl Scene {
    /// In the call, a guest at the door, nothing said by the citizen yet.
    fn knocking(direct: bool) -> Self {
        let mut scene = Self::in_call();
        scene.ok(invite(direct), &anna());
        scene.ok(knock(), &guest());
        scene
    }

    fn with_guest() -> Self {
        let mut scene = Self::knocking(false);
        scene.ok(AGREE, &citizen(PHONE));
        scene.ok(LET_IN, &anna());
        scene
    }
}

#[test]
fn a_guest_comes_in_only_when_the_citizen_agrees_and_an_agent_opens() {
    let mut scene = Scene::knocking(false);
    assert_eq!(scene.phase(&guest()), Some(Phase::Waiting));
    assert_eq!(scene.refused(LET_IN, &anna()), Refusal::NotAgreed);
    assert!(!scene.ok(AGREE, &citizen(PHONE)).contains(&Effect::Admit(GUEST_SEAT, true)), "the word alone opens nothing");
    assert_eq!(scene.refused(LET_IN, &bert()), Refusal::NotInCall);
    let effects = scene.ok(LET_IN, &anna());
    assert_eq!(media(&effects), [Effect::Admit(GUEST_SEAT, true)]);
    let seen = scene.consultation.view(&citizen(PHONE), scene.now).unwrap();
    assert_eq!((seen.people[1].role, seen.people[1].name.as_deref()), (view::Role::Guest(GuestKind::Interpreter), Some("Inga")));
    assert_eq!(scene.consultation.view(&guest(), scene.now).unwrap().people.len(), 2);
}

#[test]
fn who_may_come_in_directly_does_so_once_the_citizen_agrees() {
    let mut scene = Scene::knocking(true);
    assert_eq!(scene.phase(&guest()), Some(Phase::Waiting));
    assert_eq!(media(&scene.ok(AGREE, &citizen(PHONE))), [Effect::Admit(GUEST_SEAT, true)]);
    scene.ok(Command::Leave, &guest());
    assert_eq!(scene.phase(&guest()), Some(Phase::Left));
    assert_eq!(media(&scene.ok(Command::Return, &guest())), [Effect::Admit(GUEST_SEAT, true)]);
}

#[test]
fn nobody_is_invited_before_the_citizen_was_admitted() {
    let mut scene = Scene::ringing();
    assert_eq!(scene.refused(invite(true), &anna()), Refusal::NotInCall);
    assert_eq!(scene.refused(knock(), &guest()), Refusal::Closed);
}

#[test]
fn a_removed_guest_knocks_again_and_is_not_let_in_by_an_old_word() {
    let mut scene = Scene::knocking(true);
    scene.ok(AGREE, &citizen(PHONE));
    let effects = scene.ok(Command::Agent(AgentCommand::Remove(GUEST_SEAT)), &anna());
    assert_eq!(media(&effects), [Effect::Admit(GUEST_SEAT, false), Effect::EndTransport(GUEST_SEAT)]);
    assert_eq!(scene.phase(&guest()), Some(Phase::Left));
    scene.ok(knock(), &guest());
    assert_eq!(scene.phase(&guest()), Some(Phase::Waiting), "not directly");
}

#[test]
fn a_guest_put_back_keeps_the_transport_and_hears_nothing() {
    let mut scene = Scene::with_guest();
    let effects = scene.ok(Command::Agent(AgentCommand::PutBackGuest(GUEST)), &anna());
    assert_eq!(media(&effects), [Effect::Admit(GUEST_SEAT, false)]);
    assert_eq!(scene.phase(&guest()), Some(Phase::Waiting));
    scene.ok(LET_IN, &anna());
    assert_eq!(scene.phase(&guest()), Some(Phase::InCall));
}

#[test]
fn guests_are_at_the_door_when_the_public_is_put_back_when_the_last_agent_goes_and_when_the_citizen_no_longer_agrees() {
    for (command, from) in
        [(PUT_BACK, anna()), (Command::Leave, anna()), (Command::Citizen(CitizenCommand::Agree(GUEST, false)), citizen(PHONE))]
    {
        let mut scene = Scene::with_guest();
        let effects = scene.ok(command.clone(), &from);
        assert!(effects.contains(&Effect::Admit(GUEST_SEAT, false)), "{command:?}: {effects:?}");
        assert_eq!(scene.phase(&guest()), Some(Phase::Waiting));
    }
}

#[test]
fn a_revoked_link_leads_nowhere() {
    let mut scene = Scene::with_guest();
    let effects = scene.ok(Command::Agent(AgentCommand::Revoke(GUEST)), &anna());
    assert_eq!(media(&effects), [Effect::Admit(GUEST_SEAT, false), Effect::EndTransport(GUEST_SEAT)]);
    assert_eq!(scene.phase(&guest()), Some(Phase::Closed));
    assert_eq!(scene.refused(knock(), &guest()), Refusal::Closed);
    assert_eq!(scene.refused(LET_IN, &anna()), Refusal::UnknownGuest);
    assert!(scene.consultation.view(&anna(), scene.now).unwrap().guests.is_empty());
}

#[test]
fn an_invitation_ends_with_the_consultation() {
    let mut scene = Scene::with_guest();
    assert!(scene.ok(CLOSE, &anna()).contains(&Effect::EndTransport(GUEST_SEAT)));
    assert_eq!(scene.phase(&guest()), Some(Phase::Closed));
    assert_eq!(scene.refused(Command::Return, &guest()), Refusal::Closed);
}

#[test]
fn a_second_device_of_a_guest_takes_over_by_an_explicit_word_only() {
    let mut scene = Scene::with_guest();
    let other = Actor::Guest { guest: GUEST, device: LAPTOP };
    assert_eq!(scene.refused(knock(), &other), Refusal::Elsewhere);
    assert_eq!(scene.phase(&other), Some(Phase::Elsewhere));
    let effects = scene.ok(Command::TakeOver, &other);
    assert_eq!(media(&effects), [Effect::EndTransport(GUEST_SEAT), Effect::Admit(GUEST_SEAT, true)]);
    assert_eq!(scene.phase(&guest()), Some(Phase::Elsewhere));
}

#[test]
fn a_guest_bears_no_name_of_the_service() {
    let mut scene = Scene::in_call();
    scene.ok(invite(false), &anna());
    assert_eq!(scene.refused(Command::Knock(" agent 1".into()), &guest()), Refusal::NameTaken);
}

#[test]
fn a_fifth_person_is_not_let_in_but_an_agent_always_is() {
    let mut scene = Scene::with_guest();
    let second = Actor::Guest { guest: GuestId(2), device: LAPTOP };
    let third = Actor::Guest { guest: GuestId(3), device: DeviceId([22; 16]) };
    for (number, actor) in [(2, &second), (3, &third)] {
        scene.ok(invite(false), &anna());
        scene.ok(Command::Knock(format!("Guest {number}")), actor);
        scene.ok(Command::Citizen(CitizenCommand::Agree(GuestId(number), true)), &citizen(PHONE));
    }
    scene.ok(Command::Agent(AgentCommand::LetIn(GuestId(2))), &anna());
    assert_eq!(scene.refused(Command::Agent(AgentCommand::LetIn(GuestId(3))), &anna()), Refusal::Busy);
    scene.ok(Command::Return, &bert());
    assert_eq!(scene.consultation.admitted().len(), 5);
}

#[test]
fn invitations_are_bounded_and_revoked_ones_make_room() {
    let mut scene = Scene::in_call();
    for _ in 0..limits::GUESTS_MAX {
        scene.ok(invite(false), &anna());
    }
    assert_eq!(scene.refused(invite(false), &anna()), Refusal::Busy);
    scene.ok(Command::Agent(AgentCommand::Revoke(GuestId(3))), &anna());
    scene.ok(invite(false), &anna());
    let numbers: Vec<_> = scene.consultation.record().guests.iter().map(|guest| guest.guest.0).collect();
    assert!(!numbers.contains(&3) && numbers.contains(&17), "a number is never used twice: {numbers:?}");
}

#[test]
fn a_restart_keeps_guests_where_they_are() {
    for mut scene in [Scene::knocking(false), Scene::with_guest()] {
        let (phase, admitted) = (scene.phase(&guest()), scene.consultation.admitted());
        scene.restart();
        assert_eq!((scene.phase(&guest()), scene.consultation.admitted()), (phase, admitted));
        assert_eq!(scene.consultation.seat(&guest()), Some(GUEST_SEAT));
    }
}

// R1: after kill -9.

#[test]
fn a_restart_keeps_phase_seats_admission_and_queue_place() {
    for (mut scene, phases) in [
        (Scene::waiting(), (Some(Phase::Waiting), None)),
        (Scene::ringing(), (Some(Phase::Ringing), Some(Phase::Calling))),
        (Scene::in_call(), (Some(Phase::InCall), Some(Phase::InCall))),
    ] {
        let (since, admitted) = (scene.row().since, scene.consultation.admitted());
        scene.restart();
        assert_eq!((scene.phase(&citizen(PHONE)), scene.phase(&anna())), phases);
        assert_eq!((scene.row().since, scene.consultation.admitted()), (since, admitted));
        assert_eq!(scene.row().presence, view::Presence::Away);
        scene.ok(Command::Connect, &citizen(PHONE));
        assert_eq!(scene.row().presence, view::Presence::Here);
        assert_eq!(scene.phase(&citizen(LAPTOP)), Some(Phase::Elsewhere));
    }
}

#[test]
fn a_ring_goes_on_after_a_restart_for_what_is_left_of_it() {
    let mut scene = Scene::ringing();
    scene.pass(10);
    scene.restart();
    assert_eq!(events(&scene.pass(19)), []);
    let mut answered = Scene { consultation: scene.consultation.clone(), now: scene.now };
    answered.ok(accept(1), &citizen(PHONE));
    assert_eq!(parted(&scene.pass(1)), [(AgentId(1), Parting::Unanswered)]);
}

#[test]
fn a_ring_that_ended_while_the_server_was_down_is_unanswered_at_once() {
    let mut scene = Scene::ringing();
    scene.jump(scene.now.instant + Duration::from_secs(300));
    scene.restart();
    assert_eq!(scene.refused(accept(1), &citizen(PHONE)), Refusal::CallGone);
    assert_eq!(events(&scene.pass(0)), [Event::Unanswered]);
    assert_eq!(scene.row().state, RowState::Waiting);
}

#[test]
fn an_appointment_is_cancelled_until_somebody_is_called_in_and_stays_so() {
    for mut scene in [Scene::new(), Scene::waiting()] {
        let now = scene.now;
        let effects = scene.consultation.cancel(Cancellation::default(), now).unwrap();
        assert_eq!(effects[0], Effect::Save);
        assert!(effects.iter().any(|effect| matches!(effect, Effect::Trace(trace) if trace.event == Event::Cancel)));
        assert_eq!(scene.consultation.view(&citizen(PHONE), now).unwrap().phase, Phase::Cancelled);
        assert!(scene.consultation.row(now).is_none());
        assert_eq!(scene.consultation.cancel(Cancellation::default(), now).unwrap(), [], "done again it stays done");
        assert_eq!(scene.refused(ARRIVE, &citizen(PHONE)), Refusal::Closed);
        assert_eq!(scene.refused(CALL, &anna()), Refusal::Closed);
        assert_eq!(scene.pass(24 * 60 * MINUTE), [], "nothing is due any more");
    }
}

#[test]
fn a_call_is_ended_by_the_people_in_it_and_never_cancelled() {
    let mut left = Scene::in_call();
    left.ok(Command::Leave, &citizen(PHONE));
    for mut scene in [Scene::ringing(), Scene::in_call(), left] {
        let before = scene.consultation.record().clone();
        assert_eq!(scene.consultation.cancel(Cancellation::default(), scene.now), Err(Refusal::WrongState));
        assert_eq!(*scene.consultation.record(), before);
    }
    let mut closed = Scene::in_call();
    closed.ok(CLOSE, &anna());
    assert_eq!(closed.consultation.cancel(Cancellation::default(), closed.now), Err(Refusal::Closed));
}
