//! Runs ffmpeg with a progress bar.

use std::{io::IsTerminal as _, path::Path, process::Stdio, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader},
    process::{Child, Command},
};

use super::{
    PublishError,
    ladder::Ladder,
    probe::{PROTOCOLS, file_argument, last_line, start_error},
};

/// The end of what ffmpeg says is kept, for the error message.
const KEPT_STDERR_BYTES: usize = 8 * 1024;
/// Longest time that a killed ffmpeg is waited for.
const LONGEST_DEATH: Duration = Duration::from_secs(2);

/// Fills `root` with the renditions of `ladder`.
///
/// # Errors
/// [`PublishError`]
pub(super) async fn encode(path: &Path, ladder: &Ladder, root: &Path) -> Result<(), PublishError> {
    for id in 0..ladder.rendition_count() {
        let folder = Ladder::folder(root, id);
        std::fs::create_dir(&folder)
            .map_err(PublishError::io(format!("{} cannot be made", folder.display())))?;
    }
    let ffmpeg = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-v", "error", "-nostats", "-progress", "pipe:1"])
        .args(["-protocol_whitelist", PROTOCOLS, "-i"])
        .arg(file_argument(path)?)
        .args(ladder.arguments())
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| start_error("ffmpeg", error))?;
    let mut ffmpeg = Encoder(ffmpeg);
    let (stdout, stderr) = (ffmpeg.0.stdout.take(), ffmpeg.0.stderr.take());
    let (reached, said) = tokio::join!(show_progress(stdout, ladder.duration_seconds), keep_end(stderr));
    let status = ffmpeg.0.wait().await.map_err(PublishError::io("ffmpeg cannot be waited for"))?;
    if !status.success() {
        return Err(PublishError::unsupported(path, format!("ffmpeg stopped: {}", last_line(&said))));
    }
    tracing::debug!(reached_seconds = reached, "ffmpeg is done");
    Ok(())
}

/// A running ffmpeg. Dropped, it is killed and waited for: a moment later it might still write into a folder
/// that is being removed.
struct Encoder(Child);

impl Drop for Encoder {
    fn drop(&mut self) {
        let _ = self.0.start_kill();
        for _ in 0..LONGEST_DEATH.as_millis() {
            match self.0.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(1)),
                Ok(Some(_)) | Err(_) => break,
            }
        }
    }
}

/// Moves a bar along until ffmpeg is done; how many seconds it wrote.
async fn show_progress(stdout: Option<impl AsyncRead + Unpin>, duration_seconds: f64) -> f64 {
    let bar = progress_bar(duration_seconds);
    let mut reached_seconds = 0.0;
    if let Some(stdout) = stdout {
        let mut lines = BufReader::new(stdout).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let micros = line.strip_prefix("out_time_us=").and_then(|micros| micros.parse::<u64>().ok());
            if let Some(micros) = micros {
                let reached = Duration::from_micros(micros);
                reached_seconds = reached.as_secs_f64();
                bar.set_position(reached.as_millis().try_into().unwrap_or(u64::MAX));
            }
        }
    }
    bar.finish_and_clear();
    reached_seconds
}

fn progress_bar(duration_seconds: f64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new((duration_seconds * 1000.0) as u64);
    let style = ProgressStyle::with_template("Converting {wide_bar} {percent}% {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

async fn keep_end(stderr: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(mut stderr) = stderr else { return kept };
    let mut chunk = [0; 1024];
    while let Ok(length @ 1..) = stderr.read(&mut chunk).await {
        kept.extend_from_slice(&chunk[..length]);
        kept.drain(..kept.len().saturating_sub(KEPT_STDERR_BYTES));
    }
    kept
}
