//! Agents' accounts and sign-ins. Passwords arrive hashed, cookies as SHA-256: nothing here lets anybody in by itself.

use std::collections::HashSet;

use sqlx::Row as _;

use super::audit::{Who, append};
use super::database::Row;
use super::{Store, StoreError};
use crate::access::AgentGrant;
use crate::access::claims::Member;
use crate::access::contact::Mark;
use crate::access::role::Role;
use crate::access::second_factor::Shared;
use crate::access::token::TokenHash;
use crate::ids::AgentId;
use crate::limits;
use crate::time::Timestamp;

/// What makes an account. Has no `Debug`: it holds a name and a hash.
#[derive(Clone)]
pub struct NewAgent {
    /// Lower case; the name to sign in with.
    pub username: String,
    /// The name that others see.
    pub display_name: String,
    /// `en`, `fr`, `de`, `lb`.
    pub language: String,
    /// argon2id, PHC string (`access::password::hash`).
    pub password_hash: String,
    /// What they may do.
    pub role: Role,
}

/// An account as sign-in needs it. Has no `Debug`: it holds a name and a hash.
#[derive(Clone)]
pub struct AgentAccount {
    /// Who it is.
    pub grant: AgentGrant,
    /// The language of the screens.
    pub language: String,
    /// PHC string; empty of who signs in at a provider.
    pub password_hash: String,
    /// What the app on their phone knows; none until it is set up.
    pub second_factor: Option<Shared>,
}

impl Store {
    /// Makes the account, or gives an existing one this name and password. The id, and with it the agent's seats, stays.
    pub async fn put_agent(&self, agent: NewAgent, now: Timestamp) -> Result<AgentId, StoreError> {
        let id = sqlx::query_scalar(
            "INSERT INTO agents (username, display_name, language, password_hash, created_ms, role) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (username) DO UPDATE SET display_name = excluded.display_name, language = excluded.language, \
             password_hash = excluded.password_hash, role = excluded.role, disabled = 0 RETURNING id",
        )
        .bind(agent.username)
        .bind(agent.display_name)
        .bind(agent.language)
        .bind(agent.password_hash)
        .bind(now.0)
        .bind(agent.role.word())
        .fetch_one(&self.inner.writer)
        .await?;
        Ok(AgentId(id))
    }

    /// The account of who this mark belongs to at a provider, with what the provider says now. None when it is disabled.
    pub async fn put_member(&self, person: Mark, member: &Member, language: &str, now: Timestamp) -> Result<Option<AgentId>, StoreError> {
        // Nobody signs in with such a name and a password: there is none.
        let name: String = person.0.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let id = sqlx::query_scalar(
            "INSERT INTO agents (username, display_name, language, password_hash, created_ms, role, person_mark) VALUES ($1, $2, $3, '', $4, $5, $6) \
             ON CONFLICT (person_mark) DO UPDATE SET display_name = excluded.display_name, role = excluded.role WHERE agents.disabled = 0 RETURNING id",
        )
        .bind(format!("provider:{name}"))
        .bind(&member.name)
        .bind(language)
        .bind(now.0)
        .bind(member.role.word())
        .bind(person.0.as_slice())
        .fetch_optional(&self.inner.writer)
        .await?;
        Ok(id.map(AgentId))
    }

    /// Nobody signs in with this account any more, and who is signed in with it is not: a server that runs beside notices within a second (S9). False when
    /// there is no such account.
    pub async fn disable_agent(&self, username: &str, now: Timestamp) -> Result<bool, StoreError> {
        let id: Option<i64> = sqlx::query_scalar("UPDATE agents SET disabled = 1 WHERE username = $1 RETURNING id")
            .bind(username)
            .fetch_optional(&self.inner.writer)
            .await?;
        let Some(id) = id else { return Ok(false) };
        self.sign_out_everywhere(AgentId(id), now).await?;
        Ok(true)
    }

