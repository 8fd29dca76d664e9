//! From settings to the place where the store lives. Reads the password of the database and nothing else.

use super::StartError;
use crate::config::Config;
use crate::config::secret::Secret;
use crate::store::{Database, Home};

/// Where the store of these settings lives.
pub fn home(config: &Config) -> Result<Home, StartError> {
    let database = match &config.database {
        None => Database::Embedded,
        Some(address) => {
            let password = config.database_password_file.as_deref().map(Secret::read).transpose()?;
            Database::postgres(address, password.as_ref().map(Secret::text)).ok_or(StartError::DatabaseAddress)?
        }
    };
    Ok(Home { directory: config.data_directory.clone(), database })
}
