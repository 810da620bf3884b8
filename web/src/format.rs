//! Numbers as people read them: decimal units, thin spaces, the reader's own decimal sign.
//!
//! All of it is integer arithmetic: the standard library's decimal output of floats is 20 KB of the shell.

use crate::words::Words;

/// Keeps a number and its unit on one line.
const NO_BREAK_SPACE: char = '\u{a0}';
/// Groups digits without being mistaken for a decimal sign.
const THIN_SPACE: char = '\u{202f}';

/// How many of the base unit, and the unit's sign.
type Unit = (u64, &'static str);

const DATA_UNITS: [Unit; 4] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB"), (1, "B")];
const RATE_UNITS: [Unit; 4] =
    [(1_000_000_000, "Gbit/s"), (1_000_000, "Mbit/s"), (1000, "kbit/s"), (1, "bit/s")];

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
pub fn data(bytes: u64, words: &Words) -> Quantity {
    let (size, unit) = unit_for(bytes, &DATA_UNITS);
    Quantity { number: decimal(bytes, size, one_below_hundred(bytes, size), words), unit }
}

/// A rate, given in bits a second.
pub fn rate(bits_per_second: u64, words: &Words) -> Quantity {
    let (size, unit) = unit_for(bits_per_second, &RATE_UNITS);
    let decimals = one_below_hundred(bits_per_second, size);
    Quantity { number: without_zeros(decimal(bits_per_second, size, decimals, words), words), unit }
}

/// What an upload limit amounts to in an hour, exactly enough to rely on.
pub fn hourly(bits_per_second: u64, words: &Words) -> Quantity {
    let bytes = bits_per_second.saturating_mul(3600) / 8;
    let (size, unit) = unit_for(bytes, &DATA_UNITS);
    Quantity { number: without_zeros(decimal(bytes, size, 2, words), words), unit }
}

/// The unit that leaves one to three digits. 999.6 kB would round to "1000 kB", so the next unit takes over a little early.
fn unit_for(value: u64, units: &[Unit; 4]) -> Unit {
    *units.iter().find(|(size, _)| value >= size - size / 2000).unwrap_or(&units[3])
}

fn one_below_hundred(value: u64, size: u64) -> usize {
    usize::from(size > 1 && value < size.saturating_mul(100) - size / 20)
}

/// `value / size` with a fixed count of decimals, digits grouped by threes.
fn decimal(value: u64, size: u64, decimals: usize, words: &Words) -> String {
    let scale = 10_u64.pow(decimals as u32);
    let scaled = (value.saturating_mul(scale).saturating_add(size / 2)) / size;
    let whole = count(scaled / scale);
    if decimals == 0 || size == 1 {
        return whole;
    }
    format!("{whole}{}{:0decimals$}", words.decimal_sign, scaled % scale)
}

fn without_zeros(text: String, words: &Words) -> String {
    if !text.contains(words.decimal_sign) {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches(words.decimal_sign).to_owned()
}

/// A count of things, digits grouped by threes from five digits on.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        let left = digits.len() - index;
        if index > 0 && left.is_multiple_of(3) && digits.len() > 4 {
            out.push(THIN_SPACE);
        }
        out.push(digit);
    }
    out
}

/// Part of a whole in percent; `None` while there is no whole.
pub fn percent(part: u64, whole: u64) -> Option<String> {
    let percent = part.saturating_mul(100).saturating_add(whole / 2).checked_div(whole)?;
    Some(format!("{percent}{NO_BREAK_SPACE}%"))
}

/// How long something runs, in the two largest units that matter.
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
    text.replace(' ', "\u{a0}")
}

/// A key or an address, shortened in the middle.
pub fn short_hex(text: &str) -> String {
    match (text.get(..6), text.len().checked_sub(4).and_then(|tail| text.get(tail..))) {
        (Some(head), Some(tail)) if text.len() > 12 => format!("{head}…{tail}"),
        _ => text.to_owned(),
    }
}

/// How long ago something was, for times that are read while they change.
pub fn ago(seconds: f64, words: &Words) -> String {
    let seconds = seconds.max(0.0) as u64;
    match seconds {
        0..5 => words.common.just_now.to_owned(),
        5..60 => words.fill(words.common.seconds_ago, &[("n", &(seconds / 5 * 5).to_string())]),
        _ => words.fill(words.common.minutes_ago, &[("n", &(seconds / 60).to_string())]),
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
        assert_eq!(shown(0), "0 B");
        assert_eq!(shown(999), "999 B");
        assert_eq!(shown(1000), "1.0 kB");
        assert_eq!(shown(12_440_000), "12.4 MB");
        assert_eq!(shown(99_960_000), "100 MB");
        assert_eq!(shown(999_600), "1.0 MB");
        assert_eq!(shown(123_400_000), "123 MB");
        assert_eq!(shown(2_040_000_000), "2.0 GB");
    }

    #[test]
    fn each_language_has_its_decimal_sign() {
        assert_eq!(rate(2_500_000, english()).number, "2.5");
        assert_eq!(rate(2_500_000, Language::German.words()).number, "2,5");
        assert_eq!(rate(2_500_000, Language::Spanish.words()).number, "2,5");
        assert_eq!(rate(20_000_000, english()).number, "20");
    }

    #[test]
    fn two_megabits_are_nine_hundred_megabytes_an_hour() {
        assert_eq!(hourly(2_000_000, english()), Quantity { number: "900".into(), unit: "MB" });
        assert_eq!(hourly(5_000_000, english()), Quantity { number: "2.25".into(), unit: "GB" });
        assert_eq!(hourly(10_000_000, english()), Quantity { number: "4.5".into(), unit: "GB" });
    }

    #[test]
    fn long_counts_are_grouped_and_short_ones_are_not() {
        assert_eq!(count(1204), "1204");
        assert_eq!(count(12_040), "12\u{202f}040");
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
    }

    #[test]
    fn absurd_numbers_are_written_and_do_not_panic() {
        for value in [0, 1, u64::MAX] {
            assert!(!data(value, english()).number.is_empty());
            assert!(!rate(value, english()).number.is_empty());
            assert!(!hourly(value, english()).number.is_empty());
            assert!(!duration(value as f64).is_empty());
            assert!(percent(value, value.max(1)).is_some());
        }
        assert_eq!(duration(f64::NAN), "0\u{a0}s");
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
        assert_eq!(percent(1, 0), None);
        assert_eq!(percent(3, 4).as_deref(), Some("75\u{a0}%"));
    }

    #[test]
    fn keys_are_shortened_in_the_middle() {
        assert_eq!(short_hex("0123456789abcdef"), "012345…cdef");
        assert_eq!(short_hex("0123"), "0123");
        assert_eq!(short_hex("ööööööööööööö"), "ööö…öö");
    }

    #[test]
    fn times_move_in_steps_that_a_reader_can_follow() {
        assert_eq!(ago(1.0, english()), "just now");
        assert_eq!(ago(13.0, english()), "10 s ago");
        assert_eq!(ago(150.0, english()), "2 min ago");
    }
}
