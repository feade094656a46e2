//! Durations, sizes and moments, as people write and read them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Reads a duration: `30s`, `5m`, `1h30m`, `1.5h`, `2d`, `250ms`; a bare number is seconds.
///
/// # Errors
/// Says what a duration looks like.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    const HELP: &str = "a duration is written like 30s, 5m, 1h30m or 2d";
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).map_err(|_| HELP.to_owned());
    }
    let mut seconds = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let (number, after) = split_where(rest, |c| !c.is_ascii_digit() && c != '.');
        let (unit, after) = split_where(after, |c| c.is_ascii_digit() || c == '.');
        let number: f64 = number.parse().map_err(|_| HELP.to_owned())?;
        seconds += number * unit_seconds(unit).ok_or(HELP)?;
        rest = after;
    }
    if text.is_empty() {
        return Err(HELP.to_owned());
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| HELP.to_owned())
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return None,
    })
}

fn split_where(text: &str, found: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(found).unwrap_or(text.len()))
}

/// Reads a number of bytes: `65536`, `64k`, `10MiB`, `1G` (powers of 1024), `10MB` (powers of 1000).
///
/// # Errors
/// Says what a size looks like.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let help = || "a size is written like 65536, 64KiB, 10MiB or 1GiB".to_owned();
    let (number, unit) = split_where(text, |c| !c.is_ascii_digit());
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err(help()),
    };
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)).ok_or_else(help)
}

/// Reads a moment: how long ago (`1h`), or an RFC 3339 time (`2026-05-01T08:00:00Z`).
///
/// # Errors
/// Says what a moment looks like.
pub fn parse_moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(moment) = text.parse() {
        return Ok(moment);
    }
    let help = || "a moment is written like 1h (ago) or 2026-05-01T08:00:00Z".to_owned();
    let ago = parse_duration(text).map_err(|_| help())?;
    Timestamp::now().checked_sub(ago).map_err(|_| help())
}

/// Writes a duration with its two largest units: `640ms`, `4.2s`, `3m12s`, `2h5m`, `3d4h`.
#[must_use]
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{}ms", duration.as_millis()),
        // Cut, not rounded, so that 59.96 s does not become 60.0s.
        1..60 => format!("{seconds}.{}s", duration.subsec_millis() / 100),
        60..3600 => format!("{}m{}s", seconds / 60, seconds % 60),
        3600..86400 => format!("{}h{}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d{}h", seconds / 86400, seconds % 86400 / 3600),
    }
}

/// Writes a moment in full, to the millisecond.
#[must_use]
pub fn moment(moment: Timestamp) -> String {
    format!("{moment:.3}")
}

/// Writes how long before `now` a moment was, with its largest unit: `12s`, `5m`, `3h`, `8d`.
#[must_use]
pub fn age(moment: Timestamp, now: Timestamp) -> String {
    // Clocks of two machines differ a little: what seems to lie ahead is now.
    let seconds = now.duration_since(moment).max(SignedDuration::ZERO).as_secs();
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86400),
    }
}

/// Writes a number of bytes: `512 B`, `1.5 KiB`, `10.0 MiB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    let tenths = |unit: u64| {
        let tenths = u128::from(bytes) * 10 / u128::from(unit);
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    match bytes {
        ..0x400 => format!("{bytes} B"),
        0x400..0x10_0000 => format!("{} KiB", tenths(1 << 10)),
        0x10_0000..0x4000_0000 => format!("{} MiB", tenths(1 << 20)),
        _ => format!("{} GiB", tenths(1 << 30)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, millis) in [
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("1.5h", 5_400_000),
            ("2d", 172_800_000),
            ("250ms", 250),
            ("90", 90_000),
            ("0.5", 500),
        ] {
            assert_eq!(parse_duration(text).unwrap(), Duration::from_millis(millis), "{text}");
        }
        for bad in ["", "m", "5x", "5m3", "-5s", "-5", "1..5s", "5 m", "inf", "nan", "1e400d", "99999999999999999999d"]
        {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_are_read() {
        for (text, bytes) in
            [("65536", 65536), ("64k", 65536), ("10MiB", 10 << 20), ("1G", 1 << 30), ("10MB", 10_000_000), ("0", 0)]
        {
            assert_eq!(parse_size(text).unwrap(), bytes, "{text}");
        }
        for bad in ["", "k", "-1", "1.5M", "1T", "99999999999999999999", "18446744073709551615k"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn moments_are_read() {
        assert_eq!(parse_moment("2026-05-01T08:00:00Z").unwrap().to_string(), "2026-05-01T08:00:00Z");
        let moment = parse_moment("1h").unwrap();
        let hour_ago = Timestamp::now().duration_since(moment).as_secs();
        assert!((3600..3605).contains(&hour_ago), "{hour_ago}");
        assert!(parse_moment("yesterday").unwrap_err().contains("1h"));
        assert!(parse_moment("999999999d").is_err());
    }

    #[test]
    fn durations_ages_and_sizes_are_written() {
        for (millis, text) in [
            (640, "640ms"),
            (4_260, "4.2s"),
            (59_990, "59.9s"),
            (192_000, "3m12s"),
            (7_500_000, "2h5m"),
            (273_600_000, "3d4h"),
        ] {
            assert_eq!(duration(Duration::from_millis(millis)), text);
        }
        let now: Timestamp = "2026-05-01T08:00:00Z".parse().unwrap();
        for (then, text) in [
            ("2026-05-01T07:59:48Z", "12s"),
            ("2026-05-01T07:55:00Z", "5m"),
            ("2026-05-01T05:00:00Z", "3h"),
            ("2026-04-23T07:00:00Z", "8d"),
            ("2026-05-01T08:00:05Z", "0s"),
        ] {
            assert_eq!(age(then.parse().unwrap(), now), text);
        }
        assert_eq!(moment("2026-05-01T08:00:00.12345Z".parse().unwrap()), "2026-05-01T08:00:00.123Z");
        for (bytes, text) in [(512, "512 B"), (1536, "1.5 KiB"), (10 << 20, "10.0 MiB"), (3 << 30, "3.0 GiB")] {
            assert_eq!(size(bytes), text);
        }
    }
}
