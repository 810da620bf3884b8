//! Runs other programs, says which failed, and takes them along when this one is told to end.

use std::{
    env,
    ffi::{OsStr, OsString},
    io::{self, PipeReader, Read as _},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

use crate::report::Progress;

/// The process group of the program that runs now. Held locked while one is started, so that none slips away.
static RUNNING: Mutex<Option<Pid>> = Mutex::new(None);

/// Where programs are looked for.
static SEARCH_PATH: OnceLock<OsString> = OnceLock::new();

/// What a program gets to end by itself before it is killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// The exit status of a shell's command that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Sets where programs are looked for, by us and by those that we start.
pub(crate) fn set_search_path(path: OsString) {
    SEARCH_PATH.set(path).expect("set once, at the start");
}

/// Where programs are looked for.
pub(crate) fn search_path() -> OsString {
    SEARCH_PATH.get().cloned().or_else(|| env::var_os("PATH")).unwrap_or_default()
}

/// On Ctrl-C, SIGTERM and SIGHUP ends the running program with all its children, then this one.
pub(crate) fn end_together() -> Result<()> {
    ctrlc::set_handler(|| {
        // Never released: whoever would start another program waits until we are gone.
        let running = running();
        if let Some(group) = *running {
            end_group(group, PATIENCE);
        }
        std::process::exit(INTERRUPTED);
    })
    .context("signals cannot be caught")
}

/// Asks a process group to end, waits for it, and kills what stays.
fn end_group(group: Pid, patience: Duration) {
    let deadline = Instant::now() + patience;
    // An error means that nobody is left.
    let mut alive = killpg(group, Signal::SIGTERM).is_ok();
    while alive && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
        alive = killpg(group, None).is_ok();
    }
    if alive {
        let _ = killpg(group, Signal::SIGKILL);
    }
}

fn running() -> MutexGuard<'static, Option<Pid>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs to the end; what the program prints goes where ours does.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = shown(command);
    let child = start(command, &line)?;
    await_end(child, &line)
}

/// Runs to the end behind one line of progress. What the program printed is shown only when it fails.
pub(crate) fn watch(what: &str, mut command: Command) -> Result<()> {
    let line = shown(&command);
    let (reader, writer) = io::pipe().context("no pipe")?;
    command.stdout(writer.try_clone().context("no pipe")?).stderr(writer);
    // Cargo counts its crates for us, although it does not see a terminal.
    command.env("CARGO_TERM_PROGRESS_WHEN", "always").env("CARGO_TERM_PROGRESS_WIDTH", "60");
    let mut progress = Progress::start(what);
    let child = start(&mut command, &line)?;
    // Ours would keep the pipe open when the program has ended.
    drop(command);
    let printed = follow(reader, &mut progress);
    let ended = await_end(child, &line);
    progress.finish();
    if ended.is_err() {
        eprintln!("{}", printed.join("\n"));
    }
    ended
}

/// Shows each line as it comes, until the last holder of the pipe has ended; returns those that stand for good.
fn follow(mut reader: PipeReader, progress: &mut Progress) -> Vec<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        let (mut buffer, mut pending) = ([0; 4096], Vec::new());
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            for byte in buffer.iter().take(count) {
                if !matches!(byte, b'\n' | b'\r') {
                    pending.push(*byte);
                    continue;
                }
                let text = String::from_utf8_lossy(&pending).trim_end().to_owned();
                pending.clear();
                if sender.send((text, *byte == b'\n')).is_err() {
                    return;
                }
            }
        }
        let _ = sender.send((String::from_utf8_lossy(&pending).into_owned(), true));
    });
    let mut printed = Vec::new();
    loop {
        match lines.recv_timeout(progress.patience()) {
            Ok((text, stays)) => {
                progress.tell(&text);
                if stays {
                    printed.push(text);
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) => progress.remind(),
            Err(mpsc::RecvTimeoutError::Disconnected) => return printed,
        }
    }
}

/// Starts the program in a process group of its own, which ends when we are told to.
fn start(command: &mut Command, line: &str) -> Result<Child> {
    let mut running = running();
    let child = command.stdin(Stdio::null()).process_group(0).spawn();
    let child = child.with_context(|| format!("`{line}` cannot be started"))?;
    *running = i32::try_from(child.id()).ok().map(Pid::from_raw);
    Ok(child)
}

fn await_end(mut child: Child, line: &str) -> Result<()> {
    let ended = child.wait();
    *running() = None;
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
    for (name, _) in env::vars_os().filter(|(name, _)| names_our_package(name)) {
        command.env_remove(name);
    }
    command
}

/// Whether cargo set the variable to describe this package. Build scripts that watch it (ring's does) would run anew,
/// and much be compiled again, each time a person types `cargo build` between two of our commands.
fn names_our_package(variable: &OsStr) -> bool {
    variable.to_str().is_some_and(|name| {
        name.starts_with("CARGO_PKG_")
            || name.starts_with("CARGO_MANIFEST_")
            || name == "CARGO_PRIMARY_PACKAGE"
    })
}

/// `cargo` with `arguments`, started in `folder`: the one that runs us.
pub(crate) fn cargo(folder: &Path, arguments: &[&str]) -> Command {
    command(folder, env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), arguments)
}

/// `cargo` for all packages that are not for browsers alone. Those of one call share the features of their dependencies;
/// naming fewer packages would choose fewer features and compile much of the same again.
pub(crate) fn cargo_native(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = cargo(folder, arguments);
    command.args(["--locked", "--workspace", "--exclude", "thetab-browser"]);
    command
}

/// Leaves the flags of `.cargo/config.toml` in force, without which nothing compiles for a browser: cargo
/// takes those of the environment instead where there are any.
pub(crate) fn for_browser(mut command: Command) -> Command {
    command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    command
}

/// The command as a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn what_a_failing_program_says_is_kept_without_its_frames_of_progress() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut progress = Progress::start("Trying");
        io::Write::write_all(&mut writer, b"Building 1/2\rBuilding 2/2\rerror: no\nlast").unwrap();
        drop(writer);
        assert_eq!(follow(reader, &mut progress), ["error: no", "last"]);
        progress.finish();
    }

    #[test]
    fn a_group_that_does_not_listen_is_killed() {
        let mut deaf = Command::new("sh");
        deaf.args(["-c", "trap '' TERM; echo ready; exec cat"]).process_group(0);
        let mut child = deaf.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
        end_group(Pid::from_raw(i32::try_from(child.id()).unwrap()), Duration::from_millis(50));
        assert_eq!(child.wait().unwrap().signal(), Some(Signal::SIGKILL as i32));
    }
}
