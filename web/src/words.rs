//! Every text that a person reads, in one table for each language.
//!
//! A table is a struct, so a language that lacks a text does not compile. Texts hold `{names}` that [`Words::fill`] replaces.
#![allow(
    missing_docs,
    reason = "a text's field is named after where it stands; the English table beside it says the rest"
)]

mod english;
mod german;
mod spanish;

/// A language of the app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    #[default]
    English,
    German,
    Spanish,
}

impl Language {
    /// Every language, in the order of the menu.
    pub const ALL: [Language; 3] = [Language::English, Language::German, Language::Spanish];

    /// Its texts.
    pub fn words(self) -> &'static Words {
        match self {
            Language::English => &english::WORDS,
            Language::German => &german::WORDS,
            Language::Spanish => &spanish::WORDS,
        }
    }

    /// The language of a tag such as `de-AT`; `None` for one that the app does not speak.
    pub fn of_tag(tag: &str) -> Option<Language> {
        let primary = tag.split('-').next().unwrap_or(tag);
        Language::ALL.into_iter().find(|language| language.words().tag.eq_ignore_ascii_case(primary))
    }

    /// The first of a visitor's languages that the app speaks.
    pub fn preferred<'tags>(tags: impl IntoIterator<Item = &'tags str>) -> Language {
        tags.into_iter().find_map(Language::of_tag).unwrap_or_default()
    }
}

/// All texts of one language.
#[derive(Debug)]
pub struct Words {
    /// For `<html lang>`.
    pub tag: &'static str,
    /// The language's own name for itself.
    pub name: &'static str,
    pub decimal_sign: char,
    pub common: Common,
    pub home: Home,
    pub watch: Watch,
    pub consent: Consent,
    pub sharing: SharingWords,
    pub proof: ProofWords,
    pub problems: Problems,
}

#[derive(Debug)]
pub struct Common {
    pub skip: &'static str,
    pub to_home: &'static str,
    pub menu: &'static str,
    pub streams: &'static str,
    pub embedding: &'static str,
    pub language: &'static str,
    pub theme_system: &'static str,
    pub theme_light: &'static str,
    pub theme_dark: &'static str,
    pub copy: &'static str,
    pub copied: &'static str,
    pub copy_by_hand: &'static str,
    pub try_again: &'static str,
    pub live: &'static str,
    pub viewers_one: &'static str,
    pub viewers_other: &'static str,
    pub just_now: &'static str,
    pub seconds_ago: &'static str,
    pub minutes_ago: &'static str,
    pub code: &'static str,
    pub licence: &'static str,
    pub this_relay: &'static str,
    pub no_third_parties: &'static str,
}

#[derive(Debug)]
pub struct Home {
    pub title: &'static str,
    pub headline: &'static str,
    pub lead: &'static str,
    pub watch: &'static str,
    pub publish_first: &'static str,
    pub learn: &'static str,
    pub diagram: &'static str,
    pub diagram_relay: &'static str,
    pub diagram_first: &'static str,
    pub diagram_next: &'static str,
    pub diagram_piece: &'static str,
    pub streams: &'static str,
    pub empty: &'static str,
    pub empty_how: &'static str,
    pub sharing: &'static str,
    pub points: [Point; 6],
    pub own: &'static str,
    pub publish: &'static str,
    pub publish_how: &'static str,
    pub embed: &'static str,
    pub embed_how: &'static str,
    pub embed_more: &'static str,
}

/// One thing that a newcomer should know.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    pub title: &'static str,
    pub text: &'static str,
}

#[derive(Debug)]
pub struct Watch {
    pub loading: &'static str,
    pub video: &'static str,
    pub sound_off: &'static str,
    pub quality: &'static str,
    pub automatic: &'static str,
    pub traffic: &'static str,
    pub from_viewers: &'static str,
    pub from_relay: &'static str,
    pub given: &'static str,
    pub share_of_viewers: &'static str,
    pub minute: &'static str,
    pub minute_text: &'static str,
    pub viewers_short: &'static str,
    pub relay_short: &'static str,
    pub minute_ago: &'static str,
    pub now: &'static str,
    pub limits: &'static str,
    pub upload_limit: &'static str,
    pub only_receive: &'static str,
    pub metered: &'static str,
    pub metered_why: &'static str,
    pub details: &'static str,
    pub picture: &'static str,
    pub buffer: &'static str,
    pub stalls: &'static str,
    pub links: &'static str,
    pub line: &'static str,
    pub line_open: &'static str,
    pub line_opening: &'static str,
    pub line_lost: &'static str,
    pub line_closed: &'static str,
    pub publisher: &'static str,
    pub presentation: &'static str,
    pub identity: &'static str,
    pub embed: &'static str,
}

#[derive(Debug)]
pub struct Consent {
    pub question: &'static str,
    pub text: &'static str,
    pub seen: &'static str,
    pub yes: &'static str,
    pub no: &'static str,
    pub remembered: &'static str,
}

