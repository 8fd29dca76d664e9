//! Who is put on which slot of one participant. Pure choice: keeps what holds, pairs a person's sound with their picture, moves nobody needlessly.

use crate::ids::ParticipantId;
use crate::sfu::negotiated::Source;

/// A slot as far as choosing goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Picture or sound.
    pub video: bool,
    /// The n-th of its kind.
    pub pair: u8,
}

/// Another participant, with the sources that this one could be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person {
    /// Who.
    pub participant: ParticipantId,
    /// Sound.
    pub microphone: bool,
    /// Picture.
    pub camera: bool,
    /// Screen.
    pub screen: bool,
}

impl Person {
    fn has(&self, source: Source) -> bool {
        match source {
            Source::Microphone => self.microphone,
            Source::Camera => self.camera,
            Source::Screen => self.screen,
        }
    }
}

/// Somebody's source, or nobody's.
pub type Occupant = Option<(ParticipantId, Source)>;

/// Changes `occupants`, one for each of `places`, into what they should be for these `people`, who stand in the order in which they are served.
pub fn assign(places: &[Place], people: &[Person], occupants: &mut [Occupant]) {
    for occupant in occupants.iter_mut() {
        let holds = occupant.is_some_and(|(who, source)| people.iter().any(|person| person.participant == who && person.has(source)));
        if !holds {
            *occupant = None;
        }
    }
    for person in people {
        seat(places, person, occupants);
    }
    for person in people.iter().filter(|person| person.screen) {
        let wanted = Some((person.participant, Source::Screen));
        if occupants.contains(&wanted) {
            continue;
        }
        // The last picture slot has no sound beside it and is meant for screens; the others serve when no person needs them.
        let mut free: Vec<usize> = (0..places.len()).filter(|at| places[*at].video && occupants[*at].is_none()).collect();
        free.sort_by_key(|at| (sound_taken(places, occupants, places[*at].pair), std::cmp::Reverse(places[*at].pair)));
        if let Some(at) = free.first() {
            occupants[*at] = wanted;
        }
    }
}

/// Sound and picture of a person on one pair, so that a browser keeps lips in sync.
fn seat(places: &[Place], person: &Person, occupants: &mut [Occupant]) {
    let own = |source| Some((person.participant, source));
    let place_of = |occupants: &[Occupant], source| occupants.iter().position(|occupant| *occupant == own(source));
    let needs_microphone = person.microphone && place_of(occupants, Source::Microphone).is_none();
    let needs_camera = person.camera && place_of(occupants, Source::Camera).is_none();
    if !needs_microphone && !needs_camera {
        return;
    }
    let current = place_of(occupants, Source::Microphone).or(place_of(occupants, Source::Camera)).map(|at| places[at].pair);
    let find = |video: bool, pair: u8| places.iter().position(|place| place.video == video && place.pair == pair);
    let free = |occupants: &[Occupant], video: bool, pair: u8| find(video, pair).filter(|at| occupants[*at].is_none());
    // First the pair that the person has, then one where both fit, then one for the sound alone: being heard comes before being seen.
    let pairs = || (0..places.len() as u8).filter(|pair| find(false, *pair).is_some() || find(true, *pair).is_some());
    let fits = |occupants: &[Occupant], pair: &u8| {
        (!needs_microphone || free(occupants, false, *pair).is_some()) && (!needs_camera || free(occupants, true, *pair).is_some())
    };
    let pair = current
        .filter(|pair| fits(occupants, pair))
        .or_else(|| {
            pairs().find(|pair| fits(occupants, pair) && !(needs_microphone && !needs_camera && picture_taken(places, occupants, *pair)))
        })
        .or_else(|| pairs().find(|pair| fits(occupants, pair)));
    match pair {
        Some(pair) => {
            if needs_microphone && let Some(at) = free(occupants, false, pair) {
                occupants[at] = own(Source::Microphone);
            }
            if needs_camera && let Some(at) = free(occupants, true, pair) {
                occupants[at] = own(Source::Camera);
            }
        }
        None => {
            for (needed, video, source) in [(needs_microphone, false, Source::Microphone), (needs_camera, true, Source::Camera)] {
                if needed && let Some(at) = pairs().find_map(|pair| free(occupants, video, pair)) {
                    occupants[at] = own(source);
                }
            }
        }
    }
}

