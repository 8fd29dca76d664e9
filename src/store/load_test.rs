//! What a load test makes in the store, marked so that all of it can be taken out again, after a crash as well. Knows no test, no allowance.

use sqlx::Row as _;

use super::appointments::{Appointment, Kind};
use super::audit::{Who, append};
use super::database::Connection;
use super::{NewAppointment, Store, StoreError};
use crate::access::token::{Token, TokenHash};
use crate::ids::{AgentId, AppointmentId};
use crate::limits;
use crate::time::Timestamp;

/// What was taken out: whoever holds any of it in memory must let go.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct TakenOut {
    /// Appointments, erased with their keys.
    pub appointments: Vec<AppointmentId>,
    /// Sign-ins of agents.
    pub sign_ins: Vec<TokenHash>,
}

/// In the booking's own transaction: no appointment of a test is ever without its mark.
pub(super) async fn mark(connection: &mut Connection, appointment: AppointmentId) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO load_appointments (appointment) VALUES ($1)").bind(appointment.to_string()).execute(connection).await?;
    Ok(())
}

impl Store {
    /// Books as a portal does, for a load test.
    pub async fn book_for_load(&self, new: NewAppointment, now: Timestamp) -> Result<(Appointment, Token), StoreError> {
        self.book_as(new, Kind::LoadTest, now).await?.ok_or(StoreError::Database(sqlx::Error::RowNotFound))
    }

    /// Accounts into which no password leads, each signed in with one of these cookies. All or none.
    pub async fn add_load_agents(&self, cookies: &[TokenHash], now: Timestamp) -> Result<Vec<AgentId>, StoreError> {
        let mut transaction = self.begin_to_write().await?;
        let mut agents = Vec::with_capacity(cookies.len());
        for cookie in cookies {
            // No PHC string: nothing verifies against it. The name is the cookie's hash, so that two tests never meet.
            let name: String = cookie[..8].iter().map(|byte| format!("{byte:02x}")).collect();
            let agent: i64 = sqlx::query_scalar(
                "INSERT INTO agents (username, display_name, language, password_hash, created_ms) VALUES ($1, $2, 'en', '', $3) RETURNING id",
            )
            .bind(format!("load-{name}"))
            .bind("Load test")
            .bind(now.0)
            .fetch_one(&mut *transaction)
            .await?;
            sqlx::query("INSERT INTO load_agents (agent) VALUES ($1)").bind(agent).execute(&mut *transaction).await?;
            sqlx::query("INSERT INTO agent_sign_ins (cookie_hash, agent, created_ms, seen_ms, expires_ms) VALUES ($1, $2, $3, $3, $4)")
                .bind(cookie.as_slice())
                .bind(agent)
                .bind(now.0)
                .bind(now.after(limits::LOAD_SIGN_IN).0)
                .execute(&mut *transaction)
                .await?;
            append(&mut transaction, "signed_in", Who::Agent(AgentId(agent)), None, now).await?;
            agents.push(AgentId(agent));
        }
        transaction.commit().await?;
        Ok(agents)
    }

    /// Takes out all that load tests made. The audit trail keeps its lines: they hold numbers alone.
    pub async fn take_out_load(&self) -> Result<TakenOut, StoreError> {
        let mut transaction = self.begin_to_write().await?;
        let erased = sqlx::query("DELETE FROM appointments WHERE id IN (SELECT appointment FROM load_appointments) RETURNING id")
            .fetch_all(&mut *transaction)
            .await?;
        let sign_ins = sqlx::query("DELETE FROM agent_sign_ins WHERE agent IN (SELECT agent FROM load_agents) RETURNING cookie_hash")
            .fetch_all(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM agents WHERE id IN (SELECT agent FROM load_agents)").execute(&mut *transaction).await?;
        transaction.commit().await?;
        let mut taken = TakenOut::default();
        for row in erased {
            taken.appointments.extend(row.try_get::<String, _>("id")?.parse::<AppointmentId>().ok());
        }
        for row in sign_ins {
            taken.sign_ins.extend(TokenHash::try_from(row.try_get::<Vec<u8>, _>("cookie_hash")?).ok());
        }
        Ok(taken)
    }
}