    /// The account of a user name, unless it is disabled.
    pub async fn agent_account(&self, username: &str) -> Result<Option<AgentAccount>, StoreError> {
        let row = sqlx::query(
            "SELECT id, display_name, role, language, password_hash, totp_sealed FROM agents WHERE username = $1 AND disabled = 0",
        )
        .bind(username)
        .fetch_optional(&self.inner.readers)
        .await?;
        row.map(|row| {
            let grant = grant(&row)?;
            let second_factor = match row.try_get::<Option<Vec<u8>>, _>("totp_sealed")? {
                Some(sealed) => Some(Shared::new(self.inner.master.open(&totp(grant.agent), &sealed)?.to_vec())),
                None => None,
            };
            Ok(AgentAccount { grant, language: row.try_get("language")?, password_hash: row.try_get("password_hash")?, second_factor })
        })
        .transpose()
    }

    /// Sets up the second factor of an account, with fresh codes to recover; what was there before is void. The step is that of the code that proved it.
    /// False when the account has one already: who knows the password alone changes nothing.
    pub async fn set_second_factor(&self, agent: AgentId, shared: &Shared, step: i64, codes: &[String]) -> Result<bool, StoreError> {
        let sealed = self.inner.master.seal(&totp(agent), shared.bytes())?;
        let mut transaction = self.begin_to_write().await?;
        let set = sqlx::query("UPDATE agents SET totp_sealed = $2, totp_step = $3 WHERE id = $1 AND totp_sealed IS NULL AND disabled = 0")
            .bind(agent.0)
            .bind(sealed)
            .bind(step)
            .execute(&mut *transaction)
            .await?;
        if set.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("DELETE FROM recovery_codes WHERE agent = $1").bind(agent.0).execute(&mut *transaction).await?;
        for code in codes {
            sqlx::query("INSERT INTO recovery_codes (code_hash, agent) VALUES ($1, $2)")
                .bind(self.inner.contact_key.of_recovery_code(agent, code).0.as_slice())
                .bind(agent.0)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// The account sets up its second factor anew at the next sign-in: the phone is lost and the codes are too.
    pub async fn forget_second_factor(&self, agent: AgentId) -> Result<(), StoreError> {
        let mut transaction = self.begin_to_write().await?;
        sqlx::query("UPDATE agents SET totp_sealed = NULL WHERE id = $1").bind(agent.0).execute(&mut *transaction).await?;
        sqlx::query("DELETE FROM recovery_codes WHERE agent = $1").bind(agent.0).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Takes the code of this step: false when it, or a later one, was taken before.
    pub async fn take_step(&self, agent: AgentId, step: i64) -> Result<bool, StoreError> {
        let taken = sqlx::query("UPDATE agents SET totp_step = $2 WHERE id = $1 AND totp_step < $2")
            .bind(agent.0)
            .bind(step)
            .execute(&self.inner.writer)
            .await?;
        Ok(taken.rows_affected() == 1)
    }

    /// Takes a code to recover: false when there is none such, or not any more.
    pub async fn take_recovery_code(&self, agent: AgentId, spelling: &str) -> Result<bool, StoreError> {
        let taken = sqlx::query("DELETE FROM recovery_codes WHERE code_hash = $1 AND agent = $2")
            .bind(self.inner.contact_key.of_recovery_code(agent, spelling).0.as_slice())
            .bind(agent.0)
            .execute(&self.inner.writer)
            .await?;
        Ok(taken.rows_affected() == 1)
    }

    /// The name that others see; none when the account is gone.
    pub async fn agent_name(&self, agent: AgentId) -> Result<Option<String>, StoreError> {
        let name = sqlx::query_scalar("SELECT display_name FROM agents WHERE id = $1").bind(agent.0);
        Ok(name.fetch_optional(&self.inner.readers).await?)
    }

    /// The language of an agent's screens.
    pub async fn agent_language(&self, agent: AgentId) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar("SELECT language FROM agents WHERE id = $1").bind(agent.0).fetch_optional(&self.inner.readers).await?)
    }

    /// An agent signed in: this cookie is good until it idles or its absolute end (trust.md S9).
    /// Answers the cookies that ended by it: at the bound the oldest of this agent goes.
    pub async fn sign_in_agent(&self, agent: AgentId, cookie: TokenHash, now: Timestamp) -> Result<Vec<TokenHash>, StoreError> {
        let mut transaction = self.begin_to_write().await?;
        sqlx::query("INSERT INTO agent_sign_ins (cookie_hash, agent, created_ms, seen_ms, expires_ms) VALUES ($1, $2, $3, $3, $4)")
            .bind(cookie.as_slice())
            .bind(agent.0)
            .bind(now.0)
            .bind(now.after(limits::AGENT_SIGN_IN).0)
            .execute(&mut *transaction)
            .await?;
        let ended: Vec<Vec<u8>> = sqlx::query_scalar(
            "DELETE FROM agent_sign_ins WHERE agent = $1 AND cookie_hash NOT IN \
             (SELECT cookie_hash FROM agent_sign_ins WHERE agent = $1 ORDER BY created_ms DESC LIMIT $2) RETURNING cookie_hash",
        )
        .bind(agent.0)
        .bind(i64::from(limits::SIGN_INS_PER_AGENT))
        .fetch_all(&mut *transaction)
        .await?;
        append(&mut transaction, "signed_in", Who::Agent(agent), None, now).await?;
        transaction.commit().await?;
        Ok(ended.into_iter().filter_map(|hash| hash.try_into().ok()).collect())
    }

    /// The agent behind a sign-in cookie's hash, when it is still good. Counts as activity.
    pub async fn agent_by_sign_in(&self, hash: [u8; 32], now: Timestamp) -> Result<Option<AgentGrant>, StoreError> {
        if self.is_away()
            && let Some(grant) = self.inner.seen.recall_agent(hash)
        {
            return Ok(Some(grant));
        }
        let changes = self.inner.seen.changes();
        match self.in_time(self.ask_agent(hash, now)).await {
            Ok(found) => {
                self.inner.seen.keep_agent(hash, found.as_ref(), changes);
                Ok(found)
            }
            Err(error) if error.is_away() => self.inner.seen.recall_agent(hash).map(Some).ok_or(error),
            Err(error) => Err(error),
        }
    }

    async fn ask_agent(&self, hash: TokenHash, now: Timestamp) -> Result<Option<AgentGrant>, StoreError> {
        let row = sqlx::query(
            "SELECT agents.id, agents.display_name, agents.role, agent_sign_ins.seen_ms FROM agent_sign_ins \
             JOIN agents ON agents.id = agent_sign_ins.agent WHERE cookie_hash = $1 AND expires_ms > $2 AND seen_ms > $3 AND disabled = 0",
        )
        .bind(hash.as_slice())
        .bind(now.0)
        .bind(now.before(limits::AGENT_IDLE).0)
        .fetch_optional(&self.inner.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let grant = grant(&row)?;
        let seen = Timestamp(row.try_get("seen_ms")?);
        // One synced write a minute is enough to know who idles for thirty.
        if seen < now.before(limits::AGENT_SEEN_STEP) {
            sqlx::query("UPDATE agent_sign_ins SET seen_ms = $2 WHERE cookie_hash = $1 AND seen_ms < $2")
                .bind(hash.as_slice())
                .bind(now.0)
                .execute(&self.inner.writer)
                .await?;
        }
        Ok(Some(grant))
    }

    /// Which of these cookies have ended.
    pub async fn ended_of(&self, cookies: HashSet<TokenHash>) -> Result<Vec<TokenHash>, StoreError> {
        if cookies.is_empty() {
            return Ok(Vec::new());
        }
        let good: Vec<Vec<u8>> = sqlx::query_scalar("SELECT cookie_hash FROM agent_sign_ins").fetch_all(&self.inner.readers).await?;
        let good: HashSet<TokenHash> = good.into_iter().filter_map(|hash| hash.try_into().ok()).collect();
        Ok(cookies.difference(&good).copied().collect())
    }

    /// Whether this cookie has not ended: signed out, expired, or pushed out by newer ones.
    pub async fn has_agent_sign_in(&self, cookie: TokenHash) -> Result<bool, StoreError> {
        if self.is_away() && self.inner.seen.recall_agent(cookie).is_some() {
            return Ok(true);
        }
        let asked = self.in_time(async {
            let found: Option<i64> = sqlx::query_scalar("SELECT 1 FROM agent_sign_ins WHERE cookie_hash = $1")
                .bind(cookie.as_slice())
                .fetch_optional(&self.inner.readers)
                .await?;
            Ok(found.is_some())
        });
        match asked.await {
            Err(error) if error.is_away() && self.inner.seen.recall_agent(cookie).is_some() => Ok(true),
            told => told,
        }
    }

    /// Ends one cookie. Tells whose it was.
    pub async fn sign_out_agent(&self, cookie: TokenHash, now: Timestamp) -> Result<Option<AgentId>, StoreError> {
        let mut transaction = self.begin_to_write().await?;
        let agent: Option<i64> = sqlx::query_scalar("DELETE FROM agent_sign_ins WHERE cookie_hash = $1 RETURNING agent")
            .bind(cookie.as_slice())
            .fetch_optional(&mut *transaction)
            .await?;
        if let Some(agent) = agent {
            append(&mut transaction, "signed_out", Who::Agent(AgentId(agent)), None, now).await?;
        }
        transaction.commit().await?;
        self.inner.seen.forget();
        Ok(agent.map(AgentId))
    }

    /// Ends every cookie of an agent: what an old password opened is shut with it (S9). A server that runs beside notices within a second.
    pub async fn sign_out_everywhere(&self, agent: AgentId, now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin_to_write().await?;
        let ended = sqlx::query("DELETE FROM agent_sign_ins WHERE agent = $1").bind(agent.0).execute(&mut *transaction).await?;
        if ended.rows_affected() > 0 {
            append(&mut transaction, "signed_out", Who::Service, None, now).await?;
        }
        transaction.commit().await?;
        self.inner.seen.forget();
        Ok(())
    }

    /// Ends the cookies of agents that are no longer good, and answers them, so that their sockets end too (S9). Those `at_work` do not idle,
    /// however far the wall clock was moved; the absolute end holds for them as well.
    pub async fn expire_agent_sign_ins(&self, at_work: &HashSet<TokenHash>, now: Timestamp) -> Result<Vec<TokenHash>, StoreError> {
        let idle = now.before(limits::AGENT_IDLE).0;
        let rows = sqlx::query("SELECT cookie_hash, seen_ms, expires_ms FROM agent_sign_ins WHERE expires_ms <= $1 OR seen_ms < $2")
            .bind(now.0)
            .bind(now.before(limits::AGENT_SEEN_STEP).0)
            .fetch_all(&self.inner.readers)
            .await?;
        let (mut seen, mut stale) = (Vec::new(), Vec::new());
        for row in rows {
            let Ok(cookie) = TokenHash::try_from(row.try_get::<Vec<u8>, _>("cookie_hash")?) else { continue };
            if row.try_get::<i64, _>("expires_ms")? > now.0 && at_work.contains(&cookie) {
                seen.push(cookie);
            } else if row.try_get::<i64, _>("expires_ms")? <= now.0 || row.try_get::<i64, _>("seen_ms")? <= idle {
                stale.push(cookie);
            }
        }
        if seen.is_empty() && stale.is_empty() {
            return Ok(Vec::new());
        }
        let mut ended = Vec::new();
        let mut transaction = self.begin_to_write().await?;
        for cookie in seen {
            sqlx::query("UPDATE agent_sign_ins SET seen_ms = $2 WHERE cookie_hash = $1")
                .bind(cookie.as_slice())
                .bind(now.0)
                .execute(&mut *transaction)
                .await?;
        }
        for cookie in stale {
            // Judged again: a request may have counted as activity since.
            let gone = sqlx::query("DELETE FROM agent_sign_ins WHERE cookie_hash = $1 AND (expires_ms <= $2 OR seen_ms <= $3)")
                .bind(cookie.as_slice())
                .bind(now.0)
                .bind(idle)
                .execute(&mut *transaction)
                .await?;
            if gone.rows_affected() > 0 {
                ended.push(cookie);
            }
        }
        transaction.commit().await?;
        if !ended.is_empty() {
            self.inner.seen.forget();
        }
        Ok(ended)
    }
}

/// The associated data of a sealed second factor.
fn totp(agent: AgentId) -> String {
    format!("agents.totp_sealed:{}", agent.0)
}

fn grant(row: &Row) -> Result<AgentGrant, StoreError> {
    Ok(AgentGrant {
        agent: AgentId(row.try_get("id")?),
        display_name: row.try_get("display_name")?,
        role: Role::of(&row.try_get::<String, _>("role")?),
    })
}
