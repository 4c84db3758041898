"""The plots that stand still, as Vega-Lite specifications."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from mabe_core.pages.calibration import Calibration
from mabe_core.pages.colours import variable
from mabe_core.pages.settings import Setting
from mabe_core.reports.visible import seen
from mabe_core.runs.spread import Spread

Spec = dict[str, Any]

WIDTH = 285


def curve_chart(settings: Sequence[Setting], columns: Mapping[str, str]) -> Spec | None:
    """Draw columns of the epochs' lines: every member thin, the mean of a setting bold, settings in colours.

    columns: of metrics.jsonl, each with "solid" or "dashed". None where no epoch has any of them.
    """
    thin, bold = [], []
    epochs: set[int] = set()
    for number, setting in enumerate(settings):
        for column, line in columns.items():
            same = {"setting": number, "line": line}
            by_epoch: dict[int, list[float]] = {}
            for member in setting.members:
                for epoch, value in column_of(member.epochs, column):
                    thin.append({**same, "epoch": epoch, "value": value, "member": member.id})
                    by_epoch.setdefault(epoch, []).append(value)
            epochs |= by_epoch.keys()
            bold += [{**same, "epoch": epoch, "value": fmean(those)} for epoch, those in by_epoch.items()]
    if not thin:
        return None
    encoding: Spec = {
        "x": {
            "field": "epoch",
            "type": "quantitative",
            "title": "epoch",
            "axis": {"values": whole_ticks(sorted(epochs)), "format": "d"},
            "scale": {"zero": False, "nice": False},
        },
        "y": {
            "field": "value",
            "type": "quantitative",
            "title": None,
            "scale": {"zero": False},
            "axis": {"tickCount": 5, "format": "~g"},
        },
        "color": _setting_colours(len(settings)),
        "strokeDash": {
            "field": "line",
            "scale": {"domain": ["solid", "dashed"], "range": [[1, 0], [5, 3]]},
            "legend": None,
        },
    }
    alone = len({row["member"] for row in thin}) == 1
    layers = [] if alone else [_line(thin, encoding, "member", strokeWidth=0.8, opacity=0.45)]
    layers.append(
        _line(bold, encoding, None, strokeWidth=2.2, point={"size": 18} if len(bold) < 25 else False)
    )
    return {"width": WIDTH, "height": 190, "layer": layers}


def whole_ticks(epochs: Sequence[int]) -> list[int]:
    """Return the epochs that an axis is labelled with: the first, and at most six more, evenly apart."""
    first, last = epochs[0], epochs[-1]
    step = max(1, -(-(last - first) // 6))
    return list(range(first, last + 1, step))


def column_of(epochs: Iterable[Mapping[str, Any]], column: str) -> list[tuple[int, float]]:
    """Return (epoch, value) of one column, where a line has it and it is finite."""
    found = [(line["epoch"], line.get(column)) for line in epochs]
    return [
        (epoch, float(value))
        for epoch, value in found
        if isinstance(value, (int, float)) and abs(value) < float("inf")
    ]


def spread_chart(
    rows: Sequence[tuple[str, Spread, str]], title: str, *, domain: tuple[float, float] | None = None
) -> Spec:
    """Draw one row a thing: each value a ring, the mean a dot, the standard deviation a bar to both sides.

    rows: label, in which a line break begins a new line, values, colour. domain: of the axis; by default that
    of the values.
    """
    order = [str(number) for number in range(len(rows))]
    # inside an expression JSON's escapes would hide what cannot be shown
    labels = {str(number): seen(label, lines=True).split("\n") for number, (label, _, _) in enumerate(rows)}
    values = [
        {"row": str(number), "value": value, "colour": colour}
        for number, (_, spread, colour) in enumerate(rows)
        for value in spread.values
    ]
    means = [
        {
            "row": str(number),
            "value": spread.mean,
            "low": spread.mean - (spread.deviation or 0.0),
            "high": spread.mean + (spread.deviation or 0.0),
            "colour": colour,
        }
        for number, (_, spread, colour) in enumerate(rows)
    ]
    lines = max(len(label) for label in labels.values())
    y = {
        "field": "row",
        "type": "nominal",
        "sort": order,
        "title": None,
        "scale": {"domain": order},
        "axis": {"labelExpr": f"({_literal(labels)})[datum.value]", "labelLimit": 200, "ticks": False},
    }
    x = {
        "type": "quantitative",
        "scale": {"domain": domain} if domain else {"zero": False, "padding": 8},
        "axis": {"tickCount": 4},
        "title": title,
    }
    colour = {"field": "colour", "type": "nominal", "scale": None}
    return {
        "width": WIDTH - 60,
        "height": {"step": 12 + 13 * lines},
        "encoding": {"y": y, "color": colour},
        "layer": [
            {
                "data": {"values": means},
                "mark": {"type": "rule", "strokeWidth": 3, "opacity": 0.55},
                "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}},
            },
            {
                "data": {"values": values},
                "mark": {"type": "point", "size": 34, "filled": False, "strokeWidth": 1.2},
                "encoding": {"x": {**x, "field": "value"}},
            },
            {
                "data": {"values": means},
                "mark": {"type": "point", "size": 70, "filled": True, "opacity": 1},
                "encoding": {"x": {**x, "field": "value"}},
            },
        ],
    }


def reliability_chart(calibration: Calibration) -> Spec:
    """Draw how often judgements of a bin are right, by their mean probability; the diagonal is perfect."""
    points = [
        {"confidence": each.confidence, "accuracy": each.accuracy, "share": each.count / calibration.count}
        for each in calibration.bins
        if each.count
    ]
    x = {"field": "confidence", "type": "quantitative", "title": "probability", "scale": {"domain": [0, 1]}}
    y = {**x, "field": "accuracy", "title": "share that is right"}
    return {
        "width": 230,
        "height": 230,
        "layer": [
            {
                "data": {"values": [{"confidence": 0, "accuracy": 0}, {"confidence": 1, "accuracy": 1}]},
                "mark": {"type": "line", "strokeDash": [4, 3], "color": "var(--soft)", "strokeWidth": 1},
                "encoding": {"x": x, "y": y},
            },
            {
                "data": {"values": points},
                "mark": {"type": "line", "color": variable(0), "strokeWidth": 1.5},
                "encoding": {"x": x, "y": y},
            },
            {
                "data": {"values": points},
                "mark": {"type": "point", "filled": True, "color": variable(0), "opacity": 1},
                "encoding": {
                    "x": x,
                    "y": y,
                    "size": {
                        "field": "share",
                        "type": "quantitative",
                        "scale": {"domain": [0, 1], "range": [18, 420]},
                        "legend": None,
                    },
                },
            },
        ],
    }


def _line(values: list[Spec], encoding: Spec, detail: str | None, **mark: Any) -> Spec:
    by = {"detail": {"field": detail}} if detail else {}
    return {"data": {"values": values}, "mark": {"type": "line", **mark}, "encoding": {**encoding, **by}}


def _setting_colours(count: int) -> Spec:
    numbers = list(range(count))
    return {
        "field": "setting",
        "type": "nominal",
        "scale": {"domain": numbers, "range": [variable(number) for number in numbers]},
        "legend": None,
    }


def _literal(labels: Mapping[str, list[str]]) -> str:
    """Return a map of texts as an expression of Vega's, which reads JSON's literals."""
    import json

    return json.dumps(labels)
