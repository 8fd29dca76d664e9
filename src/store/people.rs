//! Citizens who signed in at a provider, and which appointments are theirs. Knows them by a mark; refuses to keep who they are.

use serde::{Deserialize, Serialize};
use sqlx::Row as _;

use super::audit::{Who, append};
use super::database::Connection;
use super::seal::SealingKey;
use super::{Appointment, Store, StoreError};
use crate::access::assurance::Assurance;
use crate::access::claims::Person;
use crate::access::contact::Mark;
use crate::access::token::{Token, TokenHash};
use crate::ids::AppointmentId;
use crate::limits;
use crate::time::Timestamp;

/// A citizen who is signed in. Has no `Debug` (trust.md P2).
#[derive(Clone)]
pub struct KnownPerson {
    /// Who, without saying it.
    pub mark: Mark,
    /// What the provider said.
    pub person: Person,
}

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Sealed {
    name: String,
    email: Option<String>,
    phone: Option<String>,
}

const PURPOSE: &str = "person_sign_ins.person_sealed";

impl Store {
    /// The mark of who this provider knows by this subject.
    pub fn person_mark(&self, issuer: &str, subject: &str) -> Mark {
        self.inner.contact_key.of_person(issuer, subject)
    }

    /// A citizen came back from the provider: this cookie is good for `limits::PERSON_SIGN_IN`. At the bound of cookies the person's oldest goes.
    pub async fn sign_in_person(&self, cookie: &Token, known: &KnownPerson, now: Timestamp) -> Result<(), StoreError> {
        let Person { name, email, phone, assurance } = known.person.clone();
        let plain = serde_json::to_vec(&Sealed { name, email, phone }).map_err(|_| StoreError::Sealed)?;
        let sealed = SealingKey::new(&cookie.key(PURPOSE))?.seal(PURPOSE, &plain)?;
        let mut transaction = self.begin_to_write().await?;
        sqlx::query(
            "INSERT INTO person_sign_ins (cookie_hash, person_mark, assurance, person_sealed, created_ms, expires_ms) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(cookie.hash().as_slice())
        .bind(known.mark.0.as_slice())
        .bind(assurance.word())
        .bind(sealed)
        .bind(now.0)
        .bind(now.after(limits::PERSON_SIGN_IN).0)
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "DELETE FROM person_sign_ins WHERE person_mark = $1 AND cookie_hash NOT IN \
             (SELECT cookie_hash FROM person_sign_ins WHERE person_mark = $1 ORDER BY created_ms DESC LIMIT $2)",
        )
        .bind(known.mark.0.as_slice())
        .bind(i64::from(limits::SIGN_INS_PER_PERSON))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Whose cookie this is, while it is good.
    pub async fn person_by_sign_in(&self, cookie: &Token, now: Timestamp) -> Result<Option<KnownPerson>, StoreError> {
        let row =
            sqlx::query("SELECT person_mark, assurance, person_sealed FROM person_sign_ins WHERE cookie_hash = $1 AND expires_ms > $2")
                .bind(cookie.hash().as_slice())
                .bind(now.0)
                .fetch_optional(&self.inner.readers)
                .await?;
        let Some(row) = row else { return Ok(None) };
        let plain = SealingKey::new(&cookie.key(PURPOSE))?.open(PURPOSE, &row.try_get::<Vec<u8>, _>("person_sealed")?)?;
        let Sealed { name, email, phone } = serde_json::from_slice(&plain).map_err(|_| StoreError::Sealed)?;
        let assurance = Assurance::parse(&row.try_get::<String, _>("assurance")?).ok_or(StoreError::Sealed)?;
        let mark = Mark(row.try_get::<Vec<u8>, _>("person_mark")?.try_into().map_err(|_| StoreError::Sealed)?);
        Ok(Some(KnownPerson { mark, person: Person { name, email, phone, assurance } }))
    }

    /// Ends one cookie.
    pub async fn sign_out_person(&self, cookie: TokenHash) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM person_sign_ins WHERE cookie_hash = $1").bind(cookie.as_slice()).execute(&self.inner.writer).await?;
        self.left_traces();
        Ok(())
    }

    /// Ends the cookie of a link, where the appointment is this person's: whoever signs out on a shared computer leaves no page of it open.
    pub async fn end_link_of(&self, cookie: TokenHash, person: Mark) -> Result<Option<AppointmentId>, StoreError> {
        let ended: Option<String> = sqlx::query_scalar(
            "DELETE FROM citizen_sign_ins WHERE cookie_hash = $1 \
             AND appointment IN (SELECT appointment FROM people_of_appointments WHERE person_mark = $2) RETURNING appointment",
        )
        .bind(cookie.as_slice())
        .bind(person.0.as_slice())
        .fetch_optional(&self.inner.writer)
        .await?;
        if ended.is_some() {
            self.inner.seen.forget();
        }
        ended.map(|id| id.parse().map_err(|_| StoreError::Sealed)).transpose()
    }

