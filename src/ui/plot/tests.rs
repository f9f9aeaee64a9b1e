use super::*;
use crate::ui::theme::DARK;

const AREA: Rect = Rect::new(0, 0, 60, 16);

fn plot<'a>(x: Axis, layers: &'a [Layer], labels: &'a [Label]) -> Plot<'a> {
    Plot {
        x,
        y: None,
        log_y: false,
        full_range: false,
        layers,
        now: None,
        cursor: None,
        marks: &[],
        labels,
        title: "loss",
        nothing: "nothing here",
        x_labels: true,
        x_unit: "seconds",
    }
}

fn lines(plot: &Plot) -> Vec<String> {
    let mut buffer = Buffer::empty(AREA);
    plot.render(AREA, &mut buffer, &DARK, Symbols::Braille);
    let rows = buffer.content.chunks(usize::from(AREA.width));
    rows.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect())
        .collect()
}

fn line(points: &[(f64, f64)]) -> Layer {
    Layer::Line {
        points: points.to_vec(),
        color: Color::Reset,
        dotted: false,
    }
}

fn dots(lines: &[String]) -> usize {
    let cells = lines.iter().flat_map(|line| line.chars());
    cells
        .filter(|cell| ('\u{2801}'..='\u{28ff}').contains(cell))
        .count()
}

#[test]
fn a_label_stands_beside_its_line_and_not_on_it() {
    let layers = [line(&[(0.0, 3.0), (50.0, 2.0), (100.0, 1.9)])];
    let bare = lines(&plot(Axis::new(0.0, 100.0, false), &layers, &[]));
    let labels = [Label {
        at: (100.0, 1.9),
        text: "1.900 ±.012".to_owned(),
        color: Color::Reset,
    }];
    let labelled = lines(&plot(Axis::new(0.0, 100.0, false), &layers, &labels));
    assert!(
        labelled.iter().any(|line| line.contains("1.900 ±.012")),
        "{labelled:#?}"
    );
    assert!(dots(&labelled) + 1 >= dots(&bare), "{labelled:#?}");
    let letter = [Label {
        at: (100.0, 1.9),
        text: "A".to_owned(),
        color: Color::Reset,
    }];
    let lettered = lines(&plot(Axis::new(0.0, 100.0, false), &layers, &letter));
    assert_eq!(dots(&lettered), dots(&bare) - 1, "{lettered:#?}");
}

#[test]
fn the_axis_is_labelled_from_end_to_end_and_its_unit_stands_before_it() {
    let layers = [line(&[(0.0, 3.0), (25_000.0, 2.0)])];
    let screen = lines(&plot(Axis::new(0.0, 25_000.0, false), &layers, &[]));
    let labels = screen
        .last()
        .map(|line| line.trim_end().to_owned())
        .unwrap_or_default();
    assert!(
        labels.starts_with("seconds 0 ") && labels.ends_with("20k"),
        "{labels}"
    );
    let layers = [line(&[(0.0, 3.0), (20_000.0, 2.0)])];
    let screen = lines(&plot(Axis::new(0.0, 20_000.0, false), &layers, &[]));
    assert!(
        screen.last().is_some_and(|line| line.ends_with(" 20k")),
        "{screen:#?}"
    );
}

#[test]
fn a_line_between_two_points_is_seen_and_where_there_is_none_that_is_said() {
    let layers = [line(&[(0.0, 3.0), (100.0, 2.0)])];
    let between = lines(&plot(Axis::new(40.0, 60.0, false), &layers, &[]));
    assert!(dots(&between) > 20, "{between:#?}");
    let beyond = lines(&plot(Axis::new(140.0, 160.0, false), &layers, &[]));
    assert!(
        beyond.iter().any(|line| line.contains("nothing here")),
        "{beyond:#?}"
    );
    assert!(beyond.iter().all(|line| !line.contains('1')), "{beyond:#?}");
}
