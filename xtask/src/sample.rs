//! Makes the sample stream that travels with the repository.
//!
//! Generated pictures and sound, so that nobody else's rights are in it, packaged as CMAF HLS in the layout that a
//! relay stores. Small before beautiful: a clone should stay quick.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{process::run, tools};

/// Where the sample lies, from the repository's root.
pub(crate) const SAMPLE: &str = "crates/thetab/assets/sample.tar";

const SECONDS: u32 = 120;
const SEGMENT_SECONDS: u32 = 4;
const FRAMES_PER_SECOND: u32 = 15;
const LIMIT_BYTES: u64 = 700_000;

/// 4 s of 32 kHz are exactly 125 AAC frames, so that sound is cut where pictures are.
const SAMPLE_RATE_HZ: u32 = 32_000;

/// Makes the sample and puts it in place.
pub(crate) fn make(root: &Path) -> Result<()> {
    tools::require_ffmpeg()?;
    let work = tempfile::tempdir().context("no temporary folder")?;
    for rendition in 0..3 {
        fs::create_dir(work.path().join(format!("r{rendition}")))?;
    }
    run(ffmpeg().current_dir(work.path()))?;
    fs::write(work.path().join("master.m3u8"), master(work.path())?)?;
    let target = root.join(SAMPLE);
    fs::create_dir_all(target.parent().context("the sample has no folder")?)?;
    pack(work.path(), &target)?;
    let size_bytes = fs::metadata(&target)?.len();
    ensure!(
        size_bytes <= LIMIT_BYTES,
        "the sample is {size_bytes} bytes; at most {LIMIT_BYTES} may travel along"
    );
    eprintln!("{SAMPLE}: {size_bytes} bytes, {SECONDS} s");
    Ok(())
}

fn ffmpeg() -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-y", "-filter_complex", &pictures()]);
    command.args(["-f", "lavfi", "-i", &sound()]);
    for (label, quality, folder) in [("[full]", "37", "r0"), ("[small]", "36", "r1")] {
        let group = (FRAMES_PER_SECOND * SEGMENT_SECONDS).to_string();
        command.args(["-map", label, "-c:v", "libx264", "-preset", "veryslow", "-tune", "animation"]);
        command.args(["-profile:v", "main", "-pix_fmt", "yuv420p", "-crf", quality, "-psy", "0"]);
        command.args(["-g", &group, "-keyint_min", &group, "-sc_threshold", "0", "-bf", "8"]);
        command
            .args(["-threads", "1", "-fflags", "+bitexact", "-flags:v", "+bitexact"])
            .args(packaging(folder));
    }
    command.args(["-map", "0:a", "-c:a", "aac", "-ac", "1", "-b:a", "10k", "-cutoff", "1200"]);
    command.args(["-flags:a", "+bitexact"]).args(packaging("r2"));
    command
}

fn packaging(folder: &str) -> Vec<String> {
    let seconds = SEGMENT_SECONDS.to_string();
    let options =
        ["-f", "hls", "-hls_time", &seconds, "-hls_playlist_type", "vod", "-hls_segment_type", "fmp4"];
    let files = ["-hls_flags", "independent_segments", "-hls_fmp4_init_filename", "init.mp4"];
    let names =
        ["-hls_segment_filename".to_owned(), format!("{folder}/%d.m4s"), format!("{folder}/index.m3u8")];
    options.into_iter().chain(files).map(str::to_owned).chain(names).collect()
}

/// Colour fields that return to where they began, the name, the time, and a dot that crosses the picture once.
fn pictures() -> String {
    let field = "lum='78+26*sin(2*PI*(X/W*0.7+T/40))*cos(2*PI*(Y/H*0.5-T/60))+14*sin(2*PI*(Y/H*0.6+X/W*0.3+T/30))'\
                 :cb='142+20*sin(2*PI*(T/60+X/W*0.5))':cr='116+18*sin(2*PI*(T/40+Y/H*0.6)+1)'";
    let source = |name: &str, size: &str| format!("color={name}:s={size}:r={FRAMES_PER_SECOND}:d={SECONDS}");
    let mut graph = format!(
        "{},format=yuv420p,geq={field},scale=640:360:flags=bicubic[field];",
        source("black", "160x90")
    );
    write_part(&mut graph, &format!("{},format=yuva420p[dot];", source("white", "6x6")));
    write_part(&mut graph, "[field]drawbox=x=80:y=292:w=480:h=2:color=white@0.25:t=fill,");
    write_part(
        &mut graph,
        "drawtext=font=Sans:text=thetab:fontsize=84:fontcolor=white@0.92:x=(w-tw)/2:y=112,",
    );
    write_part(&mut graph, r"drawtext=font=Monospace:text='%{pts\:gmtime\:0\:%M\\\:%S}':");
    write_part(&mut graph, "fontsize=28:fontcolor=white@0.8:x=(w-tw)/2:y=232[text];");
    write_part(&mut graph, &format!("[text][dot]overlay=x='77+480*t/{SECONDS}':y=290:eval=frame,"));
    write_part(&mut graph, "split[full][copy];[copy]scale=320:180:flags=area[small]");
    graph
}

