//! One thing that is wrong with a setting: where, what, and what would be right. Repeats no value of a secret: there are none among the settings.

use std::fmt;
use std::path::PathBuf;

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A line of a file, counted from 1.
    File {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
    },
    /// An environment variable.
    Environment(String),
    /// An option of the command line.
    CommandLine(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::CommandLine(option) => write!(f, "command line, {option}"),
        }
    }
}

/// A setting that stops the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands.
    pub place: Place,
    /// What is wrong.
    pub wrong: String,
    /// What would be right.
    pub right: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; right would be: {}", self.place, self.wrong, self.right)
    }
}

/// The candidate nearest to `wrong`, when it is near enough to be meant.
pub(super) fn nearest<'a>(wrong: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = wrong.chars().count() / 3 + 1;
    candidates.map(|candidate| (distance(wrong, candidate), candidate)).filter(|(far, _)| *far <= allowed).min().map(|(_, near)| near)
}

/// Levenshtein's: letters to insert, delete or replace.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_key_is_suggested_and_a_far_one_is_not() {
        let keys = || ["web.https", "web.http", "media.port"].into_iter();
        assert_eq!(nearest("web.htps", keys()), Some("web.https"));
        assert_eq!(nearest("media.prot", keys()), Some("media.port"));
        assert_eq!(nearest("zzz", keys()), None);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
