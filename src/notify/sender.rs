//! The one task that empties the outbox: takes what is due, sends it, marks what became of it, and tries again later. Refuses to know how anything is sent.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::courier::Couriers;
use super::letter::{Letter, Sheet};
use super::mailer::{Delivery, Mail, UNREACHABLE};
use super::webhook::{About, Posted, ShortMessage, Wished};
use super::{Sending, calendar, short_message};
use crate::consultation::Stage;
use crate::ids::{AppointmentId, CallbackId};
use crate::limits;
use crate::store::{Appointment, Callback, Channel, Kind, Outgoing, StoreError, Subject};
use crate::time::Timestamp;

/// At least this often the outbox is looked into: the wall clock may have been moved.
const TICK: Duration = Duration::from_secs(1);
/// After an end that cannot be reached, or a store that failed, nothing is tried for this long.
const REST: Duration = Duration::from_secs(5);
/// The outbox is tidied this often.
const TIDY: Duration = Duration::from_secs(60 * 60);

/// Sends until the server stops, or is gone without a word. Mail and webhook do not wait for each other.
pub async fn run(sending: Sending, stopped: watch::Receiver<bool>) {
    let one = |channels: &'static [Channel]| {
        let (sending, mut stopped) = (&sending, stopped.clone());
        async move {
            if channels.contains(&Channel::Mail) {
                sending.settle_couriers().await;
            }
            // What is being handed over is finished: dropped in the middle it would come twice.
            let mut unreachable = false;
            while !*stopped.borrow() {
                let rest = match sending.round(channels, &mut unreachable, &stopped).await {
                    Ok(true) => None,
                    Ok(false) => Some(REST),
                    Err(error) => {
                        tracing::error!(%error, "the outbox cannot be read or written");
                        Some(REST)
                    }
                };
                let filled = async {
                    match rest {
                        None => sending.store.outbox_filled().await,
                        Some(_) => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = filled => {}
                    () = sleep(rest.unwrap_or(TICK)) => {}
                    _ = stopped.wait_for(|stopped| *stopped) => break,
                }
            }
        }
    };
    let tidy = async {
        let mut stopped = stopped.clone();
        while !*stopped.borrow() {
            if let Err(error) = sending.store.outbox_tidy(sending.clock.now()).await {
                tracing::error!(%error, "the outbox cannot be tidied");
            }
            tokio::select! {
                () = sleep(TIDY) => {}
                _ = stopped.wait_for(|stopped| *stopped) => break,
            }
        }
    };
    tokio::join!(one(&[Channel::Mail]), one(&[Channel::Sms, Channel::Event]), tidy);
}

impl Sending {
    /// Everything that is due now. False when the other end cannot be reached.
    async fn round(
        &self,
        channels: &'static [Channel],
        unreachable: &mut bool,
        stopped: &watch::Receiver<bool>,
    ) -> Result<bool, StoreError> {
        loop {
            let due = self.store.outbox_due(channels, self.clock.now(), limits::OUTBOX_ROUND).await?;
            let is_last = due.len() < limits::OUTBOX_ROUND as usize;
            for of in due {
                if *stopped.borrow() {
                    return Ok(true);
                }
                let delivery = self.deliver(&of).await?;
                let was_unreachable = std::mem::replace(unreachable, matches!(delivery, Some(Delivery::Unreachable(_))));
                if was_unreachable && !*unreachable && delivery.is_some() {
                    self.store.outbox_reachable_again(channels, UNREACHABLE, self.clock.now()).await?;
                }
                if *unreachable {
                    return Ok(false);
                }
            }
            if is_last {
                return Ok(true);
            }
        }
    }

