//! Which renditions a source gets, and the ffmpeg arguments that make them.

use std::path::Path;

use super::probe::{Rational, SourceMedia};

const STANDARD_HEIGHTS: [u32; 6] = [2160, 1440, 1080, 720, 480, 360];
const LOWEST_HEIGHT: u32 = 240;
const MAXIMUM_RENDITIONS: usize = 3;
const AUDIO_BITS_PER_SECOND: u32 = 128_000;

/// The renditions of one stream: video from high to low, then audio.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ladder {
    pub(super) video: Vec<Rung>,
    pub(super) has_audio: bool,
    pub(super) frame_rate: Rational,
    pub(super) duration_seconds: f64,
    pub(super) segment_seconds: u32,
}

/// One video rendition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rung {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Most bits a second, as far as the encoder's buffer goes.
    pub(super) maximum_bps: u32,
}

impl Ladder {
    /// The ladder for `media`: two or three video renditions, none above the source's height.
    pub(super) fn new(media: &SourceMedia, segment_seconds: u32) -> Result<Ladder, String> {
        if media.height < 64 || media.width < 64 {
            return Err(format!("a picture of {}x{} is too small", media.width, media.height));
        }
        let video = heights(media.height).into_iter().map(|height| rung(media, height)).collect();
        Ok(Ladder {
            video,
            has_audio: media.has_audio,
            frame_rate: media.frame_rate,
            duration_seconds: media.duration_seconds,
            segment_seconds,
        })
    }

    /// Index of the audio rendition.
    pub(super) fn audio_id(&self) -> Option<usize> {
        self.has_audio.then_some(self.video.len())
    }

    pub(super) fn rendition_count(&self) -> usize {
        self.video.len() + usize::from(self.has_audio)
    }

    /// ffmpeg's arguments after the input; it runs in the folder that holds `r0/`, `r1/`, ….
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["-filter_complex".to_owned(), self.filters()];
        for (id, rung) in self.video.iter().enumerate() {
            arguments.extend(["-map".to_owned(), format!("[v{id}]")]);
            arguments.extend(self.video_arguments(rung));
            arguments.extend(self.segment_arguments(id));
        }
        if let Some(id) = self.audio_id() {
            let bits = AUDIO_BITS_PER_SECOND.to_string();
            let codec =
                ["-map", "[sound]", "-c:a", "aac", "-profile:a", "aac_low", "-ac", "2", "-b:a", &bits];
            arguments.extend(codec.map(str::to_owned));
            arguments.extend(self.segment_arguments(id));
        }
        arguments
    }

    /// Every rendition takes the same frames, and the sound is padded to the picture's end, so that
    /// segments begin and end together.
    fn filters(&self) -> String {
        let Rational { numerator, denominator } = self.frame_rate;
        let split: String = (0..self.video.len()).map(|id| format!("[p{id}]")).collect();
        let mut filters =
            format!("[0:v:0]fps={numerator}/{denominator}:start_time=0,split={}{split}", self.video.len());
        for (id, rung) in self.video.iter().enumerate() {
            let Rung { width, height, .. } = rung;
            filters.push_str(&format!(";[p{id}]scale={width}:{height},setsar=1,format=yuv420p[v{id}]"));
        }
        if self.has_audio {
            filters.push_str(";[0:a:0]aresample=48000:async=1:first_pts=0,apad[sound]");
        }
        filters
    }

    /// No B-frames: with them picture and sound, in files of their own, would start two frames apart.
    fn video_arguments(&self, rung: &Rung) -> Vec<String> {
        let (rate, buffer) = (rung.maximum_bps.to_string(), (rung.maximum_bps * 2).to_string());
        let key_frames = format!("expr:gte(t,n_forced*{})", self.segment_seconds);
        let arguments = [
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
            "-profile:v",
            "high",
            "-bf",
            "0",
            "-crf",
            "23",
            "-maxrate",
            &rate,
            "-bufsize",
            &buffer,
            "-g",
            "9999",
            "-sc_threshold",
            "0",
            "-force_key_frames",
            &key_frames,
        ];
        arguments.map(str::to_owned).to_vec()
    }

    fn segment_arguments(&self, id: usize) -> Vec<String> {
        let duration = format!("{:.6}", self.duration_seconds);
        let seconds = self.segment_seconds.to_string();
        let (segments, playlist) = (format!("r{id}/%d.m4s"), format!("r{id}/index.m3u8"));
        let arguments = [
            "-t",
            &duration,
            "-f",
            "hls",
            "-hls_time",
            &seconds,
            "-hls_playlist_type",
            "vod",
            "-hls_segment_type",
            "fmp4",
            "-hls_flags",
            "independent_segments",
            "-hls_fmp4_init_filename",
            "init.mp4",
            "-hls_segment_filename",
            &segments,
            &playlist,
        ];
        arguments.map(str::to_owned).to_vec()
    }

    /// The folder of one rendition.
    pub(super) fn folder(root: &Path, id: usize) -> std::path::PathBuf {
        root.join(format!("r{id}"))
    }
}

