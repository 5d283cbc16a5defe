//! Between our milliseconds and the calendar seconds of X.509.

use std::time::Duration;

use der::DateTime;
use peerage_records::time::Timestamp;
use x509_cert::time::Time;

/// "Infinite" in the sense of the original: 1000 years of 365.25 days.
pub(crate) const INFINITE: Duration = Duration::from_secs(1000 * 31_557_600);

/// The last second X.509 can express, 9999-12-31T23:59:59Z.
const LAST_SECOND: u64 = 253_402_300_799;

/// Cuts off milliseconds and anything X.509 cannot express, so that what is compared is what is written.
pub(crate) fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_secs(time.as_secs().min(LAST_SECOND))
}

pub(super) fn to_x509(time: Timestamp) -> Time {
    Time::from(date_time(time))
}

pub(super) fn from_x509(time: &Time) -> Timestamp {
    Timestamp::from_secs(time.to_unix_duration().as_secs())
}

/// For messages to people: `2026-11-22T13:15:32Z`.
pub(crate) fn calendar(time: Timestamp) -> String {
    date_time(time).to_string()
}

fn date_time(time: Timestamp) -> DateTime {
    DateTime::from_unix_duration(Duration::from_secs(whole_seconds(time).as_secs()))
        .expect("bounded by the last second of the year 9999")
}
