//! The chain of the audit trail: each line's hash covers the one before, so that a changed, missing or moved line is found. Knows no word of the trail.
//!
//! What it proves: nobody changed a line without changing every later hash too. Whoever owns the disk can do that; a head that is kept elsewhere
//! (`visavis verify-ledger` prints it) gives them away.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{Context, SHA256};
use sqlx::Row as _;

use super::database::{Connection, Pool, Row, begin_to_write};
use super::{Store, StoreError, meta};
use crate::limits;

/// SHA-256 of a line and, through it, of every line before.
pub type LineHash = [u8; 32];

/// The end of the chain: number and hash of its last line. Written `NUMBER:HASH` in hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The lines count from 1 and none is left out.
    pub number: i64,
    /// Of that line.
    pub hash: LineHash,
}

impl Head {
    /// Before the first line.
    fn start() -> Self {
        Self { number: 0, hash: of(&[b"visavis audit trail, version 1"]) }
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.number)?;
        self.hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Not `NUMBER:HASH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a head is the number of a line, a colon, and 64 hex digits")]
pub struct BadHead;

impl FromStr for Head {
    type Err = BadHead;

    fn from_str(text: &str) -> Result<Self, BadHead> {
        let (number, hex) = text.trim().split_once(':').ok_or(BadHead)?;
        let number = number.parse().map_err(|_| BadHead)?;
        if hex.len() != 64 || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(BadHead);
        }
        let mut hash = [0; 32];
        for (at, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).map_err(|_| BadHead)?;
        }
        Ok(Self { number, hash })
    }
}

/// What the check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Every line is there, in its place, as it was written.
    Intact(Head),
    /// The first line that is not: changed, or moved, or the one that should stand there is gone.
    Broken(i64),
    /// The chain is whole in itself, but the head that was kept is not in it: it was written anew, or its end was cut off.
    Rewritten(Head),
}

/// A line as the chain sees it.
struct Line {
    number: i64,
    at_ms: i64,
    what: String,
    who: String,
    appointment: Option<String>,
}

impl Line {
    fn of(row: &Row) -> Result<Self, sqlx::Error> {
        Ok(Self {
            number: row.try_get("number")?,
            at_ms: row.try_get("at_ms")?,
            what: row.try_get("what")?,
            who: row.try_get("who")?,
            appointment: row.try_get("appointment")?,
        })
    }

    /// Every field with its length before it: no two lines have the same form.
    fn after(&self, before: &LineHash) -> LineHash {
        let appointment = self.appointment.as_deref();
        let length = |text: &str| u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes();
        of(&[
            before,
            &self.number.to_be_bytes(),
            &self.at_ms.to_be_bytes(),
            &length(&self.what),
            self.what.as_bytes(),
            &length(&self.who),
            self.who.as_bytes(),
            &[u8::from(appointment.is_some())],
            &length(appointment.unwrap_or_default()),
            appointment.unwrap_or_default().as_bytes(),
        ])
    }
}

/// Appends a line in the caller's transaction, which has written before or will write alone: the number can be taken by no other.
pub(super) async fn append(
    connection: &mut Connection,
    at_ms: i64,
    what: &str,
    who: String,
    appointment: Option<String>,
) -> Result<Head, StoreError> {
    let last = last(connection).await?;
    let line = Line { number: last.number + 1, at_ms, what: what.to_owned(), who, appointment };
    let hash = line.after(&last.hash);
    sqlx::query("INSERT INTO audit (number, at_ms, what, who, appointment, hash) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(line.number)
        .bind(line.at_ms)
        .bind(&line.what)
        .bind(&line.who)
        .bind(&line.appointment)
        .bind(hash.as_slice())
        .execute(connection)
        .await?;
    Ok(Head { number: line.number, hash })
}

async fn last(connection: &mut Connection) -> Result<Head, StoreError> {
    let row = sqlx::query("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1").fetch_optional(connection).await?;
    let Some(row) = row else { return Ok(Head::start()) };
    // Whoever took a hash away broke the chain there: it goes on from nothing, and the check names the line.
    let hash = row.try_get::<Option<Vec<u8>>, _>("hash")?.and_then(|hash| hash.try_into().ok()).unwrap_or_default();
    Ok(Head { number: row.try_get("number")?, hash })
}

/// Chains the lines that an older version wrote. Done once in the life of a database: later a line without a hash is a broken one.
pub(super) async fn chain_older(writer: &Pool) -> Result<(), StoreError> {
    const DONE: &str = "ledger";
    if meta::read(writer, DONE).await?.is_some() {
        return Ok(());
    }
    let mut transaction = begin_to_write(writer).await?;
    let mut head = Head::start();
    loop {
        let rows = page(&mut transaction, head.number, limits::LEDGER_PAGE).await?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            let line = Line::of(row)?;
            head = Head { number: line.number, hash: line.after(&head.hash) };
            sqlx::query("UPDATE audit SET hash = $2 WHERE number = $1")
                .bind(line.number)
                .bind(head.hash.as_slice())
                .execute(&mut *transaction)
                .await?;
        }
    }
    sqlx::query("INSERT INTO meta (name, value) VALUES ($1, $2)").bind(DONE).bind(b"1".as_slice()).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(())
}

async fn page(connection: &mut Connection, after: i64, most: u32) -> Result<Vec<Row>, StoreError> {
    let sql = "SELECT number, at_ms, what, who, appointment, hash FROM audit WHERE number > $1 ORDER BY number LIMIT $2";
    Ok(sqlx::query(sql).bind(after).bind(i64::from(most)).fetch_all(connection).await?)
}

impl Store {
    /// Looks at every line of the audit trail, and whether the head that somebody kept is in it.
    pub async fn verify_ledger(&self, kept: Option<Head>) -> Result<Verdict, StoreError> {
        let mut connection = self.inner.readers.acquire().await?;
        let mut head = Head::start();
        let mut has_kept = kept.is_none_or(|kept| kept == head);
        loop {
            let expected = head.number + 1;
            let rows = match page(&mut connection, head.number, limits::LEDGER_PAGE).await {
                // A text that is none, somewhere on this page: the lines before it are looked at one by one.
                Err(StoreError::Database(sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::AnyDriverError(_))) => {
                    match page(&mut connection, head.number, 1).await {
                        Err(StoreError::Database(_)) => return Ok(Verdict::Broken(expected)),
                        rows => rows?,
                    }
                }
                rows => rows?,
            };
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                let expected = head.number + 1;
                // A column that cannot even be read was changed.
                let Ok(line) = Line::of(row) else { return Ok(Verdict::Broken(expected)) };
                let hash = line.after(&head.hash);
                let written: Option<LineHash> = row.try_get::<Option<Vec<u8>>, _>("hash")?.and_then(|hash| hash.try_into().ok());
                if line.number != expected || written != Some(hash) {
                    return Ok(Verdict::Broken(expected));
                }
                head = Head { number: line.number, hash };
                has_kept |= kept == Some(head);
            }
        }
        // The counter of the numbers knows of lines that were cut off at the end.
        let sql = match connection.backend_name() {
            "SQLite" => "SELECT seq FROM sqlite_sequence WHERE name = 'audit'",
            _ => "SELECT number FROM audit_given",
        };
        let given: Option<i64> = sqlx::query_scalar(sql).fetch_optional(&mut *connection).await?;
        if given.unwrap_or(0) > head.number {
            return Ok(Verdict::Broken(head.number + 1));
        }
        Ok(if has_kept { Verdict::Intact(head) } else { Verdict::Rewritten(head) })
    }
}

fn of(parts: &[&[u8]]) -> LineHash {
    let mut context = Context::new(&SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_is_written() {
        let head = Head { number: 77, hash: [0xA5; 32] };
        assert_eq!(head.to_string().parse(), Ok(head));
        for bad in ["", "77", "77:", "77:zz", &format!("x:{}", "a5".repeat(32)), &format!("77:{}é", "a".repeat(62))] {
            assert_eq!(bad.parse::<Head>(), Err(BadHead), "{bad}");
        }
    }

    #[test]
    fn a_word_cannot_move_from_one_field_to_the_next() {
        let line = |what: &str, who: &str| Line { number: 1, at_ms: 2, what: what.into(), who: who.into(), appointment: None };
        let none = Line { appointment: Some(String::new()), ..line("call", "agent:7") };
        let hash = line("call", "agent:7").after(&[0; 32]);
        assert_ne!(hash, line("calla", "gent:7").after(&[0; 32]));
        assert_ne!(hash, none.after(&[0; 32]));
        assert_ne!(hash, line("call", "agent:7").after(&[1; 32]));
    }
}
