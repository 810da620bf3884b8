//! Numbers as people read them: decimal units, thin spaces, the reader's own decimal sign.

use crate::words::Words;

/// Keeps a number and its unit on one line.
const NO_BREAK_SPACE: char = '\u{a0}';
/// Groups digits without being mistaken for a decimal sign.
const THIN_SPACE: char = '\u{202f}';

/// How many of the base unit, and the unit's sign.
type Unit = (f64, &'static str);

const DATA_UNITS: [Unit; 4] = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B")];
const RATE_UNITS: [Unit; 4] = [(1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s"), (1.0, "bit/s")];

/// A number and its unit, apart so that a page can set them in different sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantity {
    /// The number, rounded to what is worth reading.
    pub number: String,
    /// Its unit.
    pub unit: &'static str,
}

impl core::fmt::Display for Quantity {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "{}{NO_BREAK_SPACE}{}", self.number, self.unit)
    }
}

/// An amount of data. It keeps its decimal, so that a running count does not jump.
pub fn data(bytes: f64, words: &Words) -> Quantity {
    scaled(bytes, &DATA_UNITS, |value| decimal(value, if value < 99.95 { 1 } else { 0 }, words))
}

/// A rate, given in bits a second.
pub fn rate(bits_per_second: f64, words: &Words) -> Quantity {
    scaled(bits_per_second, &RATE_UNITS, |value| short(value, if value < 99.95 { 1 } else { 0 }, words))
}

/// What an upload limit amounts to in an hour, exactly enough to rely on.
pub fn hourly(bits_per_second: f64, words: &Words) -> Quantity {
    scaled(bits_per_second / 8.0 * 3600.0, &DATA_UNITS, |value| short(value, 2, words))
}

fn scaled(value: f64, units: &[Unit; 4], write: impl Fn(f64) -> String) -> Quantity {
    // 999.6 kB would round to "1000 kB"; the next unit takes over a little early.
    let found = units.iter().find(|(size, _)| value >= size * 0.9995).unwrap_or(&units[3]);
    let (size, unit) = *found;
    let number = if size == 1.0 { format!("{value:.0}") } else { write(value / size) };
    Quantity { number, unit }
}

/// Without zeros at the end.
fn short(value: f64, decimals: usize, words: &Words) -> String {
    let text = decimal(value, decimals, words);
    if text.contains(words.decimal_sign) {
        text.trim_end_matches('0').trim_end_matches(words.decimal_sign).to_owned()
    } else {
        text
    }
}

/// A number with a fixed count of decimals, digits grouped by threes.
pub fn decimal(value: f64, decimals: usize, words: &Words) -> String {
    let text = format!("{value:.decimals$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut out = grouped(whole);
    if !fraction.is_empty() {
        out.push(words.decimal_sign);
        out.push_str(fraction);
    }
    out
}

/// A count of things.
pub fn count(value: u64) -> String {
    grouped(&value.to_string())
}

fn grouped(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        let left = digits.len() - index;
        if index > 0 && left % 3 == 0 && digits.len() > 4 {
            out.push(THIN_SPACE);
        }
        out.push(digit);
    }
    out
}

/// Part of a whole in percent; `None` while there is no whole.
pub fn percent(part: f64, whole: f64) -> Option<String> {
    (whole > 0.0).then(|| format!("{:.0}{NO_BREAK_SPACE}%", part / whole * 100.0))
}

/// How long a stream runs, in the two largest units that matter.
pub fn duration(seconds: f64) -> String {
    let total = seconds.round().max(0.0) as u64;
    let (hours, minutes, seconds) = (total / 3600, total / 60 % 60, total % 60);
    let text = match (hours, minutes, seconds) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    };
    text.replace(' ', &NO_BREAK_SPACE.to_string())
}

/// A key or an address, shortened in the middle.
pub fn short_hex(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    if characters.len() <= 12 {
        return text.to_owned();
    }
    let (head, tail) = (&characters[..6], &characters[characters.len() - 4..]);
    format!("{}…{}", head.iter().collect::<String>(), tail.iter().collect::<String>())
}

/// How long ago something was, for times that are read while they change.
pub fn ago(seconds: f64, words: &Words) -> String {
    let seconds = seconds.max(0.0);
    if seconds < 5.0 {
        words.common.just_now.to_owned()
    } else if seconds < 60.0 {
        words.fill(words.common.seconds_ago, &[("n", &format!("{:.0}", (seconds / 5.0).floor() * 5.0))])
    } else {
        words.fill(words.common.minutes_ago, &[("n", &format!("{:.0}", (seconds / 60.0).floor()))])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Language;

    fn english() -> &'static Words {
        Language::English.words()
    }

    #[test]
    fn data_is_written_in_the_unit_that_fits() {
        let shown = |bytes| data(bytes, english()).to_string().replace(NO_BREAK_SPACE, " ");
        assert_eq!(shown(0.0), "0 B");
        assert_eq!(shown(999.0), "999 B");
        assert_eq!(shown(1_000.0), "1.0 kB");
        assert_eq!(shown(12_440_000.0), "12.4 MB");
        assert_eq!(shown(999_600.0), "1.0 MB");
        assert_eq!(shown(123_400_000.0), "123 MB");
        assert_eq!(shown(2_040_000_000.0), "2.0 GB");
    }

    #[test]
    fn each_language_has_its_decimal_sign() {
        assert_eq!(rate(2_500_000.0, english()).number, "2.5");
        assert_eq!(rate(2_500_000.0, Language::German.words()).number, "2,5");
        assert_eq!(rate(2_500_000.0, Language::Spanish.words()).number, "2,5");
    }

    #[test]
    fn two_megabits_are_nine_hundred_megabytes_an_hour() {
        assert_eq!(hourly(2_000_000.0, english()), Quantity { number: "900".into(), unit: "MB" });
        assert_eq!(hourly(5_000_000.0, english()), Quantity { number: "2.25".into(), unit: "GB" });
        assert_eq!(hourly(10_000_000.0, english()), Quantity { number: "4.5".into(), unit: "GB" });
    }

    #[test]
    fn long_counts_are_grouped_and_short_ones_are_not() {
        assert_eq!(count(1204), "1204");
        assert_eq!(count(12_040), "12\u{202f}040");
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
    }

    #[test]
    fn durations_name_their_two_largest_units() {
        let shown = |seconds| duration(seconds).replace(NO_BREAK_SPACE, " ");
        assert_eq!(shown(45.0), "45 s");
        assert_eq!(shown(120.0), "2 min");
        assert_eq!(shown(125.4), "2 min 5 s");
        assert_eq!(shown(7200.0), "2 h");
        assert_eq!(shown(4361.0), "1 h 12 min");
    }

    #[test]
    fn a_part_of_nothing_is_no_number() {
        assert_eq!(percent(1.0, 0.0), None);
        assert_eq!(percent(3.0, 4.0).as_deref(), Some("75\u{a0}%"));
    }

    #[test]
    fn keys_are_shortened_in_the_middle() {
        assert_eq!(short_hex("0123456789abcdef"), "012345…cdef");
        assert_eq!(short_hex("0123"), "0123");
    }

    #[test]
    fn times_move_in_steps_that_a_reader_can_follow() {
        assert_eq!(ago(1.0, english()), "just now");
        assert_eq!(ago(13.0, english()), "10 s ago");
        assert_eq!(ago(150.0, english()), "2 min ago");
    }
}
