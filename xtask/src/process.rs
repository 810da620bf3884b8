//! Runs other programs, says which failed, and takes them along when this one is told to end.

use std::{
    env,
    ffi::{OsStr, OsString},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicI32, Ordering},
    },
};

use anyhow::{Context as _, Result, bail};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

/// The process group of the program that runs now; zero when none does.
static RUNNING: AtomicI32 = AtomicI32::new(0);

/// Where programs are looked for.
static SEARCH_PATH: OnceLock<OsString> = OnceLock::new();

/// Sets where programs are looked for, by us and by those that we start.
pub(crate) fn set_search_path(path: OsString) {
    SEARCH_PATH.set(path).expect("set once, at the start");
}

/// Where programs are looked for.
pub(crate) fn search_path() -> OsString {
    SEARCH_PATH.get().cloned().or_else(|| env::var_os("PATH")).unwrap_or_default()
}

/// On Ctrl-C and SIGTERM ends the running program with all its children, then this one.
pub(crate) fn end_together() -> Result<()> {
    ctrlc::set_handler(|| {
        let group = RUNNING.load(Ordering::SeqCst);
        if group > 0 {
            // It may have ended a moment ago: then there is nothing to do.
            let _ = killpg(Pid::from_raw(group), Signal::SIGTERM);
        }
        std::process::exit(130);
    })
    .context("signals cannot be caught")
}

/// Runs to the end; what the program prints goes where ours does.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = shown(command);
    let mut child = command
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
        .with_context(|| format!("`{line}` cannot be started"))?;
    RUNNING.store(i32::try_from(child.id()).unwrap_or(0), Ordering::SeqCst);
    let ended = child.wait();
    RUNNING.store(0, Ordering::SeqCst);
    let status = ended.with_context(|| format!("`{line}` cannot be waited for"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// Becomes the program: signals reach it, and nothing of ours is left to clean up.
pub(crate) fn become_program(command: &mut Command) -> anyhow::Error {
    let line = shown(command);
    anyhow::Error::new(command.exec()).context(format!("`{line}` cannot be started"))
}

/// What the program prints, or `None` when it is absent or fails.
pub(crate) fn output(program: impl AsRef<OsStr>, arguments: &[&str]) -> Option<String> {
    let output = started(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// `program` with `arguments`, started in `folder`.
pub(crate) fn command(folder: &Path, program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
    let mut command = started(program);
    command.current_dir(folder).args(arguments);
    command
}

fn started(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", search_path());
    command
}

/// `cargo` with `arguments`, started in `folder`: the one that runs us.
pub(crate) fn cargo(folder: &Path, arguments: &[&str]) -> Command {
    command(folder, env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), arguments)
}

/// The command as a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