    /// Sends one thing and marks what became of it; none when nobody was asked.
    async fn deliver(&self, of: &Outgoing) -> Result<Option<Delivery>, StoreError> {
        let delivery = match of.about {
            Subject::Appointment(id) => self.deliver_about_appointment(of, id).await?,
            Subject::Callback(id) => self.deliver_about_callback(of, id).await?,
        };
        let now = self.clock.now();
        match delivery {
            None => self.store.outbox_moot(of, now).await?,
            Some(Delivery::Taken) => {
                self.store.outbox_sent(of, now).await?;
                if let Some(Err(error)) = self.couriers().filter(|_| of.channel == Channel::Mail).map(Couriers::settled) {
                    tracing::error!(error = %error.kind(), "what couriers wrote cannot be cleared");
                }
                tracing::info!(reference = %of.reference, channel = of.channel.word(), kind = of.kind.word(), "sent");
            }
            Some(Delivery::Never(fault)) => self.give_up(of, fault, now).await?,
            Some(Delivery::Later(fault) | Delivery::Unreachable(fault)) => {
                if now >= of.first_due.after(limits::OUTBOX_TRIED) {
                    self.give_up(of, fault, now).await?;
                } else {
                    let wait = wait(of.attempts, fault);
                    self.store.outbox_later(of, fault, now.after(jittered(wait)), now).await?;
                    let (channel, kind, attempts) = (of.channel.word(), of.kind.word(), of.attempts + 1);
                    tracing::warn!(reference = %of.reference, channel, kind, attempts, fault, "not sent, tried again later");
                }
            }
        }
        Ok(delivery)
    }

    async fn deliver_about_appointment(&self, of: &Outgoing, id: AppointmentId) -> Result<Option<Delivery>, StoreError> {
        let appointment = self.store.appointment(id).await?;
        Ok(match (of.channel, &appointment) {
            (Channel::Event, appointment) => self.post_event(of, appointment.as_ref()).await,
            (_, Some(appointment)) if !is_moot(of, appointment, self.clock.now()) => match of.channel {
                Channel::Mail => self.send_mail(of, appointment).await,
                Channel::Sms | Channel::Event => self.post_short_message(of, appointment).await,
            },
            _ => None,
        })
    }

    async fn deliver_about_callback(&self, of: &Outgoing, id: CallbackId) -> Result<Option<Delivery>, StoreError> {
        let wish = self.store.callback(id).await?;
        Ok(match (of.channel, &wish) {
            (Channel::Event, wish) => self.post_wish(of, id, wish.as_ref()).await,
            // Who was called knows, and who is called no more need not.
            (Channel::Mail, Some(wish)) if wish.done.is_none() && self.clock.now() < wish.time.end => self.confirm_wish(of, wish).await,
            _ => None,
        })
    }

    async fn post_wish(&self, of: &Outgoing, id: CallbackId, wish: Option<&Callback>) -> Option<Delivery> {
        let webhook = self.notify.webhook.as_ref()?;
        let callback = Wished {
            callback: id.to_string(),
            service: wish.map(|wish| wish.service.clone()),
            start: wish.map(|wish| wish.time.start.rfc3339()),
            end: wish.map(|wish| wish.time.end.rfc3339()),
        };
        let appointment = wish.and_then(|wish| wish.reference.as_deref());
        let appointment = appointment.map(|reference| About { reference, service: None, start: None, end: None });
        let (event, at) = (of.kind.word(), of.at.rfc3339());
        let posted = Posted { id: &of.id, event, at, appointment, callback: Some(callback), sms: None };
        Some(webhook.post(&posted, self.clock.now()).await)
    }

    async fn confirm_wish(&self, of: &Outgoing, wish: &Callback) -> Option<Delivery> {
        let to_address = wish.details.email.as_deref()?;
        let letter = Letter::about_callback(wish, &self.notify.house)?;
        let (to_name, language) = (wish.details.name.as_str(), wish.language.as_str());
        let mail = Mail { id: of.id.as_str(), to_name, to_address, language, letter: &letter, calendar: None, at: self.clock.now() };
        self.hand_over(&mail, None).await
    }

    async fn hand_over(&self, mail: &Mail<'_>, sheet: Option<&Sheet<'_>>) -> Option<Delivery> {
        match (&self.notify.mailer, &self.notify.mailbox) {
            (Some(mailer), _) => Some(mailer.send(mail).await),
            (None, Some(mailbox)) => Some(mailbox.keep(mail, sheet)),
            (None, None) => None,
        }
    }

