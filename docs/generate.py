"""Writes what is generated of README, docs and experiments: help texts, tables, figures, the JSON Schema.

    python -m docs.generate [--check]

A part stands between `<!-- generated: NAME -->` and `<!-- end -->`. With --check nothing is written, and the
exit status is 1 where a part is out of date.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import click

from mabe_core import DataShape
from mabe_core.cli import group
from mabe_core.configs.fields import describe
from mabe_core.discovery import load_plugins
from mabe_core.experiment.cloud import Cloud
from mabe_core.experiment.example import example
from mabe_core.experiment.json_schema import FILE as SCHEMA_FILE
from mabe_core.experiment.json_schema import schema_text
from mabe_core.experiment.schema import Checkpoint, Data, EarlyStopping, Experiment, Training
from mabe_core.experiment.structure import resolve_component
from mabe_core.experiment.study import Folds, Sample, StudySection
from mabe_core.registry import EVENTS, KINDS, Registry

ROOT = Path(__file__).parent.parent
FASTER = "mabe is so many times as fast"
RESULTS = ROOT / "benchmarks" / "results"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PART = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(titles: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def commands() -> str:
    """Return the help text of every command."""
    context = click.Context(group, info_name="mabe", terminal_width=100, **group.context_settings)
    return "\n".join(help_texts(group, context))


def help_texts(commands: click.Group, context: click.Context) -> Iterator[str]:
    """Yield the help text of each command of a group, and of those inside it."""
    for name in commands.list_commands(context):
        command = commands.get_command(context, name)
        assert command is not None
        with click.Context(command, info_name=name, parent=context, terminal_width=100) as inner:
            if isinstance(command, click.Group):
                yield from help_texts(command, inner)
            else:
                yield f"## {inner.command_path}\n\n```text\n{command.get_help(inner)}\n```\n"


def built_in() -> Registry:
    """Return the built-in components, whatever else is installed."""
    found = load_plugins()
    plugins = [plugin for plugin in found.plugins if plugin.origin.place == "built-in"]
    offers = [offer for plugin in plugins for offer in found.offered_by(plugin.origin)]
    return Registry(offers, plugins=plugins)


def components() -> str:
    """Return every built-in component by kind."""
    specs = [offer.spec for offer in built_in().all()]
    rows = [[spec.kind, f"`{spec.name}`", spec.describe()] for spec in specs]
    return table(["kind", "name", "what it is"], rows)


def formats() -> str:
    """Return every dataset, pose reader and label reader with the files that it takes."""
    rows = [
        [spec.kind, f"`{spec.name}`", " ".join(getattr(spec, "suffixes", ())), spec.describe()]
        for spec in (offer.spec for offer in built_in().all())
        if spec.kind in ("dataset", "pose_reader", "label_reader")
    ]
    return table(["kind", "name", "files", "what it reads"], rows)


def models() -> str:
    """Return every built-in model with its size at V3's shape of data, and its source."""
    shape = DataShape(input_dim=28, num_classes=4, class_names=tuple("abcd"), sequence_length=64)
    found = built_in()
    rows = []
    for spec in (offer.spec for offer in found.all() if offer.spec.kind == "model"):
        model = resolve_component(spec, {}, found).build(shape)
        parameters = sum(parameter.numel() for parameter in model.parameters())
        source = " ".join((spec.config.__doc__ or "").partition("\n")[2].split())
        rows.append([f"`{spec.name}`", f"{parameters:,}", source])
    return table(["model", "parameters", "source"], rows)


def kinds() -> str:
    """Return every kind with its hook and what it exchanges."""
    rows = [
        [f"`{kind.name}`", f"`{kind.hook}`", f"`{kind.spec.__name__}`", " ".join(kind.help.split())]
        for kind in KINDS.values()
    ]
    return table(["kind", "hook", "spec", "what it is"], rows)


def events() -> str:
    """Return every event with what its hook may take."""
    rows = [
        [f"`{event.hook}`", ", ".join(f"`{name}`" for name in event.arguments), " ".join(event.help.split())]
        for event in EVENTS.values()
    ]
    return table(["hook", "may take", "when"], rows)


def shown_example() -> str:
    """Return what `mabe show model transformer` gives to paste."""
    found = built_in()
    return f"```yaml\n{example(found.find('model', 'transformer').spec, found)}```\n"


def fields(config: type) -> str:
    """Return the fields of one section of an experiment file."""
    rows = []
    for field in describe(config):
        default = "required" if field.default is attrs.NOTHING else f"`{json.dumps(field.default)}`"
        limits = f" ({', '.join(map(str, field.limits))})" if field.limits else ""
        part_of_id = "yes" if field.identity else "no"
        rows.append([f"`{field.name}`", field.type + limits, default, part_of_id, field.help])
    return table(["key", "type", "default", "in the id", "what it says"], rows)


