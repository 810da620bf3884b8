//! The geometry of the chart of the last minute: two stacked areas, labelled where they end.
//!
//! A player fetches in bursts, a segment at a time; each point is therefore the mean of the last five seconds.

use core::fmt::Write as _;

use crate::state::snapshot::TrafficSecond;

/// Width of the whole picture, in its own units.
pub const WIDTH: f64 = 336.0;
/// Height of the whole picture.
pub const HEIGHT: f64 = 148.0;
/// Where the areas end; labels stand to the right.
pub const PLOT_WIDTH: f64 = 236.0;
/// The line of the scale's top.
pub const PLOT_TOP: f64 = 22.0;
/// The line of zero.
pub const PLOT_BOTTOM: f64 = 122.0;

const SECONDS: usize = 60;
const MEAN_OVER: usize = 5;
/// A quiet minute is drawn against this, in bits a second.
const SMALLEST_TOP_BPS: f64 = 100_000.0;
/// Two lines of text fit between two labels this far apart.
const LABEL_DISTANCE: f64 = 36.0;

/// One kind of traffic in the chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    /// The area, as an SVG path.
    pub area: String,
    /// Its upper edge, as an SVG path.
    pub edge: String,
    /// Where its label stands.
    pub label_y: f64,
    /// Mean rate of the last five seconds, in bits.
    pub now_bps: f64,
    /// Mean rate of the whole minute, in bits.
    pub mean_bps: f64,
}

/// The chart of the last minute.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// What the scale ends at, in bits a second.
    pub top_bps: f64,
    /// From other viewers; below.
    pub peers: Band,
    /// From the relay; on top.
    pub origin: Band,
}

impl Chart {
    /// Draws `history`, oldest first.
    pub fn of(history: &[TrafficSecond]) -> Chart {
        let seconds = &history[history.len().saturating_sub(SECONDS)..];
        let peers = smoothed(seconds, |second| second.peers_bps);
        let origin = smoothed(seconds, |second| second.origin_bps);
        let total: Vec<f64> = peers.iter().zip(&origin).map(|(peers, origin)| peers + origin).collect();
        let top_bps = round_top(total.iter().copied().fold(SMALLEST_TOP_BPS, f64::max));
        let (peers_now, origin_now) = (last(&peers), last(&origin));
        let (peers_label, origin_label) =
            apart(height_of(peers_now / 2.0, top_bps), height_of(peers_now + origin_now / 2.0, top_bps));
        let zero = vec![0.0; peers.len()];
        Chart {
            top_bps,
            peers: Band {
                area: area(&zero, &peers, top_bps),
                edge: edge(&peers, top_bps),
                label_y: peers_label,
                now_bps: peers_now,
                mean_bps: mean(seconds, |second| second.peers_bps),
            },
            origin: Band {
                area: area(&peers, &total, top_bps),
                edge: edge(&total, top_bps),
                label_y: origin_label,
                now_bps: origin_now,
                mean_bps: mean(seconds, |second| second.origin_bps),
            },
        }
    }
}

fn smoothed(seconds: &[TrafficSecond], of: impl Fn(&TrafficSecond) -> f64 + Copy) -> Vec<f64> {
    (1..=seconds.len()).map(|end| mean(&seconds[end.saturating_sub(MEAN_OVER)..end], of)).collect()
}

fn mean(seconds: &[TrafficSecond], of: impl Fn(&TrafficSecond) -> f64) -> f64 {
    if seconds.is_empty() { 0.0 } else { seconds.iter().map(of).sum::<f64>() / seconds.len() as f64 }
}

fn last(rates: &[f64]) -> f64 {
    rates.last().copied().unwrap_or_default()
}