fn write_part(graph: &mut String, part: &str) {
    graph.push_str(part);
}

/// A slow chord. It ends one frame early: the encoder puts a frame of its own before the first.
fn sound() -> String {
    let mut chord = String::new();
    for (index, (pitch_hz, level, period_seconds)) in
        [(110.0, 1.0, 12), (164.8125, 1.0, 15), (220.0, 0.7, 10), (277.1875, 0.5, 24), (329.625, 0.4, 20)]
            .into_iter()
            .enumerate()
    {
        let swell = format!("(0.55+0.45*sin(2*PI*t/{period_seconds}+{index}))");
        let written = write!(chord, "+{level}*sin(2*PI*{pitch_hz}*t)*{swell}");
        written.expect("writing to a string cannot fail");
    }
    let seconds = f64::from(SECONDS) - 2.0 * 1024.0 / f64::from(SAMPLE_RATE_HZ);
    format!("aevalsrc=exprs='0.10*(0{chord})*min(1,min(t,{SECONDS}-t)/3)':s={SAMPLE_RATE_HZ}:d={seconds}")
}

/// ffmpeg names no audio group and guesses rates; ours says what the files say.
fn master(folder: &Path) -> Result<String> {
    let mut text = String::from("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    text.push_str("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Music\",DEFAULT=YES,AUTOSELECT=YES,");
    text.push_str("CHANNELS=\"1\",URI=\"r2/index.m3u8\"\n");
    let audio_bps = peak_rate_bps(&folder.join("r2"))?;
    for (rendition, resolution) in [("r0", "640x360"), ("r1", "320x180")] {
        let rate_bps = peak_rate_bps(&folder.join(rendition))? + audio_bps;
        let codec = avc_codec(&folder.join(rendition).join("init.mp4"))?;
        let line = writeln!(
            text,
            "#EXT-X-STREAM-INF:BANDWIDTH={rate_bps},RESOLUTION={resolution},FRAME-RATE={FRAMES_PER_SECOND}.000,\
             CODECS=\"{codec},mp4a.40.2\",AUDIO=\"audio\"\n{rendition}/index.m3u8"
        );
        line.expect("writing to a string cannot fail");
    }
    Ok(text)
}

fn peak_rate_bps(folder: &Path) -> Result<u64> {
    let count = SECONDS / SEGMENT_SECONDS;
    let mut peak_bytes = 0;
    for sequence in 0..count {
        let path = folder.join(format!("{sequence}.m4s"));
        peak_bytes =
            peak_bytes.max(fs::metadata(&path).with_context(|| format!("no {}", path.display()))?.len());
    }
    let extra = folder.join(format!("{count}.m4s"));
    ensure!(!extra.exists(), "{} should not be there: every rendition has {count} segments", extra.display());
    Ok(peak_bytes * 8 / u64::from(SEGMENT_SECONDS))
}

/// Reads profile, compatibility and level from the `avcC` box.
fn avc_codec(init: &Path) -> Result<String> {
    let bytes = fs::read(init)?;
    let Some(at) = bytes.windows(4).position(|window| window == b"avcC") else {
        bail!("{} has no avcC box", init.display());
    };
    let [profile, compatibility, level] = bytes.get(at + 5..at + 8).context("avcC is cut short")? else {
        bail!("avcC is cut short");
    };
    Ok(format!("avc1.{profile:02x}{compatibility:02x}{level:02x}"))
}

fn pack(folder: &Path, target: &Path) -> Result<()> {
    let mut files: Vec<PathBuf> = walkdir::WalkDir::new(folder)
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .collect();
    files.sort();
    let mut archive = tar::Builder::new(fs::File::create(target)?);
    archive.mode(tar::HeaderMode::Deterministic);
    for file in &files {
        archive.append_path_with_name(file, file.strip_prefix(folder)?)?;
    }
    archive.finish().context("the archive cannot be written")
}
