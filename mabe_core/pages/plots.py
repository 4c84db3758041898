"""Draws the plots of a page that there is something to draw for."""

from __future__ import annotations

import attrs
from markupsafe import Markup

from mabe_core.pages import charts, colours
from mabe_core.pages.content import Content, curves
from mabe_core.pages.settings import Setting
from mabe_core.pages.svg import Drawing
from mabe_core.reports.visible import seen
from mabe_core.runs.settings import settings_words

# letters of a label that fit beside a plot, in whatever font a reader has
LABEL = 26


@attrs.frozen
class Plots:
    """SVG elements; curves: each with its title. None where there is nothing to draw."""

    curves: tuple[tuple[str, Markup], ...] = ()
    classes: Markup | None = None
    settings: Markup | None = None
    calibration: Markup | None = None


def plots_of(shown: Content) -> Plots:
    """Return the plots of a page."""
    drawing = Drawing()
    return Plots(
        curves=_curves(shown, drawing),
        classes=_classes(shown, drawing),
        settings=_settings(shown, drawing),
        calibration=_calibration(shown, drawing),
    )


def _curves(shown: Content, drawing: Drawing) -> tuple[tuple[str, Markup], ...]:
    others = {title: {key: "solid"} for key, title in curves(shown.members) if "loss" not in title}
    columns = {"loss": {"train_loss": "dashed", "val_loss": "solid"}, **others}
    specs = [(title, charts.curve_chart(shown.settings, those)) for title, those in columns.items()]
    label = "{} by epoch; the numbers are in the table below"
    return tuple((title, drawing.svg(spec, label.format(title))) for title, spec in specs if spec)


def _classes(shown: Content, drawing: Drawing) -> Markup | None:
    colour = colours.class_colours(shown.class_names)
    rows = [(each.name, each.f1, colour[each.name]) for each in shown.class_scores if each.f1 is not None]
    if not rows:
        return None
    # whole: drawn from 0.728 to 0.732, classes that are told equally well would seem worlds apart
    chart = charts.spread_chart(rows, "F1", domain=(0, 1))
    return drawing.svg(chart, "F1 of each class; the numbers are in the table")


def _settings(shown: Content, drawing: Drawing) -> Markup | None:
    metric = shown.metric or ""
    rows = [
        (_lines(setting), spread, colours.variable(number))
        for number, setting in enumerate(shown.settings)
        if (spread := setting.metrics.get(metric)) is not None
    ]
    if len(rows) < 2:
        return None
    return drawing.svg(
        charts.spread_chart(rows, metric), f"{metric} of each setting; the numbers are in the table"
    )


def _calibration(shown: Content, drawing: Drawing) -> Markup | None:
    if shown.calibration is None:
        return None
    return drawing.svg(
        charts.reliability_chart(shown.calibration), "reliability diagram; the numbers are in the table"
    )


def _lines(setting: Setting) -> str:
    """Return a setting's name in lines that fit beside a plot, a component's settings below its name."""
    words = [seen(word) for word in settings_words(setting.values)]
    lines = [word if len(word) <= LABEL else word.replace(" {", "\n{").replace(", ", ",\n") for word in words]
    return "\n".join(lines) or setting.name
