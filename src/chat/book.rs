//! The messages of one consultation: order, numbers, what was said twice, how much may be said, who has seen what and who is writing.
//! A message is in the book only once it is kept: whoever keeps it says so. Never writes anything down itself.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::chat::message::{Author, Message};
use crate::ids::{GuestId, MessageId};
use crate::limits;
use crate::time::{Instant, Timestamp};

/// Why a message was not taken; nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// This person says too much at once; the same message may be said again a little later.
    #[error("too many messages at once; say it again in a second")]
    TooFast,
    /// The consultation holds as many messages as it may.
    #[error("this consultation holds no more messages")]
    Full,
}

/// What becomes of what somebody says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// To be written down, then given to [`Book::keep`], then acknowledged.
    New(Message),
    /// Was said before and is written down: only the acknowledgement was lost.
    Known {
        /// Its number.
        number: u32,
        /// When it was taken.
        at: Timestamp,
    },
}

/// What one person knows of the chat as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// The number of the last message that they may read; 0 = none.
    pub last: u32,
    /// Up to which number citizen or agents other than this person have seen everything.
    pub seen: u32,
    /// Who is writing now.
    pub typing: Vec<Author>,
}

/// All of one consultation.
#[derive(Debug, Clone, Default)]
pub struct Book {
    messages: Vec<Message>,
    by_id: BTreeMap<(Author, MessageId), u32>,
    seen: BTreeMap<Author, u32>,
    /// Until when somebody counts as writing.
    typing: BTreeMap<Author, Instant>,
    /// When each person's allowance is full again.
    full_again: BTreeMap<Author, Instant>,
}

impl Book {
    /// What was written down before, in order.
    pub fn new(messages: Vec<Message>) -> Self {
        let by_id = messages.iter().map(|message| ((message.author, message.id), message.number)).collect();
        Self { messages, by_id, ..Self::default() }
    }

    /// Somebody in the call says something; `guests`: those who are there. Changes nothing but the allowance: what is new comes back to be written down.
    pub fn say(
        &mut self,
        (author, name): (Author, &str),
        (id, text): (MessageId, String),
        guests: Vec<GuestId>,
        (now, wall): (Instant, Timestamp),
    ) -> Result<Said, Refusal> {
        if let Some(known) = self.by_id.get(&(author, id)).and_then(|number| self.message(*number)) {
            return Ok(Said::Known { number: known.number, at: known.at });
        }
        if self.messages.len() >= limits::CHAT_MESSAGES {
            return Err(Refusal::Full);
        }
        let full = self.full_again.get(&author).copied().unwrap_or(now).max(now) + limits::CHAT_AGAIN;
        if full.saturating_duration_since(now) > limits::CHAT_AGAIN * limits::CHAT_BURST {
            return Err(Refusal::TooFast);
        }
        self.full_again.insert(author, full);
        Ok(Said::New(Message { number: self.last() + 1, id, author, name: name.to_owned(), text, at: wall, guests }))
    }

    /// The message is written down. Its author no longer writes it, and has seen what came before.
    pub fn keep(&mut self, message: Message) {
        self.typing.remove(&message.author);
        self.saw(message.author, message.number);
        self.by_id.insert((message.author, message.id), message.number);
        self.messages.push(message);
    }

    /// What this person may read after that number, oldest first: as much as fits one answer.
    pub fn page(&self, reader: Author, after: u32) -> Vec<&Message> {
        let from = usize::try_from(after).unwrap_or(usize::MAX).min(self.messages.len());
        let mut bytes = 0;
        let readable = self.messages[from..].iter().filter(|message| message.is_for(reader));
        readable
            .take_while(|message| {
                // The first one fits always.
                let before = bytes;
                bytes += message.text.len() + message.name.len() + limits::CHAT_ENTRY_BYTES;
                before == 0 || bytes <= limits::CHAT_PAGE_BYTES
            })
            .collect()
    }

    /// This person's page showed everything up to that number.
    pub fn saw(&mut self, reader: Author, number: u32) {
        let seen = self.seen.entry(reader).or_default();
        *seen = (*seen).max(number);
    }

    /// Somebody begins to write, goes on, or stops.
    pub fn set_typing(&mut self, author: Author, typing: bool, now: Instant) {
        if typing {
            self.typing.insert(author, now + limits::CHAT_TYPING);
        } else {
            self.typing.remove(&author);
        }
    }

