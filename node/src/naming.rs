//! Finding what somebody means by a name.
//!
//! Peer names derive from keys and cannot be imitated. Friendly names can: anybody may choose one that
//! is taken, or that looks like it. So a friendly name stands for something only while nothing else
//! is called or looks the same; otherwise the answer is who could be meant, never a guess.

use data_encoding::HEXLOWER_PERMISSIVE;
use peerage_protocol::name::PeerName;
use unicode_security::confusable_detection::skeleton;

/// Shortest part of a peer name that stands for the whole.
pub(crate) const MIN_PREFIX_CHARS: usize = 4;

/// Who could be meant, as far as an error tells it.
const MAX_CANDIDATES_TOLD: usize = 8;

/// Something that has names.
pub(crate) struct Candidate<'a, T> {
    /// Decides.
    pub(crate) peer_name: String,
    /// For people.
    pub(crate) friendly_name: &'a str,
    /// What is named.
    pub(crate) item: T,
}

/// What a name stands for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Selected<T> {
    /// This, and nothing else.
    One(T),
    /// Nothing.
    None,
    /// Several, or several look the same: their peer names, for a message.
    Several(String),
}

/// A whole peer name wins, or the P2P id of one (32 hex digits); then a unique beginning of one, or a friendly name that nothing else has
/// or looks like.
pub(crate) fn select<'a, T>(
    wanted: &str,
    candidates: impl Iterator<Item = Candidate<'a, T>>,
) -> Selected<T> {
    let looks = looks_of(wanted);
    let by_id = p2p_id_of(wanted);
    let mut exact = Vec::new();
    let mut meant = Vec::new();
    let mut alike = Vec::new();
    for candidate in candidates {
        if candidate.peer_name == wanted
            || by_id.is_some_and(|id| has_p2p_id(&candidate.peer_name, &id))
        {
            exact.push(candidate);
            continue;
        }
        let begins =
            wanted.chars().count() >= MIN_PREFIX_CHARS && candidate.peer_name.starts_with(wanted);
        if begins || candidate.friendly_name == wanted {
            meant.push(candidate);
        } else if looks_of(candidate.friendly_name) == looks {
            alike.push(candidate.peer_name);
        }
    }
    if !exact.is_empty() {
        (meant, alike) = (exact, Vec::new());
    }
    if meant.len() == 1 && alike.is_empty() {
        return meant
            .pop()
            .map_or(Selected::None, |only| Selected::One(only.item));
    }
    if meant.is_empty() {
        // What only looks like the name is not called so.
        return Selected::None;
    }
    let mut names: Vec<String> = meant
        .into_iter()
        .map(|candidate| candidate.peer_name)
        .chain(alike)
        .collect();
    names.sort();
    names.dedup();
    let more = names.len().saturating_sub(MAX_CANDIDATES_TOLD);
    names.truncate(MAX_CANDIDATES_TOLD);
    let mut text = names.join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    Selected::Several(text)
}

/// The P2P id that somebody wrote as hex.
fn p2p_id_of(wanted: &str) -> Option<[u8; 16]> {
    let id = HEXLOWER_PERMISSIVE.decode(wanted.as_bytes()).ok()?;
    id.try_into().ok()
}

fn has_p2p_id(peer_name: &str, id: &[u8; 16]) -> bool {
    peer_name
        .parse::<PeerName>()
        .is_ok_and(|name| name.p2p_id() == *id)
}

/// What a reader's eye makes of a name: without what is invisible, letters that look alike taken for
/// each other (UTS 39), in lower case, with single blanks.
pub(crate) fn looks_of(name: &str) -> String {
    let seen: String = name.chars().filter(|c| !is_invisible(*c)).collect();
    let lower: String = skeleton(&seen).flat_map(char::to_lowercase).collect();
    // Once more, because a capital may look like what its small letter does not.
    let again: String = skeleton(&lower).collect();
    again.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text from others, such as a friendly name, without what could take hold of a terminal or deceive who
/// reads it. Each such character becomes `\u{fffd}`.
#[must_use]
pub fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| if is_deceptive(c) { '\u{fffd}' } else { c })
        .collect()
}

/// Could take hold of a terminal, turn around what follows, or hide in it. Not the joiners and selectors
/// that some scripts and emoji need.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Takes no room, or changes the direction of what follows.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(wanted: &str, all: &[(&str, &str)]) -> Selected<usize> {
        let candidates = all
            .iter()
            .enumerate()
            .map(|(item, (peer_name, friendly_name))| Candidate {
                peer_name: (*peer_name).to_owned(),
                friendly_name,
                item,
            });
        select(wanted, candidates)
    }

    #[test]
    fn a_peer_name_wins_over_whoever_calls_itself_so() {
        let all = [("aaaa1111.x", "Ada"), ("bbbb2222.x", "aaaa1111.x")];
        assert_eq!(of("aaaa1111.x", &all), Selected::One(0));
        assert_eq!(of("bbbb", &all), Selected::One(1));
        assert_eq!(
            of("bbb", &all),
            Selected::None,
            "too short to stand for one"
        );
        assert_eq!(of("Ada", &all), Selected::One(0));
        assert_eq!(of("ada", &all), Selected::None);
        // One group, in which two identities of this node are.
        let twice = [("aaaa1111.x", "Chess"), ("aaaa1111.x", "Chess")];
        let both = Selected::Several("aaaa1111.x".to_owned());
        assert_eq!(of("aaaa1111.x", &twice), both);
        assert_eq!(of("Chess", &twice), both);
    }

    #[test]
    fn a_p2p_id_stands_for_its_name_and_nobody_can_call_himself_so() {
        let name: PeerName = format!("{}.chess", "ab".repeat(20)).parse().unwrap();
        let (id, text) = (name.p2p_id(), name.to_string());
        let hex = data_encoding::HEXLOWER.encode(&id);
        let all = [(text.as_str(), "Chess"), ("bbbb2222.x", hex.as_str())];
        assert_eq!(of(&hex, &all), Selected::One(0));
        assert_eq!(of(&hex.to_uppercase(), &all), Selected::One(0));
        assert_eq!(of(&hex[..31], &all), Selected::None);
    }

    #[test]
    fn m19_a_name_that_looks_like_another_stands_for_nobody() {
        for imitation in [
            "Ada",
            "ada",
            "\u{410}da",   // Cyrillic A
            "A\u{200b}da", // with something invisible
            "\u{202e}Ada", // with a change of direction
            " Ada ",
            "Ad\u{251}", // Latin alpha
        ] {
            let all = [("aaaa1111.x", "Ada"), ("bbbb2222.x", imitation)];
            assert_eq!(
                of("Ada", &all),
                Selected::Several("aaaa1111.x, bbbb2222.x".to_owned()),
                "{imitation:?}"
            );
            assert_eq!(of("aaaa", &all), Selected::One(0));
        }
        let all = [("aaaa1111.x", "Ada"), ("bbbb2222.x", "Ben")];
        assert_eq!(of("Ada", &all), Selected::One(0));
    }

    #[test]
    fn a_friendly_name_that_begins_like_a_key_makes_it_ambiguous() {
        let all = [("aaaa1111.x", "Ada"), ("bbbb2222.x", "aaaa")];
        assert!(matches!(of("aaaa", &all), Selected::Several(_)));
    }

    #[test]
    fn an_answer_does_not_list_a_thousand() {
        let names: Vec<String> = (0..100).map(|number| format!("{number:04}.x")).collect();
        let all: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "Ada")).collect();
        let Selected::Several(text) = of("Ada", &all) else {
            panic!("several")
        };
        assert!(text.ends_with("and 92 more"), "{text}");
    }
}
