"""Model cards: what a trained model is, in Markdown, from its record and its scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mabe_core.experiment import read_document
from mabe_core.experiment.text import tree_text
from mabe_core.models.finding import ModelSource
from mabe_core.models.gathering import matching_scores, scored_words
from mabe_core.models.markdown import block, escaped, table
from mabe_core.models.spread import spread
from mabe_core.runs.data_report import kept_report
from mabe_core.runs.record import Record, read_record
from mabe_core.runs.scores import Scores

# of a class with fewer labelled training frames the card says that it is rare
RARE = 1000


def model_card(source: ModelSource, runs_dir: Path | None = None) -> str:
    """Return the card, in Markdown; whatever names hold, they are shown as they are.

    runs_dir: where the study that the model is of is looked for, to tell the spread over its seeds and folds.
    """
    record = read_record(source.run)
    assert record is not None, "a model that was found has a record"
    scores = matching_scores(source.run, source.checkpoint, source.sha256)
    tree = read_document(source.run.experiment).tree
    parts = [
        _heading(source, record, tree),
        _data(record, tree),
        _scores(record, scores, source, runs_dir),
        _limits(record, scores),
        _versions(record),
        _command(record, tree),
    ]
    return "\n".join(parts)


def _heading(source: ModelSource, record: Record, tree: Mapping[str, Any]) -> str:
    rows = [
        ["experiment", record.id],
        ["what for", str(tree.get("description") or "")],
        ["model", _component(tree.get("model"))],
        ["checkpoint", source.checkpoint],
        ["weights", f"SHA-256 {source.sha256}"],
        ["trained", f"{record.started} to {record.updated}"],
    ]
    if record.imported:
        rows.append(
            ["imported", f"from {record.imported.get('file')}, SHA-256 {record.imported.get('sha256')}"]
        )
    rows = [row for row in rows if row[1]]
    told = f"{escaped(source.description)}\n\n" if source.description else ""
    return f"# Model card: {escaped(source.name or record.id)}\n\n{told}{table(['', ''], rows)}"


def _data(record: Record, tree: Mapping[str, Any]) -> str:
    report = kept_report(record.report)
    if report is None:
        return "## Data\n\nThe record says nothing of the data.\n"
    data = tree.get("data")
    rows = [
        ["dataset", _component(data.get("dataset") if isinstance(data, Mapping) else data)],
        ["recordings", f"{report['recordings']}, {report['frames']:,} frames, {report['seconds']:.0f} s"],
        *([kind, _kinds(report[kind])] for kind in ("fps", "individuals", "keypoints")),
        ["missing points", f"{report['missing']:.1%}"],
    ]
    parts = report["parts"]
    classes = [
        [name, f"{frames:,}", *(f"{part['class_frames'].get(name, 0):,}" for part in parts.values())]
        for name, frames in report["class_frames"].items()
    ]
    unlabelled = [f"{part['unlabelled']:,}" for part in parts.values()]
    classes.append(["unlabelled", f"{report['unlabelled']:,}", *unlabelled])
    counted = table(["class", "frames", *parts], classes)
    return f"## Data\n\n{table(['', ''], rows)}\n{counted}"


def _scores(record: Record, scores: Scores | None, source: ModelSource, runs_dir: Path | None) -> str:
    if scores is None:
        said = source.scored or scored_words(source.run, record, source.checkpoint, None)
        told = f"The record says {escaped(said)}, the best of its epochs." if said else ""
        return f"## Scores\n\n{told or 'There are no scores of this checkpoint.'}\n"
    pooled = scores.pooled[scores.held_out]
    over = spread(runs_dir, record.id, scores.held_out) if runs_dir is not None else None
    titles = ["score", "this model", *([f"mean ± sd of {over.members} members"] if over else [])]
    rows = [[name, _number(score), *([over.told(name)] if over else [])] for name, score in pooled.items()]
    stretches = scores.stretches[scores.held_out]
    recordings = len({stretch.recording for stretch in stretches})
    several = "s" if recordings != 1 else ""
    frames = sum(stretch.stop - stretch.start for stretch in stretches)
    measured = f"On {escaped(scores.held_out)}: {recordings} recording{several}, {frames:,} frames, held out."
    if over:
        measured += f" The members are those of the study {escaped(over.study)} with the same settings."
    return f"## Scores\n\n{measured}\n\n{table(titles, rows)}\n{_per_class(scores)}"


def _per_class(scores: Scores) -> str:
    stretches = scores.stretches[scores.held_out]
    rows = []
    for number, name in enumerate(scores.classes):
        hit, wrong, missed = (
            sum(stretch.counts[number][which] for stretch in stretches) for which in range(3)
        )
        rows.append(
            [
                name,
                f"{hit + missed:,}",
                _ratio(hit, hit + wrong),
                _ratio(hit, hit + missed),
                _ratio(2 * hit, 2 * hit + wrong + missed),
            ]
        )
    return table(["class", "labelled frames", "precision", "recall", "F1"], rows)


def _limits(record: Record, scores: Scores | None) -> str:
    return "## Limits\n\n" + "".join(f"- {line}\n" for line in _limit_lines(record, scores))


def _limit_lines(record: Record, scores: Scores | None) -> Iterator[str]:
    report = kept_report(record.report)
    names = record.auto.get("class_names")
    if names and isinstance(names, list):
        yield f"It tells {_listed(names)} apart, and calls every frame one of them."
    if report is not None:
        fps, individuals, keypoints = (
            escaped(_kinds(report[kind])) for kind in ("fps", "individuals", "keypoints")
        )
        yield (
            f"It has seen {fps} frames a second, the individuals {individuals}, the keypoints {keypoints}; "
            "of other setups, animals and labs nothing is known."
        )
        trained = report["parts"].get("train", {}).get("class_frames", {})
        rare = [f"{name} ({frames:,})" for name, frames in trained.items() if frames < RARE]
        if rare:
            yield f"Few training frames: {_listed(rare)}."
    if record.notice or (scores and scores.notice):
        yield escaped(scores.notice if scores and scores.notice else record.notice)
    if scores is not None and scores.held_out != "test":
        yield "Its checkpoint was chosen by a score on the same recordings that it is scored on here."
    if record.state != "finished":
        done = f"epoch {record.epoch} of {record.epochs}"
        yield f"Its training is not finished: {escaped(record.state)} after {done}."
    if record.imported:
        yield "It was not trained by this experiment: its weights were imported."
    for change in record.changes:
        told = [str(each) for changes in change.values() if isinstance(changes, list) for each in changes]
        yield f"From step {change.get('step')} on something was not as before: {escaped('; '.join(told))}"


def _versions(record: Record) -> str:
    machine = record.machine
    git = record.git or {}
    changed = " and changes" if git.get("changed") else ""
    rows = [
        *([name, version] for name, version in record.software.items()),
        ["device", f"{record.auto.get('device', '')} {record.auto.get('device_name', '')}".strip()],
        ["processor", str(machine.get("cpu", ""))],
        ["system", str(machine.get("system", ""))],
        ["git", f"{git['commit']}{changed}" if git.get("commit") else ""],
    ]
    plugins = [
        [f"{each['kind']} {each['name']}", _provider(each), str(each.get("version", ""))]
        for each in record.components
    ]
    return (
        f"## Versions\n\n{table(['', ''], [row for row in rows if row[1]])}\n"
        f"{table(['component', 'from', 'version'], plugins)}"
    )


def _command(record: Record, tree: Mapping[str, Any]) -> str:
    shown = {key: value for key, value in tree.items() if key in ("data", "model", "training", "seed")}
    return (
        f"## The command that made it\n\n{block('mabe-run experiment.yaml', 'sh')}\n"
        f"with the experiment that lies beside the weights, of which the chief parts are\n\n"
        f"{block(tree_text(shown), 'yaml')}"
    )


def _provider(component: Mapping[str, Any]) -> str:
    if component.get("place") == "file":
        return f"the file {', '.join(map(str, component['sources']))}"
    version = component.get("distribution_version")
    return f"{component.get('distribution') or component.get('plugin')}{f' {version}' if version else ''}"


def _component(told: Any) -> str:
    return str(told.get("name", "")) if isinstance(told, Mapping) else str(told or "")


def _kinds(told: Sequence[Mapping[str, Any]]) -> str:
    """Return each kind that occurs, with the number of its recordings where there are several."""
    words = [
        ", ".join(each["value"]) if isinstance(each["value"], list) else f"{each['value']:g}" for each in told
    ]
    if len(words) == 1:
        return words[0]
    return "; ".join(
        f"{word} ({each['recordings']} recordings)" for word, each in zip(words, told, strict=True)
    )


def _listed(names: Iterable[Any]) -> str:
    return ", ".join(escaped(str(name)) for name in names)


def _number(value: float) -> str:
    return f"{value:.4f}"


def _ratio(part: int, whole: int) -> str:
    return _number(part / whole) if whole else "none"