    fn couriers(&self) -> Option<&Couriers> {
        self.notify.mailer.as_ref().and_then(|mailer| mailer.couriers())
    }

    /// Couriers of an earlier process end what they began, and what they saw taken is marked, before anything is sent.
    async fn settle_couriers(&self) {
        let Some(couriers) = self.couriers() else { return };
        let settled = async {
            let taken = couriers.left().await.map_err(|error| error.kind().to_string())?;
            self.store.outbox_were_sent(&taken, self.clock.now()).await.map_err(|error| error.to_string())?;
            couriers.settled().map_err(|error| error.kind().to_string())
        };
        if let Err(error) = settled.await {
            tracing::error!(error, "what couriers left cannot be read: a mail may come twice");
        }
    }

    async fn give_up(&self, of: &Outgoing, fault: &'static str, now: Timestamp) -> Result<(), StoreError> {
        tracing::error!(reference = %of.reference, channel = of.channel.word(), kind = of.kind.word(), fault, "given up");
        self.store.outbox_give_up(of, fault, now).await
    }

    async fn send_mail(&self, of: &Outgoing, appointment: &Appointment) -> Option<Delivery> {
        let to_address = appointment.details.email.as_deref()?;
        let sheet = self.sheet(appointment);
        let letter = Letter::about(of.kind, &sheet, &self.notify.house)?;
        let wants_entry = of.kind != Kind::Reminder;
        let calendar = wants_entry.then(|| calendar::entry(&sheet, &self.notify.house, self.clock.now()));
        let (id, at) = (of.id.as_str(), self.clock.now());
        let (to_name, language, letter) = (appointment.name.as_str(), appointment.language.as_str(), &letter);
        let mail = Mail { id, to_name, to_address, language, letter, calendar, at };
        self.hand_over(&mail, Some(&sheet)).await
    }

    async fn post_short_message(&self, of: &Outgoing, appointment: &Appointment) -> Option<Delivery> {
        let to = appointment.details.phone.as_deref()?;
        let text = short_message::about(of.kind, &self.sheet(appointment), &self.notify.house)?;
        let sms = ShortMessage { about: of.kind.word(), to, language: &appointment.language, text: &text };
        self.post(of, "sms", Some(appointment), Some(sms)).await
    }

    async fn post_event(&self, of: &Outgoing, appointment: Option<&Appointment>) -> Option<Delivery> {
        self.post(of, of.kind.word(), appointment, None).await
    }

    async fn post(&self, of: &Outgoing, event: &str, appointment: Option<&Appointment>, sms: Option<ShortMessage<'_>>) -> Option<Delivery> {
        let webhook = self.notify.webhook.as_ref()?;
        let about = About {
            reference: &of.reference,
            service: appointment.map(|of| of.service.as_str()),
            start: appointment.map(|of| of.start.rfc3339()),
            end: appointment.map(|of| of.end.rfc3339()),
        };
        let posted = Posted { id: &of.id, event, at: of.at.rfc3339(), appointment: Some(about), callback: None, sms };
        Some(webhook.post(&posted, self.clock.now()).await)
    }

    fn sheet<'a>(&self, of: &'a Appointment) -> Sheet<'a> {
        Sheet::new(of, &self.store, &self.notify.house)
    }
}

/// Whether telling this helps nobody any more.
fn is_moot(of: &Outgoing, appointment: &Appointment, now: Timestamp) -> bool {
    let is_cancelled = appointment.record.stage == Stage::Cancelled;
    match of.kind {
        _ if now >= appointment.end => true,
        Kind::Cancelled => !is_cancelled,
        Kind::Reminder => {
            // Who is there needs none; and one that comes after half of its time is none.
            let half = Duration::from_millis((appointment.start.0 - of.first_due.0).max(0).unsigned_abs() / 2);
            appointment.record.stage != Stage::Expected || now > of.first_due.after(half)
        }
        _ => is_cancelled,
    }
}

/// 1, 5, 15 minutes, then each hour (trust.md R5). A server that cannot be reached at all is asked at least every five minutes: who comes back takes all.
fn wait(attempts: u32, fault: &str) -> Duration {
    let minutes = match attempts {
        0 => 1,
        1 => 5,
        _ if fault == UNREACHABLE => 5,
        2 => 15,
        _ => 60,
    };
    Duration::from_secs(60 * minutes)
}

