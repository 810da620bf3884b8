//! What a person sees of long work: that it goes on, how far it is, and how long it took.

use std::{
    io::{IsTerminal as _, stderr},
    time::{Duration, Instant},
};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

/// Work shorter than this needs no word at its end.
const WORTH_A_WORD: Duration = Duration::from_secs(5);

/// Without a terminal, one line this often says that the work goes on.
const REMINDER: Duration = Duration::from_secs(30);

/// Says one thing.
pub(crate) fn say(text: &str) {
    eprintln!("==> {text}");
}

/// Does one step of many, and says so.
pub(crate) fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    say(what);
    let started = Instant::now();
    let done = work()?;
    say_duration(started.elapsed());
    Ok(done)
}

fn say_duration(took: Duration) {
    if took >= WORTH_A_WORD {
        eprintln!("    done in {}", duration(took));
    }
}

/// A duration as people say it.
pub(crate) fn duration(took: Duration) -> String {
    match took.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

/// One line on a terminal that moves while a program works; elsewhere a line now and then.
#[derive(Debug)]
pub(crate) struct Progress {
    started: Instant,
    reminded: Instant,
    /// The last thing that the program said.
    last: String,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Says what begins.
    pub(crate) fn start(what: &str) -> Progress {
        say(what);
        let bar = stderr().is_terminal().then(moving_line);
        let now = Instant::now();
        Progress { started: now, reminded: now, last: "at work".to_owned(), bar }
    }

    /// Shows what the program said.
    pub(crate) fn tell(&mut self, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        self.last = text.trim().to_owned();
        match &self.bar {
            Some(bar) => bar.set_message(self.last.clone()),
            None if self.patience().is_zero() => self.remind(),
            None => {}
        }
    }

    /// How long to wait for the program before [`Progress::remind`].
    pub(crate) fn patience(&self) -> Duration {
        REMINDER.saturating_sub(self.reminded.elapsed())
    }

    /// Says that the work goes on.
    pub(crate) fn remind(&mut self) {
        self.reminded = Instant::now();
        if self.bar.is_none() {
            eprintln!("    {}: {}", duration(self.started.elapsed()), self.last);
        }
    }

    /// Takes the moving line away and says how long it took.
    pub(crate) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        say_duration(self.started.elapsed());
    }
}

fn moving_line() -> ProgressBar {
    let style = ProgressStyle::with_template("    {spinner} {elapsed} {wide_msg}");
    let bar = ProgressBar::new_spinner().with_style(style.expect("the template is well formed"));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        assert_eq!(duration(Duration::from_secs(59)), "59 s");
        assert_eq!(duration(Duration::from_secs(61)), "1 min 01 s");
    }

    #[test]
    fn only_what_was_said_last_is_shown() {
        let mut progress = Progress::start("Trying");
        progress.tell("  Compiling one");
        progress.tell("   ");
        assert_eq!(progress.last, "Compiling one");
        assert!(progress.patience() > Duration::ZERO);
        progress.finish();
    }
}
