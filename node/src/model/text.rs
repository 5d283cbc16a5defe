//! Times as text.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo};
use peerage_records::time::Timestamp;

/// RFC 3339 in UTC with milliseconds, for example `2026-11-22T18:30:00.250Z`.
///
/// Instants beyond the year 9999 are shown as its last one.
#[must_use]
pub fn instant_text(at: Timestamp) -> String {
    let millis = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    let instant = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
    format!("{instant:.3}")
}

/// Reads an RFC 3339 instant of 1970 or later.
///
/// # Errors
/// Says what is wrong with the text.
pub fn parse_instant(text: &str) -> Result<Timestamp, String> {
    let instant: jiff::Timestamp = text.trim().parse().map_err(|_| {
        format!(
            "{:?} is not an RFC 3339 instant such as 2026-11-22T18:30:00Z",
            clip(text)
        )
    })?;
    u64::try_from(instant.as_millisecond())
        .map(Timestamp::from_millis)
        .map_err(|_| format!("{:?} is before 1970", clip(text)))
}

/// Reads an RFC 3339 instant, or a duration from `now` such as `7d`, `12h` or `1w 2d`.
///
/// # Errors
/// Says what is wrong with the text.
pub fn parse_expiry(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    match text.trim().parse::<Span>() {
        Ok(span) => Ok(now + positive(span)?),
        Err(_) => parse_instant(text).map_err(|_| {
            format!(
                "{:?} is neither a duration such as 7d or 12h nor an instant such as 2026-11-22T18:30:00Z",
                clip(text)
            )
        }),
    }
}

/// Reads a duration such as `7d`, `12h` or `1w 2d`.
///
/// # Errors
/// Says what is wrong with the text.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let span = text
        .trim()
        .parse::<Span>()
        .map_err(|_| format!("{:?} is not a duration such as 28d or 12h", clip(text)))?;
    positive(span)
}

fn positive(span: Span) -> Result<Duration, String> {
    span.to_duration(SpanRelativeTo::days_are_24_hours())
        .ok()
        .and_then(|signed| Duration::try_from(signed).ok())
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| {
            "a duration is positive and in weeks, days, hours, minutes or seconds".to_owned()
        })
}

fn clip(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn instants_survive_text() {
        let at = Timestamp::from_millis(1_795_372_200_250);
        assert_eq!(parse_instant(&instant_text(at)).unwrap(), at);
        assert!(instant_text(at).ends_with(".250Z"));
    }

    #[test]
    fn an_expiry_is_a_duration_or_an_instant() {
        let now = Timestamp::from_secs(1_000_000);
        assert_eq!(
            parse_expiry("7d", now).unwrap(),
            now + Duration::from_secs(7 * 86_400)
        );
        assert_eq!(
            parse_expiry("1w 2h", now).unwrap(),
            now + Duration::from_secs(7 * 86_400 + 7_200)
        );
        assert_eq!(
            parse_expiry("1970-01-01T00:00:09Z", now).unwrap(),
            Timestamp::from_secs(9)
        );
        for wrong in [
            "",
            "7",
            "-7d",
            "0s",
            "1mo",
            "tomorrow",
            "1969-12-31T00:00:00Z",
        ] {
            assert!(parse_expiry(wrong, now).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,200}", now: u64) {
            let _ = parse_expiry(&text, Timestamp::from_millis(now));
            let _ = parse_instant(&text);
        }

        #[test]
        fn any_instant_has_a_text(millis: u64) {
            prop_assert!(instant_text(Timestamp::from_millis(millis)).ends_with('Z'));
        }
    }
}
