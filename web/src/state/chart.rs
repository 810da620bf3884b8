//! The geometry of the chart of the last minute: two stacked areas, labelled where they end.
//!
//! A player fetches in bursts, a segment at a time; each point is therefore the mean of the last five seconds. All
//! numbers are integers; paths count in tenths of the picture's unit, everything else in whole ones.

use core::fmt::Write as _;

use crate::state::snapshot::TrafficSecond;

/// Width of the whole picture.
pub const WIDTH: i64 = 336;
/// Height of the whole picture.
pub const HEIGHT: i64 = 148;
/// Where the areas end; labels stand to the right.
pub const PLOT_WIDTH: i64 = 236;
/// The line of the scale's top.
pub const PLOT_TOP: i64 = 22;
/// The line of zero.
pub const PLOT_BOTTOM: i64 = 122;

const SECONDS: usize = 60;
const MEAN_OVER: usize = 5;
/// A quiet minute is drawn against this, in bits a second.
const SMALLEST_TOP_BPS: u64 = 100_000;
/// Two lines of text fit between two labels this far apart.
const LABEL_DISTANCE: i64 = 36;

/// One kind of traffic in the chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    /// The area, as an SVG path in tenths.
    pub area: String,
    /// Its upper edge, as an SVG path in tenths.
    pub edge: String,
    /// Where its label stands.
    pub label_y: i64,
    /// Mean rate of the last five seconds, in bits.
    pub now_bps: u64,
    /// Mean rate of the whole minute, in bits.
    pub mean_bps: u64,
}

/// The chart of the last minute.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// What the scale ends at, in bits a second.
    pub top_bps: u64,
    /// From other viewers; below.
    pub peers: Band,
    /// From the relay; on top.
    pub origin: Band,
}

impl Chart {
    /// Draws `history`, oldest first.
    pub fn of(history: &[TrafficSecond]) -> Chart {
        let seconds = &history[history.len().saturating_sub(SECONDS)..];
        let (peers_each, origin_each): (Vec<u64>, Vec<u64>) =
            seconds.iter().map(|second| (second.peers_bps, second.origin_bps)).unzip();
        let (peers, origin) = (smoothed(&peers_each), smoothed(&origin_each));
        let total: Vec<u64> = peers.iter().zip(&origin).map(|(peers, origin)| peers + origin).collect();
        let top_bps = round_top(total.iter().copied().fold(SMALLEST_TOP_BPS, u64::max));
        let (peers_now, origin_now) = (last(&peers), last(&origin));
        let (peers_label, origin_label) = apart(
            tenths_of(peers_now / 2, top_bps) / 10,
            tenths_of(peers_now + origin_now / 2, top_bps) / 10,
        );
        Chart {
            top_bps,
            peers: Band {
                area: area(&vec![0; peers.len()], &peers, top_bps),
                edge: edge(&peers, top_bps),
                label_y: peers_label,
                now_bps: peers_now,
                mean_bps: mean(&peers_each),
            },
            origin: Band {
                area: area(&peers, &total, top_bps),
                edge: edge(&total, top_bps),
                label_y: origin_label,
                now_bps: origin_now,
                mean_bps: mean(&origin_each),
            },
        }
    }
}

fn smoothed(rates: &[u64]) -> Vec<u64> {
    // Before the first second of a young player there was nothing; before a whole minute there is something unknown.
    let is_young = rates.len() < SECONDS;
    let smooth = |end: usize| {
        let recent = &rates[end.saturating_sub(MEAN_OVER)..end];
        if is_young { recent.iter().sum::<u64>() / MEAN_OVER as u64 } else { mean(recent) }
    };
    (1..=rates.len()).map(smooth).collect()
}

fn mean(rates: &[u64]) -> u64 {
    rates.iter().sum::<u64>().checked_div(rates.len() as u64).unwrap_or_default()
}

fn last(rates: &[u64]) -> u64 {
    rates.last().copied().unwrap_or_default()
}

/// The next number with a first digit that reads well: 10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150…
fn round_top(bps: u64) -> u64 {
    let mut magnitude = 1;
    while magnitude <= bps / 10 {
        magnitude *= 10;
    }
    let steps = [10, 15, 20, 25, 30, 40, 50, 60, 80, 100];
    steps.into_iter().map(|step| step * magnitude / 10).find(|top| *top >= bps).unwrap_or(bps)
}

