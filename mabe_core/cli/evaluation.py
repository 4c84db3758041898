"""Prints evaluations: tables that fit the terminal, JSON, CSV."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
from rich.table import Table

from mabe_core.cli import options
from mabe_core.reports.console import console
from mabe_core.runs.settings import settings_text, value_text

if TYPE_CHECKING:
    from mabe_core.inference.evaluating import Evaluated
    from mabe_core.inference.study_scores import MemberScores, SettingScores
    from mabe_core.runs.scores import Stretch
    from mabe_core.runs.study import Study

ALL = "all frames together"


def say(evaluated: Evaluated, *, as_json: bool, as_csv: bool) -> None:
    """Print the scores of one model."""
    if as_json:
        options.say_json(_as_dict(evaluated))
    elif as_csv:
        _csv([_csv_row(evaluated, None), *(_csv_row(evaluated, each) for each in evaluated.stretches)])
    else:
        _tables(evaluated)


def say_study(
    study: Study,
    settings: Sequence[tuple[SettingScores, Evaluated | None]],
    members: Sequence[MemberScores],
    together: Evaluated | None,
    missing: int,
    *,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Print the scores of a study: a row a setting, folds pooled, mean and spread over seeds.

    settings: each with the scores of the mean of its models, where there are some. together: those of all.
    """
    if as_json:
        options.say_json(
            {
                "study": study.id,
                "missing": missing,
                "settings": [
                    {
                        **attrs.asdict(each),
                        "spread": _spreads(each),
                        "ensemble": None if mean is None else mean.scores,
                    }
                    for each, mean in settings
                ],
                "members": [
                    {"id": each.source.run_id, "settings": dict(each.settings), **_as_dict(each.evaluated)}
                    for each in members
                ],
                "ensemble": None if together is None else _as_dict(together),
            }
        )
        return
    if as_csv:
        rows = [
            {
                **{key: _cell(value) for key, value in setting.settings.items()},
                "members": setting.members,
                "folds": setting.folds,
                "metric": name,
                "mean": spread.mean,
                "sd": spread.deviation,
                "n": spread.n,
                **({} if mean is None else {"ensemble": mean.scores.get(name)}),
            }
            for setting, mean in settings
            for name, spread in setting.spread.items()
        ]
        for name, value in together.scores.items() if together else ():
            rows.append({"members": len(members), "metric": name, "ensemble": value})
        _csv(rows)
        return
    screen = console()
    parts = {each.evaluated.part for each in members}
    screen.print(
        f"{study.id}: {len(members)} of {len(study.members)} members, on {' and '.join(sorted(parts))}"
    )
    for setting, mean in settings:
        screen.print()
        table = Table(box=None, header_style="bold", pad_edge=False)
        n = max((each.n for each in setting.spread.values()), default=0)
        table.add_column(settings_text(setting.settings) or "all members", overflow="fold")
        table.add_column("mean", justify="right")
        table.add_column("sd", justify="right")
        if mean is not None:
            table.add_column("ensemble", justify="right")
        for name, spread in setting.spread.items():
            deviation = "" if spread.deviation is None else f"{spread.deviation:.4f}"
            of_mean = [f"{mean.scores[name]:.4f}"] if mean is not None and name in mean.scores else []
            table.add_row(name, f"{spread.mean:.4f}", deviation, *of_mean)
        screen.print(table)
        folds = f", each over the frames of {setting.folds} folds together" if setting.folds > 1 else ""
        screen.print(f"over {n} seed{'s' * (n != 1)}{folds}", style="dim")
    if together is not None:
        screen.print()
        table = Table(box=None, header_style="bold", pad_edge=False)
        table.add_column("all members together")
        table.add_column("ensemble", justify="right")
        for name, value in together.scores.items():
            table.add_row(name, f"{value:.4f}")
        screen.print(table)
        screen.print(f"{together.told}, each by those that were not trained on it", style="dim")
    if missing:
        screen.print(
            f"{missing} of the {len(study.members)} members not trained yet, and not in this", style="yellow"
        )
    for notice in dict.fromkeys(notice for each in members for notice in each.evaluated.notices):
        screen.print(notice, style="yellow")


