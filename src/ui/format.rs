//! How numbers look on the screen.

pub use crate::text::count;

/// A loss that was logged, of which no interval is known: four decimals where they fit.
pub fn loss(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".to_owned(),
        value if value.is_infinite() => if value > 0.0 { "inf" } else { "-inf" }.to_owned(),
        value if value.abs() >= 1e5 => format!("{value:.2e}"),
        value if value.abs() >= 100.0 => format!("{value:.1}"),
        value if value.abs() >= 10.0 => format!("{value:.3}"),
        value => format!("{value:.4}"),
    }
}

/// A number in at most five characters: `31.2k`, `133k`, `8.2B`, `0.003`.
pub fn short(value: f64) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    let magnitude = value.abs();
    let scaled = |factor: f64, unit: &str| {
        let scaled = value / factor;
        let decimals = usize::from(scaled.abs() < 99.95);
        let text = format!("{scaled:.decimals$}");
        format!("{}{unit}", text.strip_suffix(".0").unwrap_or(&text))
    };
    match magnitude {
        0.0 => "0".to_owned(),
        m if m >= 999.5e9 => scaled(1e12, "T"),
        m if m >= 999.5e6 => scaled(1e9, "B"),
        m if m >= 999.5e3 => scaled(1e6, "M"),
        m if m >= 1e4 => scaled(1e3, "k"),
        m if m >= 100.0 => format!("{value:.0}"),
        m if m >= 1.0 => trim(format!("{value:.2}")),
        m if m >= 0.01 => trim(format!("{value:.3}")),
        _ => format!("{value:.1e}"),
    }
}

fn trim(text: String) -> String {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// A duration in one unit, for narrow columns: `14m`, `2h10`, `3d`.
pub fn brief_duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "-".to_owned();
    }
    let seconds = seconds.min(1e12) as u64;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h{:02}", seconds / 3600, seconds / 60 % 60),
        86_400..8_640_000 => format!("{}d{}h", seconds / 86_400, seconds / 3600 % 24),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A duration in its largest unit: `14m`, `2h`, `3d`.
pub fn coarse_duration(seconds: f64) -> String {
    match seconds {
        _ if seconds.is_nan() => "-".to_owned(),
        ..60.0 => format!("{:.0}s", seconds.max(0.0).floor()),
        60.0..3600.0 => format!("{:.0}m", (seconds / 60.0).floor()),
        3600.0..86_400.0 => format!("{:.0}h", (seconds / 3600.0).floor()),
        _ => format!("{:.0}d", (seconds / 86_400.0).floor()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_meaning_and_their_width() {
        assert_eq!(loss(2.84121), "2.8412");
        assert_eq!(loss(f64::NAN), "NaN");
        assert_eq!(count(31_240), "31,240");
        assert_eq!(count(7), "7");
        assert_eq!(short(31_240.0), "31.2k");
        assert_eq!(short(133_310.0), "133k");
        assert_eq!(short(999_700.0), "1M");
        assert_eq!(short(8.2e9), "8.2B");
        assert_eq!(short(3e-4), "3.0e-4");
        assert_eq!(brief_duration(7_800.0), "2h10");
        assert_eq!(coarse_duration(7_800.0), "2h");
        assert_eq!(coarse_duration(59.9), "59s");
    }
}