fn tenths_of(bps: u64, top_bps: u64) -> i64 {
    let plot = (PLOT_BOTTOM - PLOT_TOP) as u64 * 10;
    PLOT_BOTTOM * 10 - (plot * bps.min(top_bps) / top_bps) as i64
}

/// Moves two labels apart, within the plot. The first stands below the second.
fn apart(lower: i64, upper: i64) -> (i64, i64) {
    let half = (lower - upper).max(LABEL_DISTANCE) / 2;
    let middle = ((lower + upper) / 2).max(PLOT_TOP + half).min(PLOT_BOTTOM - half);
    (middle + half, middle - half)
}

fn points(rates: &[u64], top_bps: u64) -> Vec<(i64, i64)> {
    let step = PLOT_WIDTH * 10 / (SECONDS as i64 - 1);
    let at = |index: usize| PLOT_WIDTH * 10 - (rates.len() - 1 - index) as i64 * step;
    rates.iter().enumerate().map(|(index, rate)| (at(index), tenths_of(*rate, top_bps))).collect()
}

fn edge(rates: &[u64], top_bps: u64) -> String {
    path(points(rates, top_bps).into_iter())
}

fn area(below: &[u64], above: &[u64], top_bps: u64) -> String {
    if above.len() < 2 {
        return String::new();
    }
    let outline = points(above, top_bps).into_iter().chain(points(below, top_bps).into_iter().rev());
    path(outline) + "Z"
}

fn path(points: impl Iterator<Item = (i64, i64)>) -> String {
    let mut path = String::new();
    for (index, (x, y)) in points.enumerate() {
        let command = if index == 0 { 'M' } else { 'L' };
        write!(path, "{command}{x} {y}").expect("writing to a string cannot fail");
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(peers_bps: u64, origin_bps: u64, count: usize) -> Vec<TrafficSecond> {
        vec![TrafficSecond { peers_bps, origin_bps }; count]
    }

    #[test]
    fn the_scale_ends_at_a_round_number() {
        let top = |peers, origin| Chart::of(&seconds(peers, origin, 60)).top_bps;
        assert_eq!(top(1_100_000, 600_000), 2_000_000);
        assert_eq!(top(2_000_000, 0), 2_000_000);
        assert_eq!(top(7_000_000, 0), 8_000_000);
        assert_eq!(top(10_000_000, 1), 15_000_000);
        assert_eq!(Chart::of(&[]).top_bps, SMALLEST_TOP_BPS);
    }

    #[test]
    fn a_burst_is_spread_over_five_seconds() {
        let mut history = seconds(0, 0, 55);
        history.extend(seconds(5_000_000, 0, 1));
        assert_eq!(Chart::of(&history).peers.now_bps, 1_000_000);
        history.extend(seconds(0, 0, 5));
        assert_eq!(Chart::of(&history).peers.now_bps, 0);
    }

    #[test]
    fn the_newest_second_stands_at_the_right_edge() {
        let chart = Chart::of(&seconds(2_000_000, 0, 3));
        assert_eq!(chart.peers.edge, "M2280 954L2320 687L2360 420");
    }

    #[test]
    fn a_whole_minute_fits_the_plot() {
        let chart = Chart::of(&seconds(2_000_000, 0, 90));
        assert!(chart.peers.edge.starts_with("M0 220L"), "{}", chart.peers.edge);
        assert_eq!(chart.peers.edge.matches('L').count(), SECONDS - 1);
    }

    #[test]
    fn labels_never_overlap_nor_leave_the_plot() {
        for (peers, origin) in
            [(0, 0), (2_000_000, 0), (0, 2_000_000), (1_000_000, 1_000_000), (100_000, 1_900_000)]
        {
            let chart = Chart::of(&seconds(peers, origin, 60));
            let (lower, upper) = (chart.peers.label_y, chart.origin.label_y);
            assert!(lower - upper >= LABEL_DISTANCE, "{peers} {origin}: {lower} {upper}");
            assert!(upper >= PLOT_TOP && lower <= PLOT_BOTTOM, "{peers} {origin}: {lower} {upper}");
        }
    }
}
