//! What a service can be consulted about: by video or not, what is told with it, what to have ready. Knows no appointment and no screen.

use std::collections::BTreeMap;

/// A text by language (`en`, `fr`, `de`, `lb`).
pub type Texts = BTreeMap<String, String>;

/// A topic of a service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Topic {
    /// Its name.
    pub names: Texts,
    /// Whether an appointment by video may be booked for it.
    pub by_video: bool,
    /// Where to go, when it is not dealt with by video.
    pub instead: Texts,
    /// What is told before it is chosen, such as that advice is given and nothing decided; mostly empty.
    pub notice: Texts,
    /// What must be at hand, by language.
    pub required: BTreeMap<String, Vec<String>>,
    /// What helps to have at hand, by language.
    pub helpful: BTreeMap<String, Vec<String>>,
}

/// Why nobody can be booked for a topic. The fault of who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotBookable {
    /// The service has no topic of this key.
    #[error("no such topic of this service")]
    Unknown,
    /// It is not dealt with by video.
    #[error("not dealt with by video")]
    NotByVideo,
}

/// A fault of the operator in what a topic says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsaid {
    /// Not by video, and nothing is said about where to go.
    #[error("is not dealt with by video and does not say where to go instead")]
    Instead,
    /// A language says more or less than another about what to have ready.
    #[error("does not say the same number of things to have ready in every language that it names them in")]
    Ready,
}

impl Topic {
    /// The name in this language, else in English.
    pub fn name(&self, language: &str) -> &str {
        said(&self.names, language)
    }

    /// What the operator left out.
    pub fn unsaid(&self) -> Option<Unsaid> {
        let uneven = |lists: &BTreeMap<String, Vec<String>>| {
            let mut lengths = lists.values().map(Vec::len).filter(|length| *length > 0);
            lengths.next().is_some_and(|first| lengths.any(|length| length != first))
        };
        if !self.by_video && said(&self.instead, "en").is_empty() {
            return Some(Unsaid::Instead);
        }
        (uneven(&self.required) || uneven(&self.helpful)).then_some(Unsaid::Ready)
    }
}

/// The topic of this key, when somebody can be booked for it.
pub fn bookable<'a>(topics: &'a BTreeMap<String, Topic>, key: &str) -> Result<&'a Topic, NotBookable> {
    let topic = topics.get(key).ok_or(NotBookable::Unknown)?;
    if topic.by_video { Ok(topic) } else { Err(NotBookable::NotByVideo) }
}

/// The text in this language, else in English, else nothing. A text that is empty is not said.
pub fn said<'a>(texts: &'a Texts, language: &str) -> &'a str {
    let in_language = |language: &str| texts.get(language).map(String::as_str).filter(|text| !text.is_empty());
    in_language(language).or_else(|| in_language("en")).unwrap_or_default()
}

/// The list in this language, else in English, else none.
pub fn listed<'a>(lists: &'a BTreeMap<String, Vec<String>>, language: &str) -> &'a [String] {
    let in_language = |language: &str| lists.get(language).filter(|list| !list.is_empty());
    in_language(language).or_else(|| in_language("en")).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(pairs: &[(&str, &str)]) -> Texts {
        pairs.iter().map(|(language, text)| ((*language).to_owned(), (*text).to_owned())).collect()
    }

    fn topics() -> BTreeMap<String, Topic> {
        let care = Topic { names: texts(&[("en", "Care"), ("lb", "Fleeg"), ("de", "")]), by_video: true, ..Topic::default() };
        let cheques = Topic { instead: texts(&[("en", "Go to a counter.")]), ..Topic::default() };
        BTreeMap::from([("care".to_owned(), care), ("cheques".to_owned(), cheques)])
    }

    #[test]
    fn only_a_topic_of_the_service_that_is_dealt_with_by_video_is_bookable() {
        let topics = topics();
        assert_eq!(bookable(&topics, "care").map(|topic| topic.name("lb")), Ok("Fleeg"));
        assert_eq!(bookable(&topics, "cheques"), Err(NotBookable::NotByVideo));
        assert_eq!(bookable(&topics, "weather"), Err(NotBookable::Unknown));
    }

    #[test]
    fn what_a_language_does_not_say_is_said_in_english() {
        let topics = topics();
        assert_eq!((topics["care"].name("fr"), topics["care"].name("de")), ("Care", "Care"));
        assert_eq!(said(&topics["care"].notice, "fr"), "");
    }

    #[test]
    fn a_topic_not_by_video_says_where_to_go_instead() {
        let mut cheques = topics()["cheques"].clone();
        assert_eq!(cheques.unsaid(), None);
        cheques.instead.clear();
        assert_eq!(cheques.unsaid(), Some(Unsaid::Instead));
    }

    #[test]
    fn a_list_that_is_shorter_in_one_language_is_noticed_and_one_that_is_missing_is_not() {
        let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
        let mut care = topics()["care"].clone();
        care.required = BTreeMap::from([("en".to_owned(), list(&["Card", "Letter"])), ("fr".to_owned(), list(&[]))]);
        assert_eq!(care.unsaid(), None);
        care.required.insert("fr".to_owned(), list(&["Carte"]));
        assert_eq!(care.unsaid(), Some(Unsaid::Ready));
    }
}
