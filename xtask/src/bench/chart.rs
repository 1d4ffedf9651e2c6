//! The curves of one workload as an SVG image: a panel a number of workers, a line a runtime, both
//! axes logarithmic. Pure: it gives the text of the file.

use anyhow::{Context, Result, anyhow};
use plotters::prelude::*;
use std::fmt::Display;

use super::growth::{Curve, Point, curves};
use super::row::duration;

/// Pixels of a panel.
const PANEL: (u32, u32) = (320, 300);
/// A line's colour by the runtime's place among the runtimes: told apart by the colour-blind, too
/// (Okabe and Ito, Color Universal Design).
const COLOURS: [RGBColor; 4] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
];
/// Pixels right of a panel, for half of its last label.
const MARGIN_RIGHT: u32 = 26;
/// A label a power of ten, and none in between.
const MOST_LABELS: usize = 6;
/// The font of a reader's choice.
const FONT: &str = "sans-serif";

/// The image of a workload; `None` where it was not measured.
pub fn draw(points: &[Point], workload: &str) -> Result<Option<String>> {
    let curves = curves(points, workload);
    let mut workers: Vec<u32> = curves.iter().map(|curve| curve.workers).collect();
    workers.dedup();
    if workers.is_empty() {
        return Ok(None);
    }
    let mut text = String::new();
    {
        let size = (PANEL.0 * workers.len() as u32, PANEL.1);
        let image = SVGBackend::with_string(&mut text, size).into_drawing_area();
        image.fill(&WHITE).map_err(failed)?;
        let ends = Ends::of(&curves).context("a curve without points")?;
        let panels = image.split_evenly((1, workers.len()));
        for (panel, workers) in panels.iter().zip(workers) {
            let curves: Vec<_> = curves.iter().filter(|one| one.workers == workers).collect();
            draw_panel(panel, workers, &curves, &ends)?;
        }
        image.present().map_err(failed)?;
    }
    Ok(Some(text))
}

/// How far the axes reach, the same in all panels.
struct Ends {
    tasks: (f64, f64),
    ns: (f64, f64),
}

impl Ends {
    fn of(curves: &[Curve]) -> Option<Self> {
        let all = || curves.iter().flat_map(|curve| &curve.medians);
        let tasks = all().map(|(tasks, _)| *tasks as f64);
        let ns = all().map(|(_, ns)| *ns);
        Some(Self {
            tasks: decades(span(tasks)?),
            ns: with_room(decades(span(ns)?)),
        })
    }
}

fn span(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |span, value| {
        let (low, high) = span.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}

/// Whole powers of ten around both, one at least.
fn decades((low, high): (f64, f64)) -> (f64, f64) {
    let (first, last) = (low.log10().floor(), high.log10().ceil());
    (10_f64.powf(first), 10_f64.powf(last.max(first + 1.0)))
}

/// With room for the names of the lines above them.
fn with_room((low, high): (f64, f64)) -> (f64, f64) {
    (low, high * (high / low).sqrt())
}

fn draw_panel<B: DrawingBackend>(
    panel: &DrawingArea<B, plotters::coord::Shift>,
    workers: u32,
    curves: &[&Curve],
    ends: &Ends,
) -> Result<()> {
    let plural = if workers == 1 { "" } else { "s" };
    let mut chart = ChartBuilder::on(panel)
        .caption(format!("{workers} worker{plural}"), (FONT, 16))
        .margin(10)
        .margin_right(MARGIN_RIGHT)
        .x_label_area_size(36)
        .y_label_area_size(56)
        .build_cartesian_2d(
            (ends.tasks.0..ends.tasks.1).log_scale(),
            (ends.ns.0..ends.ns.1).log_scale(),
        )
        .map_err(failed)?;
    chart
        .configure_mesh()
        .x_desc("tasks")
        .x_label_formatter(&|tasks| format!("{tasks:.0}"))
        .y_label_formatter(&|ns| duration(*ns))
        .x_labels(MOST_LABELS)
        .y_labels(MOST_LABELS)
        .max_light_lines(0)
        .draw()
        .map_err(failed)?;
    for (curve, colour) in curves.iter().zip(COLOURS.iter().cycle()) {
        let line = curve.medians.iter().map(|(tasks, ns)| (*tasks as f64, *ns));
        chart
            .draw_series(LineSeries::new(line, colour.stroke_width(2)).point_size(3))
            .map_err(failed)?
            .label(curve.runtime)
            .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .draw()
        .map_err(failed)
}

/// The library's errors borrow what was drawn on.
fn failed(error: impl Display) -> anyhow::Error {
    anyhow!("drawing: {error}")
}

#[cfg(test)]
mod tests {
    use super::super::growth::tests::points;
    use super::*;

    #[test]
    fn an_image_has_a_panel_a_number_of_workers_and_a_line_a_runtime() {
        let mut all = points("waves", "ours", 1, &[100.0, 150.0, 130.0]);
        all.extend(points("waves", "go", 1, &[500.0, 450.0, 700.0]));
        all.extend(points("waves", "ours", 2, &[60.0, 70.0, 90.0]));
        let image = draw(&all, "waves").unwrap().unwrap();
        assert!(image.starts_with("<svg"), "{image}");
        assert_eq!(image.matches("1 worker\n").count(), 1, "{image}");
        assert_eq!(image.matches("2 workers\n").count(), 1, "{image}");
        assert_eq!(image.matches("go\n").count(), 1, "{image}");
        // A dot a point.
        assert_eq!(image.matches("<circle").count(), 9, "{image}");
        assert_eq!(draw(&all, "waves").unwrap().unwrap(), image);
    }

    #[test]
    fn an_axis_ends_at_powers_of_ten() {
        assert_eq!(decades((120.0, 900.0)), (100.0, 1_000.0));
        assert_eq!(decades((100.0, 100.0)), (100.0, 1_000.0));
        assert_eq!(decades((100.0, 1e6)), (100.0, 1e6));
    }

    #[test]
    fn what_was_not_measured_has_no_image() {
        assert_eq!(draw(&[], "waves").unwrap(), None);
    }
}