/// Up to a tenth longer, so that what failed together is not tried together.
fn jittered(wait: Duration) -> Duration {
    let mut byte = [0];
    let _ = aws_lc_rs::rand::fill(&mut byte);
    wait + wait.mul_f64(f64::from(byte[0]) / 2560.0)
}

#[cfg(test)]
mod tests {
    use super::super::Notify;
    use super::*;
    use crate::agenda::phase::LinkRules;
    use crate::config::Config;
    use crate::consultation::record::Record;
    use crate::store::{Details, Store};
    use crate::time::Clock;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn what_fails_is_tried_again_after_1_5_15_and_60_minutes_and_who_cannot_be_reached_every_five() {
        assert_eq!([0, 1, 2, 3, 40].map(|attempts| wait(attempts, "not_now")), [1, 5, 15, 60, 60].map(|minutes| minutes * MINUTE));
        assert_eq!([0, 1, 2, 40].map(|attempts| wait(attempts, UNREACHABLE)), [1, 5, 5, 5].map(|minutes| minutes * MINUTE));
        let waits: Vec<Duration> = (0..100).map(|_| jittered(10 * MINUTE)).collect();
        assert!(waits.iter().all(|wait| (10 * MINUTE..11 * MINUTE).contains(wait)));
        assert!(waits.iter().any(|wait| *wait != waits[0]), "not all at once");
    }

    #[test]
    fn nothing_is_told_that_helps_nobody_any_more() {
        let start = Timestamp(1_800_000_000_000);
        let of = |stage| Appointment {
            id: AppointmentId(1),
            reference: String::new(),
            service: String::new(),
            name: String::new(),
            language: String::new(),
            details: Details::default(),
            start,
            end: start.after(20 * MINUTE),
            rules: LinkRules::default(),
            link_epoch: 1,
            calendar_sequence: 0,
            record: Record { stage, ..Record::default() },
        };
        let row = |kind, first_due| Outgoing {
            id: String::new(),
            channel: Channel::Mail,
            kind,
            about: Subject::Appointment(AppointmentId(1)),
            reference: String::new(),
            at: first_due,
            first_due,
            due: first_due,
            attempts: 0,
        };
        let day = start.before(24 * 60 * MINUTE);
        let (expected, cancelled) = (of(Stage::Expected), of(Stage::Cancelled));
        for kind in [Kind::Booked, Kind::Rescheduled, Kind::LinkRotated, Kind::Resent, Kind::Reminder] {
            assert!(!is_moot(&row(kind, day), &expected, day), "{kind:?}");
            assert!(is_moot(&row(kind, day), &cancelled, day), "{kind:?} of a cancelled one");
            assert!(is_moot(&row(kind, day), &expected, expected.end), "{kind:?} when it is over");
        }
        assert!(!is_moot(&row(Kind::Cancelled, day), &cancelled, day));
        // A day before, and twelve hours late.
        assert!(!is_moot(&row(Kind::Reminder, day), &expected, day.after(12 * 60 * MINUTE)));
        assert!(is_moot(&row(Kind::Reminder, day), &expected, day.after(12 * 60 * MINUTE + MINUTE)));
        assert!(is_moot(&row(Kind::Reminder, day), &of(Stage::Waiting), day), "who is there needs none");
    }

    #[test]
    fn the_task_ends_with_a_server_that_is_dropped_without_a_word() {
        let (done, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let directory = tempfile::tempdir().unwrap();
                let store = Store::open(directory.path()).await.unwrap();
                let notify = Notify::new(&Config::default(), "https://visavis.example").unwrap();
                let sending = notify.begin(&store, &Clock::default()).await.unwrap();
                let (stop, stopped) = watch::channel(false);
                store.close().await;
                drop(stop);
                Box::pin(run(sending, stopped)).await;
            });
            let _ = done.send(());
        });
        assert!(ended.recv_timeout(Duration::from_secs(20)).is_ok(), "it goes round and round");
    }
}