def sections() -> str:
    """Return the fields of each section of an experiment file."""
    titles = {
        "top level": Experiment,
        "data": Data,
        "training": Training,
        "training.early_stopping": EarlyStopping,
        "checkpoint": Checkpoint,
        "study": StudySection,
        "study.folds": Folds,
        "study.sample": Sample,
    }
    return "\n".join(f"### {title}\n\n{fields(config)}" for title, config in titles.items())


def synthetic_scores() -> str:
    """Return what the synthetic data asks for, measured."""
    found = json.loads((RESULTS / "synthetic_difficulty.json").read_text(encoding="utf-8"))
    rows = [
        [name, f"{statistics.fmean(values):.3f}", f"{min(values):.3f} to {max(values):.3f}"]
        for name, values in found["macro_f1"].items()
    ]
    seeds = ", ".join(map(str, found["seeds"]))
    titles = ["macro-F1 on held-out recordings", "mean", "over seeds"]
    return table(titles, rows) + measured(found, f", seeds {seeds}")


def overhead() -> str:
    """Return the engine's speed against a plain loop, measured."""
    found = json.loads((RESULTS / "overhead.json").read_text(encoding="utf-8"))
    rows = [
        [
            name,
            f"{one['engine']:.1f}",
            f"{one['plain']:.1f}",
            f"{one['ratio']:.3f}",
            f"{one['ratio_min']:.3f} to {one['ratio_max']:.3f}",
        ]
        for name, one in found["ratios"].items()
    ]
    titles = ["model", "engine, steps/s", "plain loop, steps/s", "ratio", "over rounds"]
    return table(titles, rows) + measured(found)


def in_turn(pattern: str, unit: str, ratio: str) -> str:
    """Return a table for each file of figures that benchmarks/in_turn.py took."""
    texts = []
    for file in sorted(RESULTS.glob(pattern)):
        found = json.loads(file.read_text(encoding="utf-8"))
        rows = [
            [name, f"{one['median']:,.4g}", ratio_of(one)] for name, one in by_name(found["figures"]).items()
        ]
        rounds = "1 round" if found["rounds"] == 1 else f"{found['rounds']} rounds"
        texts.append(table(["what", unit, f"{ratio} (over rounds)"], rows) + measured(found, f", {rounds}"))
    return "\n".join(texts) or "Not measured yet.\n"


def ratio_of(one: dict[str, float]) -> str:
    """Return a ratio, with its range where there were several rounds."""
    told = f"{one['ratio']:.2f}"
    if one["ratio_min"] < one["ratio_max"]:
        told += f" ({one['ratio_min']:.2f} to {one['ratio_max']:.2f})"
    return told