#[derive(Debug)]
pub struct SharingWords {
    pub switch: &'static str,
    pub unavailable: &'static str,
    pub unavailable_why: &'static str,
    pub failed: &'static str,
    pub failed_why: &'static str,
    pub off: &'static str,
    pub off_why: &'static str,
    pub starting: &'static str,
    pub starting_why: &'static str,
    pub connecting: &'static str,
    pub connecting_why: &'static str,
    pub reconnecting: &'static str,
    pub reconnecting_why: &'static str,
    pub alone: &'static str,
    pub alone_why: &'static str,
    pub looking: &'static str,
    pub looking_why: &'static str,
    pub both_one: &'static str,
    pub both_other: &'static str,
    pub both_why: &'static str,
    pub both_spoken: &'static str,
    pub taking_one: &'static str,
    pub taking_other: &'static str,
    pub taking_why: &'static str,
    pub taking_spoken: &'static str,
    pub held: &'static str,
    pub held_metered: &'static str,
    pub held_battery: &'static str,
    pub held_hidden: &'static str,
    pub held_paused: &'static str,
}

#[derive(Debug)]
pub struct ProofWords {
    pub verified: &'static str,
    pub pending: &'static str,
    pub reported: &'static str,
    pub distrusted: &'static str,
    pub how: &'static str,
    pub pieces: &'static str,
    pub pieces_verified: &'static str,
    pub pieces_pending: &'static str,
    pub pieces_distrusted: &'static str,
    pub pieces_steps: [&'static str; 4],
    pub viewers_reported: &'static str,
    pub viewers_steps: [&'static str; 2],
}

/// What happened and what still works; then what to do.
#[derive(Clone, Copy, Debug)]
pub struct Problem {
    pub title: &'static str,
    pub text: &'static str,
}

#[derive(Debug)]
pub struct Problems {
    pub page_missing: Problem,
    pub stream_not_found: Problem,
    pub relay_silent: Problem,
    pub network: Problem,
    pub record_invalid: Problem,
    pub codec_unsupported: Problem,
    pub media_error: Problem,
    pub node_failed: Problem,
    pub ticket_refused: Problem,
    pub relay_refused: Problem,
    pub player_missing: Problem,
    pub unknown: Problem,
    pub all_streams: &'static str,
}

impl Words {
    /// The text of a code that the player reports; `None` for one that this build does not know.
    pub fn problem(&self, code: &str) -> Option<Problem> {
        let problems = &self.problems;
        Some(match code {
            "stream_not_found" => problems.stream_not_found,
            "network" => problems.network,
            "record_invalid" => problems.record_invalid,
            "codec_unsupported" => problems.codec_unsupported,
            "media_error" => problems.media_error,
            "node_failed" => problems.node_failed,
            "ticket_refused" => problems.ticket_refused,
            "relay_refused" => problems.relay_refused,
            "player_missing" => problems.player_missing,
            "relay_silent" => problems.relay_silent,
            _ => return None,
        })
    }

    /// Puts values in the place of `{names}`.
    pub fn fill(&self, text: &str, values: &[(&str, &str)]) -> String {
        values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    }

    /// The singular or the plural, with its number in the place of `{n}`.
    pub fn counted(&self, one: &str, other: &str, count: u64) -> String {
        let text = if count == 1 { one } else { other };
        self.fill(text, &[("n", &crate::format::count(count))])
    }

    /// How many viewers.
    pub fn viewers(&self, count: u32) -> String {
        self.counted(self.common.viewers_one, self.common.viewers_other, u64::from(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visitor_gets_the_first_language_that_the_app_speaks() {
        assert_eq!(Language::preferred(["fr-FR", "de-AT", "en"]), Language::German);
        assert_eq!(Language::preferred(["ES"]), Language::Spanish);
        assert_eq!(Language::preferred(["ja"]), Language::English);
        assert_eq!(Language::preferred([]), Language::English);
    }

    #[test]
    fn every_language_fills_the_same_places() {
        let places = |language: Language| {
            let text = format!("{:?}", language.words());
            let mut places: Vec<String> = text
                .split('{')
                .skip(1)
                .filter_map(|rest| rest.split_once('}'))
                .map(|(name, _)| name.to_owned())
                .filter(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase()))
                .collect();
            places.sort();
            places
        };
        let english = places(Language::English);
        assert!(english.len() > 10, "{english:?}");
        for language in Language::ALL {
            assert_eq!(places(language), english, "{language:?}");
        }
    }

    #[test]
    fn every_code_of_the_player_has_a_text_of_its_own() {
        let codes = [
            "stream_not_found",
            "network",
            "record_invalid",
            "codec_unsupported",
            "media_error",
            "node_failed",
            "ticket_refused",
            "relay_refused",
        ];
        for language in Language::ALL {
            for code in codes {
                assert!(language.words().problem(code).is_some(), "{language:?} {code}");
            }
        }
        assert!(Language::English.words().problem("weather").is_none());
    }
}