fn sound_taken(places: &[Place], occupants: &[Occupant], pair: u8) -> bool {
    taken(places, occupants, false, pair)
}

fn picture_taken(places: &[Place], occupants: &[Occupant], pair: u8) -> bool {
    taken(places, occupants, true, pair)
}

fn taken(places: &[Place], occupants: &[Occupant], video: bool, pair: u8) -> bool {
    places.iter().zip(occupants).any(|(place, occupant)| place.video == video && place.pair == pair && occupant.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Place = Place { video: false, pair: 0 };
    const PLACES: [Place; 7] = [
        A,
        Place { video: true, pair: 0 },
        Place { video: false, pair: 1 },
        Place { video: true, pair: 1 },
        Place { video: false, pair: 2 },
        Place { video: true, pair: 2 },
        Place { video: true, pair: 3 },
    ];

    fn person(number: u8, screen: bool) -> Person {
        Person { participant: ParticipantId(number), microphone: true, camera: true, screen }
    }

    /// `m1 c1 - - s2` and so on.
    fn shown(occupants: &[Occupant]) -> String {
        let word = |occupant: &Occupant| match occupant {
            Some((who, Source::Microphone)) => format!("m{}", who.0),
            Some((who, Source::Camera)) => format!("c{}", who.0),
            Some((who, Source::Screen)) => format!("s{}", who.0),
            None => String::from("-"),
        };
        occupants.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn people_come_and_go_without_moving_the_others() {
        let mut occupants = [None; 7];
        assign(&PLACES, &[person(1, false), person(2, false)], &mut occupants);
        assert_eq!(shown(&occupants), "m1 c1 m2 c2 - - -");
        assign(&PLACES, &[person(2, true)], &mut occupants);
        assert_eq!(shown(&occupants), "- - m2 c2 - - s2");
        assign(&PLACES, &[person(2, false), person(3, true), person(4, true)], &mut occupants);
        assert_eq!(shown(&occupants), "m3 c3 m2 c2 m4 c4 s3");
        assign(&PLACES, &[], &mut occupants);
        assert_eq!(shown(&occupants), "- - - - - - -");
    }

    #[test]
    fn a_second_screen_takes_a_free_picture_slot() {
        let mut occupants = [None; 7];
        assign(&PLACES, &[person(1, true), person(2, true)], &mut occupants);
        assert_eq!(shown(&occupants), "m1 c1 m2 c2 - s2 s1");
    }

    #[test]
    fn sound_alone_and_picture_later_stay_a_pair() {
        let mut occupants = [None; 7];
        let quiet = Person { camera: false, ..person(1, false) };
        assign(&PLACES, &[quiet, person(2, false)], &mut occupants);
        assert_eq!(shown(&occupants), "m1 - m2 c2 - - -");
        assign(&PLACES, &[person(1, false), person(2, false)], &mut occupants);
        assert_eq!(shown(&occupants), "m1 c1 m2 c2 - - -");
    }

    #[test]
    fn with_few_slots_being_heard_comes_first() {
        let mut occupants = [None; 1];
        assign(&[A], &[person(1, true), person(2, false)], &mut occupants);
        assert_eq!(shown(&occupants), "m1");
    }

    #[test]
    fn more_people_than_slots_leave_the_last_out() {
        let mut occupants = [None; 7];
        assign(&PLACES, &[person(1, false), person(2, false), person(3, false), person(4, false)], &mut occupants);
        assert_eq!(shown(&occupants), "m1 c1 m2 c2 m3 c3 c4");
    }
}
