//! What a person sees of long work: one line when a step begins, one when it took long.

use std::time::{Duration, Instant};

use anyhow::Result;

/// A step shorter than this needs no word at its end.
const WORTH_A_WORD: Duration = Duration::from_secs(5);

/// Says one thing.
pub(crate) fn say(text: &str) {
    eprintln!("==> {text}");
}

/// Does one step of many, and says so.
pub(crate) fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    say(what);
    let started = Instant::now();
    let done = work()?;
    let took = started.elapsed();
    if took >= WORTH_A_WORD {
        eprintln!("    done in {}", duration(took));
    }
    Ok(done)
}

/// A duration as people say it.
pub(crate) fn duration(took: Duration) -> String {
    match took.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        assert_eq!(duration(Duration::from_secs(59)), "59 s");
        assert_eq!(duration(Duration::from_secs(61)), "1 min 01 s");
    }
}