/// The next of 1, 2, 5, 10, 20, 50…
fn round_top(bps: f64) -> f64 {
    let magnitude = 10_f64.powf(bps.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
    steps.iter().map(|step| step * magnitude).find(|top| *top >= bps).unwrap_or(bps)
}

fn height_of(bps: f64, top_bps: f64) -> f64 {
    PLOT_BOTTOM - (PLOT_BOTTOM - PLOT_TOP) * (bps / top_bps).clamp(0.0, 1.0)
}

/// Moves two labels apart, within the plot. The first stands below the second.
fn apart(lower: f64, upper: f64) -> (f64, f64) {
    let middle = (lower + upper) / 2.0;
    let missing = (LABEL_DISTANCE - (lower - upper)).max(0.0);
    let half = (lower - upper + missing) / 2.0;
    let middle = middle.max(PLOT_TOP + half).min(PLOT_BOTTOM - half);
    (middle + half, middle - half)
}

fn points(rates: &[f64], top_bps: f64) -> Vec<(f64, f64)> {
    let step = PLOT_WIDTH / (SECONDS - 1) as f64;
    let at = |index: usize| PLOT_WIDTH - (rates.len() - 1 - index) as f64 * step;
    rates.iter().enumerate().map(|(index, rate)| (at(index), height_of(*rate, top_bps))).collect()
}

fn edge(rates: &[f64], top_bps: f64) -> String {
    path(points(rates, top_bps).into_iter())
}

fn area(below: &[f64], above: &[f64], top_bps: f64) -> String {
    if above.len() < 2 {
        return String::new();
    }
    let outline = points(above, top_bps).into_iter().chain(points(below, top_bps).into_iter().rev());
    path(outline) + "Z"
}

fn path(points: impl Iterator<Item = (f64, f64)>) -> String {
    let mut path = String::new();
    for (index, (x, y)) in points.enumerate() {
        let command = if index == 0 { 'M' } else { 'L' };
        write!(path, "{command}{x:.1} {y:.1}").expect("writing to a string cannot fail");
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(peers_bps: f64, origin_bps: f64, count: usize) -> Vec<TrafficSecond> {
        vec![TrafficSecond { peers_bps, origin_bps, given_bps: 0.0 }; count]
    }

    #[test]
    fn the_scale_ends_at_a_round_number() {
        assert_eq!(Chart::of(&seconds(1.1e6, 0.6e6, 60)).top_bps, 2e6);
        assert_eq!(Chart::of(&seconds(2e6, 0.0, 60)).top_bps, 2e6);
        assert_eq!(Chart::of(&seconds(6e6, 0.0, 60)).top_bps, 1e7);
        assert_eq!(Chart::of(&[]).top_bps, SMALLEST_TOP_BPS);
    }

    #[test]
    fn a_burst_is_spread_over_five_seconds() {
        let mut history = seconds(0.0, 0.0, 55);
        history.extend(seconds(5e6, 0.0, 1));
        assert_eq!(Chart::of(&history).peers.now_bps, 1e6);
        history.extend(seconds(0.0, 0.0, 5));
        assert_eq!(Chart::of(&history).peers.now_bps, 0.0);
    }

    #[test]
    fn the_newest_second_stands_at_the_right_edge() {
        let chart = Chart::of(&seconds(2e6, 0.0, 3));
        assert!(chart.peers.edge.ends_with("L236.0 22.0"), "{}", chart.peers.edge);
        assert!(chart.peers.edge.starts_with("M228.0 22.0"), "{}", chart.peers.edge);
    }

    #[test]
    fn labels_never_overlap_nor_leave_the_plot() {
        for (peers, origin) in [(0.0, 0.0), (2e6, 0.0), (0.0, 2e6), (1e6, 1e6), (1e5, 1.9e6)] {
            let chart = Chart::of(&seconds(peers, origin, 60));
            let (lower, upper) = (chart.peers.label_y, chart.origin.label_y);
            assert!(lower - upper >= LABEL_DISTANCE - 1e-9, "{peers} {origin}: {lower} {upper}");
            assert!(upper >= PLOT_TOP && lower <= PLOT_BOTTOM, "{peers} {origin}: {lower} {upper}");
        }
    }
}
