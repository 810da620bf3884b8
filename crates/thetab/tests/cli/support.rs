//! Runs the binary in folders of its own, and makes small videos.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Output, Stdio},
    sync::LazyLock,
    time::Duration,
};

use tempfile::TempDir;

/// The binary, with nothing of the developer's own environment that it would read.
pub(crate) fn thetab() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thetab"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("THETAB_")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// What a run said.
pub(crate) fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// A run that fails: its error, which is one line for people.
pub(crate) fn error_of(command: &mut Command) -> String {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (process, (ended, end)) = (child.id(), std::sync::mpsc::channel::<()>());
    // What should fail and serves instead would be waited for without end.
    let watch = std::thread::spawn(move || {
        if end.recv_timeout(Duration::from_secs(60)).is_err() {
            signal(process, "KILL");
        }
    });
    let output = child.wait_with_output().unwrap();
    let _ = ended.send(());
    watch.join().unwrap();
    let (stdout, stderr) = said(&output);
    assert!(!output.status.success(), "{stdout}{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert_eq!(stdout, "");
    stderr
}

/// Every file below a folder, sorted.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// Whether tests that need ffmpeg can run. Without it they are skipped aloud, or fail where it is required.
pub(crate) fn has_ffmpeg() -> bool {
    let found = ["ffmpeg", "ffprobe"].iter().all(|program| {
        let run = Command::new(program).arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        run.is_ok_and(|status| status.success())
    });
    let required = std::env::var("THETAB_REQUIRE").unwrap_or_default();
    assert!(
        found || !required.split(',').any(|name| name == "ffmpeg"),
        "ffmpeg is required and was not found"
    );
    if !found {
        eprintln!("SKIPPED: ffmpeg was not found; install it to run this test");
    }
    found
}

/// Runs ffmpeg; the file that it made.
pub(crate) fn ffmpeg(folder: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y"])
        .args(arguments)
        .arg(&path)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", said(&made).1);
    path
}

/// Five seconds of a moving picture with a tone.
pub(crate) fn talk() -> &'static Path {
    static TALK: LazyLock<(TempDir, PathBuf)> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let picture = "testsrc2=duration=5:size=320x240:rate=25";
        let arguments = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", "sine=frequency=440:duration=5"];
        let arguments =
            [&arguments[..], &["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"]].concat();
        let path = ffmpeg(folder.path(), "My talk.mp4", &arguments);
        (folder, path)
    });
    &TALK.1
}

/// A process that ends with the test.
pub(crate) struct Running {
    child: Child,
    stderr: BufReader<ChildStderr>,
    /// All that it said.
    pub(crate) heard: String,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Running {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Running { child, stderr, heard: String::new() }
    }

    /// The rest of the line in which it first says `what`.
    pub(crate) fn hear(&mut self, what: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(
                self.stderr.read_line(&mut line).unwrap() > 0,
                "it ended without `{what}`: {}",
                self.heard
            );
            self.heard.push_str(&line);
            if let Some((_, rest)) = line.split_once(what) {
                return rest.trim().to_owned();
            }
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Waits for its end; whether it went well.
    pub(crate) fn end(&mut self) -> bool {
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut self.stderr, &mut rest).unwrap();
        self.heard.push_str(&rest);
        self.child.wait().unwrap().success()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn signal(process: u32, name: &str) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {process}")]).status().unwrap();
    assert!(sent.success());
}

/// A TCP port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// A relay on any ports.
pub(crate) fn relay(data: &Path) -> Command {
    let mut command = thetab();
    command.args([
        "relay",
        "--http-port",
        "0",
        "--webrtc-port",
        "0",
        "--websocket-port",
        "0",
        "--stun-port",
        "0",
    ]);
    command.arg("--data").arg(data);
    command
}