    /// Forgets who was signed in and is not any more.
    pub async fn forget_people(&self, now: Timestamp) -> Result<(), StoreError> {
        let gone = sqlx::query("DELETE FROM person_sign_ins WHERE expires_ms <= $1").bind(now.0).execute(&self.inner.writer).await?;
        if gone.rows_affected() > 0 {
            self.left_traces();
        }
        Ok(())
    }

    /// The appointments of a person that are still there, the latest first; at most `limits::MY_APPOINTMENTS`.
    pub async fn appointments_of(&self, person: Mark) -> Result<Vec<Appointment>, StoreError> {
        let rows = sqlx::query(
            "SELECT appointments.* FROM people_of_appointments JOIN appointments ON appointments.id = people_of_appointments.appointment \
             WHERE person_mark = $1 ORDER BY start_ms DESC, id LIMIT $2",
        )
        .bind(person.0.as_slice())
        .bind(i64::from(limits::MY_APPOINTMENTS))
        .fetch_all(&self.inner.readers)
        .await?;
        rows.iter().map(|row| self.opened(row)).collect()
    }

    /// The appointment of this person that is called so on the phone; another's is not told apart from none.
    pub async fn appointment_of(&self, person: Mark, reference: &str) -> Result<Option<Appointment>, StoreError> {
        let row = sqlx::query(
            "SELECT appointments.* FROM people_of_appointments JOIN appointments ON appointments.id = people_of_appointments.appointment \
             WHERE person_mark = $1 AND reference = $2",
        )
        .bind(person.0.as_slice())
        .bind(reference.to_ascii_uppercase())
        .fetch_optional(&self.inner.readers)
        .await?;
        row.map(|row| self.opened(&row)).transpose()
    }

    /// How sure a provider was of who opened the link in this browser.
    pub async fn assurance_of(&self, cookie: TokenHash) -> Result<Option<Assurance>, StoreError> {
        let word: Option<Option<String>> = sqlx::query_scalar("SELECT assurance FROM citizen_sign_ins WHERE cookie_hash = $1")
            .bind(cookie.as_slice())
            .fetch_optional(&self.inner.readers)
            .await?;
        Ok(word.flatten().and_then(|word| Assurance::parse(&word)))
    }

    /// Who opened the link in this browser showed who they are. False, and nothing is written, when the appointment is another person's; one that is nobody's
    /// yet becomes theirs, and the agent is told the name that the provider vouches for.
    pub async fn vouch(&self, of: &Appointment, cookie: TokenHash, known: &KnownPerson, now: Timestamp) -> Result<bool, StoreError> {
        let id = of.id.to_string();
        let mut transaction = self.begin_to_write().await?;
        let owner: Option<Vec<u8>> = sqlx::query_scalar("SELECT person_mark FROM people_of_appointments WHERE appointment = $1")
            .bind(&id)
            .fetch_optional(&mut *transaction)
            .await?;
        match owner {
            Some(owner) if owner != known.mark.0 => return Ok(false),
            Some(_) => {}
            None => own(&mut transaction, of.id, known.mark).await?,
        }
        sqlx::query("UPDATE citizen_sign_ins SET assurance = $2 WHERE cookie_hash = $1")
            .bind(cookie.as_slice())
            .bind(known.person.assurance.word())
            .execute(&mut *transaction)
            .await?;
        let row = sqlx::query("SELECT wrapped_key FROM appointments WHERE id = $1").bind(&id).fetch_one(&mut *transaction).await?;
        let key = self.key_of(of.id, &row.try_get::<Vec<u8>, _>("wrapped_key")?)?;
        let mut details = of.details.clone();
        details.assurance = Some(known.person.assurance);
        details.vouched_name = (known.person.name != of.name).then(|| known.person.name.clone());
        sqlx::query("UPDATE appointments SET details_sealed = $2 WHERE id = $1")
            .bind(&id)
            .bind(key.seal(&super::appointments::place("details_sealed", of.id), &details.to_json()?)?)
            .execute(&mut *transaction)
            .await?;
        append(&mut transaction, "authenticated", Who::Citizen, Some(of.id), now).await?;
        transaction.commit().await?;
        self.inner.seen.doubt(of.id);
        Ok(true)
    }

    /// For a browser to bring back: opens nowhere else, and tells it nothing.
    pub fn seal_round(&self, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.inner.round_key.seal(ROUND, plain)
    }

    /// What [`Store::seal_round`] sealed.
    pub fn open_round(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        self.inner.round_key.open(ROUND, sealed).ok().map(|plain| plain.to_vec())
    }
}

const ROUND: &str = "round";

/// In the transaction of the booking.
pub(super) async fn own(connection: &mut Connection, appointment: AppointmentId, person: Mark) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO people_of_appointments (appointment, person_mark) VALUES ($1, $2)")
        .bind(appointment.to_string())
        .bind(person.0.as_slice())
        .execute(connection)
        .await?;
    Ok(())
}