    /// What this person knows of the whole. `guests` in it who write are told only to who reads them anyway: everybody in the call.
    pub fn view(&self, reader: Author, now: Instant) -> View {
        let last = self.messages.iter().rev().find(|message| message.is_for(reader)).map_or(0, |message| message.number);
        let others = self.seen.iter().filter(|(who, _)| **who != reader && !matches!(who, Author::Guest(_)));
        let seen = others.map(|(_, number)| *number).max().unwrap_or(0).min(last);
        let typing = self.typing.iter().filter(|(who, until)| **who != reader && **until > now).map(|(who, _)| *who).collect();
        View { last, seen, typing }
    }

    /// When somebody no longer counts as writing.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.typing.values().min().copied()
    }

    /// Forgets who stopped writing without a word.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.typing.retain(|_, until| *until > now);
    }

    /// Whoever is not among them has left the call: they write no more.
    pub fn only(&mut self, present: &[Author]) {
        self.typing.retain(|who, _| present.contains(who));
    }

    fn last(&self) -> u32 {
        self.messages.last().map_or(0, |message| message.number)
    }

    fn message(&self, number: u32) -> Option<&Message> {
        self.messages.get(usize::try_from(number).ok()?.checked_sub(1)?)
    }
}

/// How long it takes until one more may be said.
pub const AGAIN: Duration = limits::CHAT_AGAIN;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::AgentId;

    const ANNA: Author = Author::Agent(AgentId(1));
    const MARA: Author = Author::Guest(GuestId(1));

    fn said(book: &mut Book, author: Author, id: u8, guests: &[GuestId], now: Instant) -> Result<u32, Refusal> {
        let (id, text) = (MessageId([id; 16]), format!("words {id}"));
        Ok(match book.say((author, "Name"), (id, text), guests.to_vec(), (now, Timestamp(5)))? {
            Said::New(message) => {
                let number = message.number;
                book.keep(message);
                number
            }
            Said::Known { number, .. } => number,
        })
    }

    fn numbers(book: &Book, reader: Author, after: u32) -> Vec<u32> {
        book.page(reader, after).iter().map(|message| message.number).collect()
    }

    #[test]
    fn what_is_said_again_is_the_same_message_and_what_another_says_under_the_same_id_is_not() {
        let (mut book, now) = (Book::default(), Instant::now());
        assert_eq!(said(&mut book, Author::Citizen, 1, &[], now), Ok(1));
        assert_eq!(said(&mut book, Author::Citizen, 1, &[], now), Ok(1));
        assert_eq!(said(&mut book, ANNA, 1, &[], now), Ok(2));
        assert_eq!(numbers(&book, ANNA, 0), [1, 2]);
        // And after a restart.
        let kept = book.page(ANNA, 0).into_iter().cloned().collect();
        assert_eq!(said(&mut Book::new(kept), Author::Citizen, 1, &[], now), Ok(1));
    }

    #[test]
    fn a_message_that_could_not_be_written_down_leaves_no_trace_and_its_number_is_the_next_one_s() {
        let (mut book, now) = (Book::default(), Instant::now());
        let say = |book: &mut Book| book.say((ANNA, "Anna"), (MessageId([1; 16]), String::from("x")), Vec::new(), (now, Timestamp(0)));
        assert!(matches!(say(&mut book), Ok(Said::New(Message { number: 1, .. }))));
        assert!(matches!(say(&mut book), Ok(Said::New(Message { number: 1, .. }))));
        assert!(book.page(ANNA, 0).is_empty());
    }

    #[test]
    fn guest_reads_what_was_said_in_their_presence_and_nothing_else() {
        let (mut book, now) = (Book::default(), Instant::now());
        said(&mut book, ANNA, 1, &[], now).unwrap();
        said(&mut book, ANNA, 2, &[GuestId(1)], now).unwrap();
        said(&mut book, MARA, 3, &[GuestId(1)], now).unwrap();
        said(&mut book, Author::Citizen, 4, &[GuestId(2)], now).unwrap();
        assert_eq!(numbers(&book, MARA, 0), [2, 3]);
        assert_eq!(book.view(MARA, now).last, 3);
        assert_eq!(numbers(&book, Author::Citizen, 1), [2, 3, 4]);
        assert_eq!(numbers(&book, Author::Guest(GuestId(2)), 0), [4]);
    }

    #[test]
    fn a_burst_is_taken_then_one_each_second() {
        let (mut book, now) = (Book::default(), Instant::now());
        for id in 0..u8::try_from(limits::CHAT_BURST).unwrap() {
            said(&mut book, ANNA, id, &[], now).unwrap();
        }
        assert_eq!(said(&mut book, ANNA, 200, &[], now), Err(Refusal::TooFast));
        assert!(said(&mut book, Author::Citizen, 200, &[], now).is_ok(), "the others' allowance is their own");
        assert!(said(&mut book, ANNA, 200, &[], now + AGAIN).is_ok());
        assert_eq!(said(&mut book, ANNA, 201, &[], now + AGAIN), Err(Refusal::TooFast));
    }

    #[test]
    fn a_full_book_refuses_and_still_knows_what_it_holds() {
        let (mut book, mut now) = (Book::default(), Instant::now());
        for n in 0..limits::CHAT_MESSAGES {
            now += AGAIN;
            let id = MessageId(u128::try_from(n).unwrap().to_be_bytes());
            let Ok(Said::New(message)) = book.say((ANNA, "Anna"), (id, "x".into()), Vec::new(), (now, Timestamp(0))) else { panic!("{n}") };
            book.keep(message);
        }
        assert_eq!(said(&mut book, ANNA, 255, &[], now + AGAIN), Err(Refusal::Full));
        let again = book.say((ANNA, "Anna"), (MessageId(0_u128.to_be_bytes()), "x".into()), Vec::new(), (now, Timestamp(0)));
        assert!(matches!(again, Ok(Said::Known { number: 1, .. })));
    }

    #[test]
    fn a_long_chat_comes_page_by_page_without_gap_and_every_page_fits_a_message() {
        let (mut book, mut now) = (Book::default(), Instant::now());
        for n in 0..200_u8 {
            now += AGAIN;
            let text = "😀".repeat(limits::CHAT_CHARACTERS);
            let Ok(Said::New(message)) = book.say((ANNA, "Anna"), (MessageId([n; 16]), text), Vec::new(), (now, Timestamp(0))) else {
                panic!()
            };
            book.keep(message);
        }
        let (mut after, mut got, mut pages) = (0, Vec::new(), 0);
        loop {
            let page = book.page(Author::Citizen, after);
            let Some(last) = page.last() else { break };
            after = last.number;
            assert!(page.iter().map(|message| message.text.len()).sum::<usize>() <= limits::CHAT_PAGE_BYTES);
            got.extend(page.iter().map(|message| message.number));
            pages += 1;
        }
        assert_eq!(got, (1..=200).collect::<Vec<_>>());
        assert!(pages > 10);
        assert!(book.page(Author::Citizen, u32::MAX).is_empty());
    }

    #[test]
    fn seen_is_what_the_other_side_saw_and_a_guest_does_not_count() {
        let (mut book, now) = (Book::default(), Instant::now());
        said(&mut book, Author::Citizen, 1, &[GuestId(1)], now).unwrap();
        book.saw(MARA, 1);
        assert_eq!(book.view(Author::Citizen, now).seen, 0);
        book.saw(ANNA, 77);
        assert_eq!(book.view(Author::Citizen, now).seen, 1);
        assert_eq!(book.view(ANNA, now).seen, 1, "who says something has seen it");
    }

    #[test]
    fn who_stops_writing_without_a_word_is_forgotten_and_who_sends_writes_no_more() {
        let (mut book, now) = (Book::default(), Instant::now());
        book.set_typing(ANNA, true, now);
        assert_eq!(book.view(Author::Citizen, now).typing, [ANNA]);
        assert!(book.view(ANNA, now).typing.is_empty());
        let due = book.poll_timeout().unwrap();
        assert!(book.view(Author::Citizen, due).typing.is_empty());
        book.handle_timeout(due);
        assert_eq!(book.poll_timeout(), None);
        book.set_typing(ANNA, true, now);
        said(&mut book, ANNA, 1, &[], now).unwrap();
        assert_eq!(book.poll_timeout(), None);
        book.set_typing(ANNA, true, now);
        book.only(&[Author::Citizen]);
        assert_eq!(book.poll_timeout(), None);
    }
}