def by_name(figures: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return figures by name, those of a group with the group's before."""
    found = {}
    for name, each in figures.items():
        inner = {"": each} if "median" in each else each
        found |= {f"{name}, {other}" if other else name: one for other, one in inner.items()}
    return found


def predict_memory() -> str:
    """Return what predicting holds and how fast it is, measured."""
    found = json.loads((RESULTS / "predict_memory.json").read_text(encoding="utf-8"))
    rows = [
        [
            f"{one['hours']:g}",
            f"{one['frames']:,}",
            f"{one['points_mb']:.0f} MB",
            f"{one['reader_peak_mb']:.0f} MB",
            f"{one['predict_peak_mb']:.0f} MB",
            f"{one['frames_per_second']:,}",
        ]
        for one in found["rows"]
    ]
    titles = ["hours at 30 frames/s", "frames", "points", "peak of reading alone", "peak in all", "frames/s"]
    return table(titles, rows) + measured(found)


def train_memory() -> str:
    """Return by how much training's memory grows with a recording's length, measured."""
    file = RESULTS / "train_memory.json"
    if not file.exists():
        return "Not measured yet: `python -m benchmarks.train_memory` does.\n"
    found = json.loads(file.read_text(encoding="utf-8"))
    rows = [
        [
            one["setting"],
            str(one["long"]["inputs"]),
            *(f"{one[which]['features_mb']:.1f} MB" for which in ("short", "long")),
            *(megabytes(one[which]["peaks_mb"], one[which]["peak_mb"]) for which in ("short", "long")),
            f"{one['ratio']:.2f}",
        ]
        for one in found["rows"]
    ]
    short, long = (f"{found['rows'][0][which]['minutes']:g} min" for which in ("short", "long"))
    titles = [
        *("setting", "inputs", f"features, {short}", f"features, {long}", f"peak, {short}", f"peak, {long}"),
        "growth of the peak / of features",
    ]
    return table(titles, rows) + measured(found)


def megabytes(peaks: list[float], median: float) -> str:
    """Return a median with its range."""
    return f"{median:.0f} MB ({min(peaks):.0f} to {max(peaks):.0f})"


def architectures() -> str:
    """Return what two models score after equally long training, measured."""
    file = RESULTS / "architectures.json"
    if not file.exists():
        return "Not measured yet: `python -m benchmarks.architectures` does.\n"
    compared = json.loads(file.read_text(encoding="utf-8"))["compared"]
    rows = []
    for one in compared.values():
        (setting,) = one["settings"]
        values = setting["values"]["macro_f1"]
        spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
        took = f"{statistics.fmean(one['seconds']):.0f}"
        told = [one["data"], one["model"], f"{statistics.fmean(values):.3f}{spread}", str(len(values))]
        rows.append([*told, str(len(one["folds"])), f"{one['steps']:,}", took])
    titles = ["data", "model", "macro-F1, mean ± sd", "seeds", "folds", "steps", "seconds of steps"]
    told = dict.fromkeys(measured(one, so_far(one)) for one in compared.values())
    return table(titles, rows) + "".join(told)


def many_runs() -> str:
    """Return how long `mabe runs --where` takes among many runs, measured."""
    found = json.loads((RESULTS / "many_runs.json").read_text(encoding="utf-8"))
    rows = [
        [what, f"{took['clock']:.2f}", f"{took['processor']:.2f}"] for what, took in found["seconds"].items()
    ]
    titles = [f"`mabe runs --where …` of {found['runs']:,} runs", "seconds", "of the processor"]
    return table(titles, rows) + measured(found)


def shared_gpu() -> str:
    """Return what several members of a study on one GPU gain, measured."""
    file = RESULTS / "shared_gpu.json"
    if not file.exists():
        return "Not measured yet: `python -m benchmarks.shared_gpu --json FILE`, on a GPU, does.\n"
    found = json.loads(file.read_text(encoding="utf-8"))
    rows = [
        [
            f"`--jobs {one['jobs']}`",
            f"{statistics.median(one['seconds']):.0f}",
            f"{one['times as fast']:.2f} ({one['low']:.2f} to {one['high']:.2f})",
            "the same" if one["same weights"] else "others",
        ]
        for one in found["rows"]
    ]
    titles = [f"{found['members']} members", "seconds", "times as fast (over rounds)", "weights"]
    return table(titles, rows) + measured(found)


def reading() -> str:
    """Return how long the rats take to be read, first and from the cache, measured."""
    found = json.loads((RESULTS / "reading.json").read_text(encoding="utf-8"))
    cached = statistics.median(found["cached"])
    rows = [["first", f"{found['first']:.1f}"], ["from the cache", f"{cached:.1f}"]]
    return table(["reading and features, Python's start included", "seconds"], rows) + measured(found)


def soaks() -> str:
    """Return what the last soaks found."""
    rows = []
    for file in sorted((ROOT / "soak" / "results").glob("*.json")):
        found = json.loads(file.read_text(encoding="utf-8"))
        about = ("command", "machine", "software", "git", "faults", "seconds")
        figures = ", ".join(f"{name}: {value:,}" for name, value in found.items() if name not in about)
        rows.append([f"`{found['command']}`", figures, str(len(found["faults"])), f"{found['seconds']:,.0f}"])
    return table(["soak", "what it did", "faults", "seconds"], rows)


def checkpoint_stall() -> str:
    """Return what saving costs a training, measured."""
    rows = []
    for file in sorted(RESULTS.glob("checkpoint_stall*.json")):
        found = json.loads(file.read_text(encoding="utf-8"))
        rows.append(
            [
                found["machine"],
                f"{found['saving']:.2f}",
                f"{found['without']:.2f}",
                f"{found['ratio']:.4f} ({found['ratio_min']:.4f} to {found['ratio_max']:.4f})",
                f"{1000 * found['held_up']:.1f} ms, at most {1000 * found['held_up_max']:.1f} ms",
                f"{1000 * found['writing']:.1f} ms",
                f"{100 * found['share']:.2f}%",
            ]
        )
    titles = [
        "V3 on",
        "steps/s, saving",
        "steps/s, not saving",
        "ratio (over rounds)",
        "the loop waits",
        "the thread works",
        f"both, of {found['every']:g} s",
    ]
    return table(titles, rows) + measured(found)


def rat_scores() -> str:
    """Return what the rat study scores: each model over seeds, and all together."""
    found = rat_results()
    study = found.get("studies", {}).get("rat_dyad")
    if study is None:
        return "Not measured yet: `python -m benchmarks.rats` does.\n"
    rows = [[short_setting(each["settings"]), *over_seeds(each["values"])] for each in study["settings"]]
    if study["ensemble"]:
        rows.append(["all models together", *(f"{study['ensemble'][name]:.3f}" for name in RAT_SCORES)])
    folds = ", ".join(f"{value:.3f}" for value in study["folds"].values())
    told = f", mean ± sd over seeds{so_far(study)}. Mean over models, by fold: {folds}"
    return table(["frames of all five folds", *RAT_SCORES], rows) + measured(study, told)


def rat_ablations() -> str:
    """Return what the rat study's parts contribute, measured."""
    found = rat_results()
    studies = {name: each for name, each in found.get("studies", {}).items() if name != "rat_dyad"}
    if not studies:
        return "Not measured yet: `python -m benchmarks.rats` does.\n"
    rows = []
    for name, study in studies.items():
        for each in study["settings"]:
            changed = {key: value for key, value in each["settings"].items() if key != "model"}
            rows.append([name, short_setting(changed or each["settings"]), *over_seeds(each["values"])])
    told = dict.fromkeys(measured(study, so_far(study)) for study in studies.values())
    return table(["part", "setting", *RAT_SCORES], rows) + "".join(told)


def so_far(study: dict[str, Any]) -> str:
    """Return how much of a study is finished, where that is not all of it."""
    done, total = study["members"]
    return "" if done == total else f"; {done} of {total} runs so far"


RAT_SCORES = ("macro_f1", "f1_base", "f1_aggression", "f1_social", "f1_nonsocial", "segment_f1_50")


def rat_results() -> dict[str, Any]:
    """Return what benchmarks.rats wrote; nothing where it was not run."""
    file = RESULTS / "rats.json"
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return found


def over_seeds(values: dict[str, list[float]]) -> list[str]:
    """Return mean and sample standard deviation of each score."""
    return [
        f"{statistics.fmean(values[name]):.3f}"
        + (f" ± {statistics.stdev(values[name]):.3f}" if len(values[name]) > 1 else "")
        for name in RAT_SCORES
    ]


def short_setting(settings: dict[str, Any]) -> str:
    """Return settings in a few words: names of components, and what of a loss or of decoding is set."""

    def told(value: Any) -> str:
        if isinstance(value, list):
            return ", ".join(map(told, value)) or "none"
        if not isinstance(value, dict):
            return str(value)
        said = ("class_weights", "label_smoothing", "decode")
        more = [f"{key} {value[key]}" for key in said if value.get(key)]
        return f"{value['name']} ({'; '.join(more)})" if more else str(value["name"])

    return "; ".join(told(value) for value in settings.values())


def measured(found: dict[str, Any], more: str = "") -> str:
    """Return how and on what figures were measured."""
    return f"\n`{found['command']}` on {found['machine']}, torch {found['software']['torch']}{more}.\n"


PARTS: dict[str, Callable[[], str]] = {
    "commands": commands,
    "components": components,
    "models": models,
    "formats": formats,
    "kinds": kinds,
    "reading": reading,
    "events": events,
    "sections": sections,
    "cloud-settings": lambda: fields(Cloud),
    "example": shown_example,
    "synthetic-scores": synthetic_scores,
    "overhead": overhead,
    "training-speed": lambda: in_turn("training_speed_h*.json", "steps/s", FASTER),
    "training-speed-cpu": lambda: in_turn("training_speed_cpu*.json", "steps/s", FASTER),
    "inference-speed": lambda: in_turn("inference_speed*.json", "frames/s", FASTER),
    "start-up": lambda: in_turn("start_up*.json", "seconds", "so many times as long as `mabe --help`"),
    "whole-experiment": lambda: in_turn(
        "whole_experiment*.json", "seconds", "so many times as long as mabe-run"
    ),
    "predict-memory": predict_memory,
    "train-memory": train_memory,
    "architectures": architectures,
    "many-runs": many_runs,
    "shared-gpu": shared_gpu,
    "soaks": soaks,
    "checkpoint-stall": checkpoint_stall,
    "rat-scores": rat_scores,
    "rat-ablations": rat_ablations,
}


# files that are generated whole
FILES: dict[Path, Callable[[], str]] = {
    ROOT / "experiments" / SCHEMA_FILE: lambda: schema_text(built_in()),
}


def renew(text: str) -> str:
    """Return a page with its generated parts made anew."""
    return PART.sub(lambda part: f"{part[1]}\n{PARTS[part[2]]()}\n{part[3]}", text)


def main() -> int:
    """Write the pages and files, or check them; return the exit status."""
    new = {page: renew(page.read_text(encoding="utf-8")) for page in PAGES}
    new |= {file: make() for file, make in FILES.items()}
    stale = [path for path in new if not path.exists() or path.read_text(encoding="utf-8") != new[path]]
    if "--check" in sys.argv:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is out of date: run `make docs`", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.write_text(new[path], encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