/// Two or three heights, the first as close to the source's as a standard height comes.
fn heights(source: u32) -> Vec<u32> {
    let source = source & !1;
    let mut heights: Vec<u32> = STANDARD_HEIGHTS.into_iter().filter(|height| *height <= source).collect();
    // A 4K source gets 2160, 1080 and 480: neighbours would cost time and help nobody.
    if heights.len() > 4 {
        heights = heights.into_iter().step_by(2).collect();
    }
    if heights.first().is_none_or(|first| source > first + first / 5) && source < 1080 {
        heights.insert(0, source);
    }
    if heights.len() < MAXIMUM_RENDITIONS && heights.last().is_some_and(|last| *last > LOWEST_HEIGHT) {
        heights.push(LOWEST_HEIGHT);
    }
    if let [only] = heights[..] {
        heights.push((only / 2) & !1);
    }
    heights.truncate(MAXIMUM_RENDITIONS);
    heights
}

fn rung(media: &SourceMedia, height: u32) -> Rung {
    let exact = f64::from(media.width) * f64::from(height) / f64::from(media.height);
    let width = ((exact / 2.0).round() as u32 * 2).max(16);
    let pixels_per_second = f64::from(width) * f64::from(height) * media.frame_rate.value().clamp(24.0, 60.0);
    let maximum_bps = (pixels_per_second * 0.085).clamp(150_000.0, 16_000_000.0) as u32;
    Rung { width, height, maximum_bps }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(width: u32, height: u32) -> SourceMedia {
        let frame_rate = Rational { numerator: 30, denominator: 1 };
        SourceMedia { width, height, frame_rate, duration_seconds: 10.0, has_audio: true }
    }

    #[test]
    fn every_source_gets_two_or_three_falling_even_heights_none_above_its_own() {
        for height in 64..2400 {
            let heights = heights(height);
            assert!((2..=3).contains(&heights.len()), "{height}: {heights:?}");
            assert!(heights.windows(2).all(|pair| pair[0] > pair[1]), "{height}: {heights:?}");
            assert!(heights[0] <= height && heights.iter().all(|h| h % 2 == 0 && *h >= 32), "{heights:?}");
        }
        assert_eq!(heights(1080), [1080, 720, 480]);
        assert_eq!(heights(2160), [2160, 1080, 480]);
        assert_eq!(heights(360), [360, 240]);
        assert_eq!(heights(240), [240, 120]);
    }

    #[test]
    fn widths_keep_the_shape_of_the_picture() {
        let ladder = Ladder::new(&media(1080, 1920), 4).unwrap();
        assert_eq!((ladder.video[0].width, ladder.video[0].height), (810, 1440));
        assert!(Ladder::new(&media(32, 32), 4).is_err());
    }
}
