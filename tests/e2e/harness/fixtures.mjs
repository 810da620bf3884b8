// Streams that the repository does not carry: made by ffmpeg once, and kept in target/e2e-fixtures.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { root } from "./settings.mjs";

const SEGMENT_SECONDS = 4;
const FRAMES_PER_SECOND = 15;
const folder = join(root, "target/e2e-fixtures");

/**
 * A packaged stream of moving test pictures and a tone: a folder for `thetab publish --packaged`.
 * `video` lists its renditions, each padded to a constant `kbps`; sound is the last rendition.
 */
export function packagedStream(name, { seconds, video, codec = "libx264" }) {
  const target = join(folder, name);
  if (existsSync(target)) return target;
  mkdirSync(folder, { recursive: true });
  const work = mkdtempSync(join(folder, ".making-"));
  try {
    for (let id = 0; id <= video.length; id += 1) mkdirSync(join(work, `r${id}`));
    ffmpeg(work, seconds, video, codec);
    writeFileSync(join(work, "master.m3u8"), master(work, video, codec));
    renameSync(work, target);
  } catch (error) {
    rmSync(work, { recursive: true, force: true });
    // Another story may have made it meanwhile.
    if (!existsSync(target)) throw error;
  }
  return target;
}

/** A minute at 1.5 Mbit/s, a dozen pieces to a segment, and a lower quality. */
export function ladder() {
  const video = [
    { width: 640, height: 360, kbps: 1500 },
    { width: 320, height: 180, kbps: 400 },
  ];
  return packagedStream("ladder", { seconds: 60, video });
}

function ffmpeg(work, seconds, video, codec) {
  const pictures = `testsrc2=s=640x360:r=${FRAMES_PER_SECOND}:d=${seconds}`;
  const args = ["-v", "error", "-nostdin", "-f", "lavfi", "-i", pictures];
  // Sound ends one frame early: the encoder puts a frame of its own before the first.
  args.push("-f", "lavfi", "-i", `sine=frequency=330:sample_rate=32000:duration=${seconds - 2048 / 32000}`);
  const group = String(FRAMES_PER_SECOND * SEGMENT_SECONDS);
  video.forEach(({ width, height, kbps }, id) => {
    args.push("-map", "0:v", "-vf", `scale=${width}:${height},format=yuv420p`, "-c:v", codec, "-preset", "ultrafast");
    args.push("-g", group, "-keyint_min", group, "-b:v", `${kbps}k`, "-minrate", `${kbps}k`, "-maxrate", `${kbps}k`);
    args.push("-bufsize", `${kbps}k`);
    if (codec === "libx264") args.push("-sc_threshold", "0", "-x264-params", "nal-hrd=cbr:force-cfr=1");
    if (codec === "libx265") args.push("-tag:v", "hvc1", "-x265-params", "log-level=error:scenecut=0");
    args.push(...packaging(id));
  });
  args.push("-map", "1:a", "-c:a", "aac", "-ac", "1", "-b:a", "32k", ...packaging(video.length));
  const { status, error } = spawnSync("ffmpeg", args, { cwd: work, stdio: ["ignore", "inherit", "inherit"] });
  if (error) throw new Error("ffmpeg is missing: apt-get install ffmpeg", { cause: error });
  if (status !== 0) throw new Error(`ffmpeg failed (${status})`);
}

function packaging(id) {
  return [
    ...["-f", "hls", "-hls_time", String(SEGMENT_SECONDS), "-hls_playlist_type", "vod", "-hls_segment_type", "fmp4"],
    ...["-hls_flags", "independent_segments", "-hls_fmp4_init_filename", "init.mp4"],
    ...["-hls_segment_filename", `r${id}/%d.m4s`, `r${id}/index.m3u8`],
  ];
}

function master(work, video, codec) {
  const sound = video.length;
  const lines = [
    "#EXTM3U",
    "#EXT-X-VERSION:7",
    "#EXT-X-INDEPENDENT-SEGMENTS",
    `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Tone",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="1",URI="r${sound}/index.m3u8"`,
  ];
  video.forEach(({ width, height }, id) => {
    const codecs = `${codec === "libx264" ? avcCodec(join(work, `r${id}/init.mp4`)) : "hvc1.1.6.L63.90"},mp4a.40.2`;
    const bandwidth = peakBps(join(work, `r${id}`)) + peakBps(join(work, `r${sound}`));
    lines.push(
      `#EXT-X-STREAM-INF:BANDWIDTH=${bandwidth},RESOLUTION=${width}x${height},FRAME-RATE=${FRAMES_PER_SECOND}.000,` +
        `CODECS="${codecs}",AUDIO="audio"`,
      `r${id}/index.m3u8`,
    );
  });
  return `${lines.join("\n")}\n`;
}

function peakBps(rendition) {
  const segments = readdirSync(rendition).filter((file) => file.endsWith(".m4s"));
  return (Math.max(...segments.map((file) => statSync(join(rendition, file)).size)) * 8) / SEGMENT_SECONDS;
}

/** Profile, compatibility and level from the `avcC` box. */
function avcCodec(init) {
  const bytes = readFileSync(init);
  const at = bytes.indexOf("avcC");
  if (at < 0) throw new Error(`${init} has no avcC box`);
  return `avc1.${bytes.subarray(at + 5, at + 8).toString("hex")}`;
}
