//! What a path below `/media/<name>/` asks for: one spelling for each thing, and nothing that leads elsewhere.

/// A file of one revision of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaPath {
    /// Which revision; the first without a word about it.
    pub revision: u64,
    /// What of it.
    pub file: MediaFile,
}

/// One of the files that a stream has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaFile {
    /// `master.m3u8`
    Master,
    /// `r<N>/index.m3u8`
    Playlist {
        /// Which rendition.
        rendition: u16,
    },
    /// `r<N>/init.mp4`
    Init {
        /// Which rendition.
        rendition: u16,
    },
    /// `r<N>/<sequence>.m4s`
    Segment {
        /// Which rendition.
        rendition: u16,
        /// Media sequence number.
        sequence: u64,
    },
    /// `r<N>/records/<page>.bin`, or `init.bin`
    Records {
        /// Which rendition.
        rendition: u16,
        /// Which page; the initialisation section's without.
        page: Option<u64>,
    },
}

impl MediaPath {
    /// Reads a path that is decoded already; `None` for anything that is no file of a stream.
    pub fn parse(path: &str) -> Option<MediaPath> {
        let (revision, rest) = match path.strip_prefix('@') {
            Some(rest) => {
                let (digits, rest) = rest.split_once('/')?;
                (number(digits).filter(|revision| *revision > 0)?, rest)
            }
            None => (0, path),
        };
        Some(MediaPath { revision, file: file(rest)? })
    }
}

fn file(path: &str) -> Option<MediaFile> {
    if path == "master.m3u8" {
        return Some(MediaFile::Master);
    }
    let (rendition, file) = path.strip_prefix('r')?.split_once('/')?;
    let rendition = number(rendition).and_then(|number| u16::try_from(number).ok())?;
    if let Some(page) = file.strip_prefix("records/") {
        let page = page.strip_suffix(".bin")?;
        let page = if page == "init" { None } else { Some(number(page)?) };
        return Some(MediaFile::Records { rendition, page });
    }
    Some(match file {
        "index.m3u8" => MediaFile::Playlist { rendition },
        "init.mp4" => MediaFile::Init { rendition },
        _ => MediaFile::Segment { rendition, sequence: number(file.strip_suffix(".m4s")?)? },
    })
}

/// Digits without a leading zero, so that a number has one spelling.
fn number(digits: &str) -> Option<u64> {
    let plain =
        digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    digits.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_a_stream_has_one_path() {
        let parsed = |path| MediaPath::parse(path).map(|path| (path.revision, path.file));
        assert_eq!(parsed("master.m3u8"), Some((0, MediaFile::Master)));
        assert_eq!(parsed("@7/master.m3u8"), Some((7, MediaFile::Master)));
        assert_eq!(parsed("r2/index.m3u8"), Some((0, MediaFile::Playlist { rendition: 2 })));
        assert_eq!(parsed("@1/r65535/init.mp4"), Some((1, MediaFile::Init { rendition: 65_535 })));
        let segment = MediaFile::Segment { rendition: 0, sequence: u64::MAX };
        assert_eq!(parsed("r0/18446744073709551615.m4s"), Some((0, segment)));
        assert_eq!(parsed("r0/records/3.bin"), Some((0, MediaFile::Records { rendition: 0, page: Some(3) })));
        assert_eq!(parsed("r0/records/init.bin"), Some((0, MediaFile::Records { rendition: 0, page: None })));
    }

    #[test]
    fn other_spellings_and_ways_out_are_nothing() {
        let paths = [
            "",
            "/",
            "r0",
            "r0/",
            "r0/.m4s",
            "r0/+1.m4s",
            "r0/-1.m4s",
            "r0/01.m4s",
            "r00/1.m4s",
            "r65536/1.m4s",
            "r0/18446744073709551616.m4s",
            "r0/../r1/1.m4s",
            "../r0/1.m4s",
            "r0/records/",
            "r0/records/x.bin",
            "r0/records/1",
            "@0/master.m3u8",
            "@/master.m3u8",
            "@01/master.m3u8",
            "@1",
            "@1/@2/master.m3u8",
            "stream.json",
            "r0/1.m4s/",
            "r0//1.m4s",
            "r0/1.m4s\0",
            "R0/1.m4s",
            "r٣/1.m4s",
        ];
        for path in paths {
            assert_eq!(MediaPath::parse(path), None, "{path:?}");
        }
    }
}
