//! A participant's line in words: what the wire and the screen say of it. Knows no figure of how it was found out beyond the bounds of each word.

/// The line of one participant in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// Loss below 3 % and round trip below 300 ms.
    Good,
    /// Noticeable.
    Fair,
    /// Talking is hard.
    Poor,
    /// Nothing arrives.
    Lost,
}
