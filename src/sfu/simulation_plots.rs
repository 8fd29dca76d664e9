//! Figures of simulated calls as CSV and SVG, for whoever names a folder (`VISAVIS_PLOTS`). Draws what it is given, measures nothing.

#![cfg(test)]

use std::fmt::Write as _;

use super::simulation::Tenth;

const WIDTH: f64 = 900.0;
const LEFT: f64 = 78.0;
const RATES: (f64, f64) = (34.0, 250.0);
const QUEUES: (f64, f64) = (276.0, 360.0);

/// Each tenth of a second a line.
pub fn csv(tenths: &[Tenth]) -> String {
    let mut text = String::from(
        "s,line_bits_per_s,delivered_bits_per_s,padding_bits_per_s,estimate_bits_per_s,lid_bits_per_s,queue_ms,silence_ms,frozen_ms,frames,sound_packets\n",
    );
    for (n, t) in tenths.iter().enumerate() {
        let Tenth { rate, delivered, padding, estimate, lid, queue_ms, silence_ms, frozen_ms, frames, sound, .. } = t;
        let at = n as f64 / 10.0;
        let _ =
            writeln!(text, "{at:.1},{rate},{delivered},{padding},{estimate},{lid},{queue_ms},{silence_ms},{frozen_ms},{frames},{sound}");
    }
    text
}

/// Rates above, the waiting time on the line below. No script, no font of its own, readable on light and dark ground.
pub fn svg(title: &str, tenths: &[Tenth]) -> String {
    let flows = |tenth: &Tenth| tenth.delivered;
    let most = tenths.iter().map(flows).max().unwrap_or(1).max(200_000) as f64 * 1.15;
    let longest = tenths.iter().map(|tenth| tenth.queue_ms).max().unwrap_or(1).max(200) as f64 * 1.1;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} 400\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"{WIDTH}\" height=\"400\" fill=\"#fff\"/>\n<text x=\"{LEFT}\" y=\"18\" font-size=\"14\">{title}</text>\n"
    );
    grid(&mut text, RATES, most / 1_000.0, "kbit/s");
    grid(&mut text, QUEUES, longest, "ms");
    let count = tenths.len() as f64;
    for second in (0..=tenths.len() / 10).step_by(10) {
        let x = LEFT + (second * 10) as f64 / count * (WIDTH - LEFT - 10.0);
        let _ = writeln!(text, "<text x=\"{x:.0}\" y=\"376\" text-anchor=\"middle\">{second} s</text>");
    }
    // A fifth of a second is as fine as the page shows, and shows frames; half a second shows rates.
    let smooth = |at: usize, pick: fn(&Tenth) -> u64| {
        let window = &tenths[at.saturating_sub(4)..=at];
        window.iter().map(pick).sum::<u64>() as f64 / window.len() as f64
    };
    let mut line = |color: &str, name: &str, place: f64, panel: (f64, f64), top: f64, value: &dyn Fn(usize) -> f64| {
        let points: Vec<String> = (0..tenths.len())
            .map(|at| {
                let x = LEFT + at as f64 / count * (WIDTH - LEFT - 10.0);
                let y = panel.1 - (value(at) / top).min(1.0) * (panel.1 - panel.0);
                format!("{x:.1},{y:.1}")
            })
            .collect();
        let _ = writeln!(text, "<polyline fill=\"none\" stroke=\"{color}\" stroke-width=\"1.4\" points=\"{}\"/>", points.join(" "));
        let _ = writeln!(text, "<text x=\"{place}\" y=\"394\" fill=\"{color}\">{name}</text>");
    };
    line("#888888", "what the line carries", LEFT, RATES, most, &|at| tenths[at].rate as f64);
    line("#1b9e77", "estimate", 200.0, RATES, most, &|at| tenths[at].estimate as f64);
    line("#d95f02", "lid of the source", 270.0, RATES, most, &|at| tenths[at].lid as f64);
    line("#2b5fd9", "received", 380.0, RATES, most, &|at| smooth(at, flows));
    line("#a020a0", "of it padding", 450.0, RATES, most, &|at| smooth(at, |tenth| tenth.padding));
    line("#c00000", "waiting on the line", 550.0, QUEUES, longest, &|at| tenths[at].queue_ms as f64);
    text.push_str("</svg>\n");
    text
}

fn grid(text: &mut String, panel: (f64, f64), top: f64, unit: &str) {
    let step = [50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0].into_iter().find(|step| top / step <= 6.0).unwrap_or(5_000.0);
    let mut value = 0.0;
    while value <= top {
        let y = panel.1 - value / top * (panel.1 - panel.0);
        let _ = writeln!(
            text,
            "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#dddddd\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value:.0} {unit}</text>",
            WIDTH - 10.0,
            LEFT - 4.0,
            y + 4.0
        );
        value += step;
    }
}
