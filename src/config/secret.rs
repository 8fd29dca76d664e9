//! A secret in a file that nobody else may read: the only way in which one comes here (trust.md, rule 12).

use std::fmt;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::limits;

/// A file that does not hold a secret that may be used. The operator's fault.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", path.display())]
pub struct SecretError {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong, and what would be right.
    pub why: String,
}

/// Never shown, wiped when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The text of the file, without the line break at its end. Refused when others may read the file, when it is empty or longer than
    /// `limits::SECRET_BYTES`.
    pub fn read(path: &Path) -> Result<Self, SecretError> {
        let wrong = |why: String| SecretError { path: path.to_owned(), why };
        let file = std::fs::File::open(path).map_err(|error| wrong(format!("it cannot be read: {error}")))?;
        let mode = file.metadata().map_err(|error| wrong(error.to_string()))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(wrong(String::from("others may read it; make it mode 0400")));
        }
        let mut text = Zeroizing::new(String::new());
        let read = file.take(limits::SECRET_BYTES + 1).read_to_string(&mut text);
        read.map_err(|_| wrong(String::from("it does not hold text")))?;
        if text.len() as u64 > limits::SECRET_BYTES {
            return Err(wrong(String::from("it is too long for a secret")));
        }
        let end = text.trim_end_matches(['\r', '\n']).len();
        text.truncate(end);
        if text.is_empty() { Err(wrong(String::from("it is empty"))) } else { Ok(Self(text)) }
    }

    /// One that came by a pipe.
    pub fn told(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, mode: u32) -> Result<Secret, SecretError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        Secret::read(&path)
    }

    #[test]
    fn a_secret_is_read_without_its_line_break_and_never_shown() {
        let secret = read("correct horse\n", 0o400).unwrap();
        assert_eq!(secret.text(), "correct horse");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }

    #[test]
    fn a_file_that_others_may_read_or_that_holds_nothing_is_refused() {
        assert!(read("secret", 0o440).unwrap_err().to_string().contains("mode 0400"));
        assert!(read("\n", 0o400).is_err());
        assert!(read(&"x".repeat(5_000), 0o400).is_err());
        assert!(Secret::read(Path::new("/nowhere/secret")).is_err());
    }
}
