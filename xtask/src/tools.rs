//! What the commands need from outside, and how it gets there.

use anyhow::{Result, bail};

use crate::process::output;

/// Refuses with the command to type when ffmpeg is absent.
pub(crate) fn require_ffmpeg() -> Result<()> {
    if output("ffmpeg", &["-version"]).is_none() {
        bail!("ffmpeg is missing; on Debian or Ubuntu: apt-get install ffmpeg");
    }
    Ok(())
}