def _tables(evaluated: Evaluated) -> None:
    screen = console()
    screen.print(f"{evaluated.told}, on {evaluated.part}")
    screen.print()
    names = list(evaluated.scores)
    recordings = [_where(stretch, evaluated.stretches) for stretch in evaluated.stretches]
    left = screen.width - max(map(len, [*recordings, ALL])) - 12
    fitting = [
        name
        for place, name in enumerate(names)
        if sum(max(len(n), 6) + 2 for n in names[: place + 1]) <= left
    ]
    if len(fitting) < len(names):
        overall = Table(box=None, header_style="bold", pad_edge=False)
        overall.add_column("score")
        overall.add_column(ALL, justify="right")
        for name, value in evaluated.scores.items():
            overall.add_row(name, f"{value:.4f}")
        screen.print(overall)
        screen.print()
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("recording", overflow="fold")
    for title in ("frames", *fitting):
        table.add_column(title, justify="right")
    for where, stretch in zip(recordings, evaluated.stretches, strict=True):
        # scores that were kept may have been made with other metrics
        cells = (f"{stretch.scores[name]:.4f}" if name in stretch.scores else "" for name in fitting)
        table.add_row(where, f"{_labelled(stretch):,}", *cells)
    frames = sum(map(_labelled, evaluated.stretches))
    table.add_row(ALL, f"{frames:,}", *(f"{evaluated.scores[name]:.4f}" for name in fitting), style="bold")
    screen.print(table)
    for notice in evaluated.notices:
        screen.print(notice, style="yellow")


def _where(stretch: Stretch, all_stretches: Sequence[Stretch]) -> str:
    """Name a stretch; where a recording has several, by its frames or its individuals too."""
    same = [each for each in all_stretches if each.recording == stretch.recording]
    frames = f" {stretch.start}–{stretch.stop - 1}" if len({each.start for each in same}) > 1 else ""
    who = f" {' → '.join(stretch.individuals)}" if len({tuple(each.individuals) for each in same}) > 1 else ""
    return f"{stretch.recording}{frames}{who}"


def _labelled(stretch: Stretch) -> int:
    if stretch.confusion is None:  # a frame may be labelled for some classes only
        return stretch.stop - stretch.start
    return sum(map(sum, stretch.confusion))


def _as_dict(evaluated: Evaluated) -> dict[str, Any]:
    return {
        "model": evaluated.told,
        "part": evaluated.part,
        "notices": list(evaluated.notices),
        "classes": list(evaluated.classes),
        "scores": evaluated.scores,
        "recordings": [attrs.asdict(stretch) for stretch in evaluated.stretches],
    }


def _csv_row(evaluated: Evaluated, stretch: Stretch | None) -> dict[str, Any]:
    stretches = evaluated.stretches if stretch is None else (stretch,)
    return {
        "part": evaluated.part,
        "recording": stretch.recording if stretch else "",
        "individuals": "+".join(stretch.individuals) if stretch else "",
        "start": stretch.start if stretch else "",
        "stop": stretch.stop if stretch else "",
        "labelled_frames": sum(map(_labelled, stretches)),
        **(stretch.scores if stretch else evaluated.scores),
    }


def _csv(rows: Sequence[Mapping[str, Any]]) -> None:
    table = csv.DictWriter(
        sys.stdout, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n"
    )
    table.writeheader()
    table.writerows(rows)


def _cell(value: Any) -> Any:
    """Return what of a setting fits a cell of CSV: numbers exact, a component in words."""
    return value_text(value) if isinstance(value, Mapping | list) else value


def _spreads(setting: SettingScores) -> dict[str, dict[str, Any]]:
    return {name: spread.as_dict() for name, spread in setting.spread.items()}
