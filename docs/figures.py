"""Tables of what was measured, out of the figures that benchmarks and soaks wrote."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
FASTER = "mabe is so many times as fast"


def table(titles: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def of(benchmark: str, told: Callable[[dict[str, Any]], str]) -> Callable[[], str]:
    """Return what tells a benchmark's figures, or that there are none yet."""

    def part() -> str:
        file = RESULTS / f"{benchmark}.json"
        return told(read(file)) if file.exists() else not_yet(benchmark)

    return part


def read(file: Path) -> dict[str, Any]:
    """Return what a benchmark or a soak wrote."""
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def not_yet(benchmark: str) -> str:
    """Return how figures that are missing are taken."""
    return f"Not measured yet: `python -m benchmarks.{benchmark} --json FILE` does.\n"


def measured(found: dict[str, Any], more: str = "") -> str:
    """Return how and on what figures were measured."""
    return f"\n`{found['command']}` on {found['machine']}, torch {found['software']['torch']}{more}.\n"


def mean_sd(values: list[float]) -> str:
    """Return the mean, and the sample standard deviation where there are several."""
    spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.3f}{spread}"


def means_and_ranges(scores: dict[str, list[float]], digits: int) -> list[list[str]]:
    """Return a row a name: the mean of its values, from which to which they go."""
    return [
        [
            name,
            f"{statistics.fmean(values):.{digits}f}",
            f"{min(values):.{digits}f} to {max(values):.{digits}f}",
        ]
        for name, values in scores.items()
    ]


def synthetic_scores(found: dict[str, Any]) -> str:
    """Return what the synthetic data asks for, measured."""
    rows = means_and_ranges(found["macro_f1"], 3)
    seeds = ", ".join(map(str, found["seeds"]))
    titles = ["macro-F1 on held-out recordings", "mean", "over seeds"]
    return table(titles, rows) + measured(found, f", seeds {seeds}")


def overhead(found: dict[str, Any]) -> str:
    """Return the engine's speed against a plain loop, measured."""
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
        found = read(file)
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


def predict_memory(found: dict[str, Any]) -> str:
    """Return what predicting holds and how fast it is, measured."""
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


def train_memory(found: dict[str, Any]) -> str:
    """Return by how much training's memory grows with a recording's length, measured."""
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


def architectures(found: dict[str, Any]) -> str:
    """Return what two models score after equally long training, measured."""
    compared = found["compared"].values()
    rows = []
    for one in compared:
        (setting,) = one["settings"]
        values = setting["values"]["macro_f1"]
        took = f"{statistics.fmean(one['seconds']):.0f}"
        told = [one["data"], one["model"], mean_sd(values), str(len(values))]
        rows.append([*told, str(len(one["folds"])), f"{one['steps']:,}", took])
    titles = ["data", "model", "macro-F1, mean ± sd", "seeds", "folds", "steps", "seconds of steps"]
    told = dict.fromkeys(measured(one, so_far(one)) for one in compared)
    return table(titles, rows) + "".join(told)


def many_runs(found: dict[str, Any]) -> str:
    """Return how long `mabe runs --where` takes among many runs, measured."""
    rows = [
        [what, f"{took['clock']:.2f}", f"{took['processor']:.2f}"] for what, took in found["seconds"].items()
    ]
    titles = [f"`mabe runs --where …` of {found['runs']:,} runs", "seconds", "of the processor"]
    return table(titles, rows) + measured(found)


def shared_gpu(found: dict[str, Any]) -> str:
    """Return what several members of a study on one GPU gain, measured."""
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


def reading(found: dict[str, Any]) -> str:
    """Return how long the rats take to be read, first and from the cache, measured."""
    cached = statistics.median(found["cached"])
    rows = [["first", f"{found['first']:.1f}"], ["from the cache", f"{cached:.1f}"]]
    return table(["reading and features, Python's start included", "seconds"], rows) + measured(found)


def soaks() -> str:
    """Return what the last soaks found."""
    rows = []
    for file in sorted((ROOT / "soak" / "results").glob("*.json")):
        found = read(file)
        about = ("command", "machine", "software", "git", "faults", "seconds")
        figures = ", ".join(f"{name}: {value:,}" for name, value in found.items() if name not in about)
        rows.append([f"`{found['command']}`", figures, str(len(found["faults"])), f"{found['seconds']:,.0f}"])
    return table(["soak", "what it did", "faults", "seconds"], rows)


def several_gpus(found: dict[str, Any]) -> str:
    """Return what several GPUs of one host gain over one, measured."""
    gpus, batch = found["gpus"], found["batch"]
    rows = []
    for step, name in (("auto", "captured"), ("plain", "plain")):
        one = found["figures"]["speed"][step]
        first = one["rounds"][0]
        ratio = f"{one['ratio']:.2f} ({one['low']:.2f} to {one['high']:.2f})"
        rows.append([name, f"{batch * first['one']:,.0f}", f"{batch * gpus * first['all']:,.0f}", ratio])
    rounds = len(found["figures"]["speed"]["auto"]["rounds"])
    titles = [f"V3, batch {batch} a GPU, step", "windows/s on one", f"on {gpus}", "times (over rounds)"]
    losses, resumed = found["figures"]["losses"], found["figures"]["resumed"]
    scores = ", ".join(f"{score:.4f}" for score in resumed["undisturbed"].values())
    return (
        table(titles, rows)
        + measured(found, f", {rounds} rounds")
        + f"\nThe losses of the first {losses['steps']} steps (float32, no dropout, a batch of {batch} in "
        f"all) differ by {losses['largest relative difference']:.1e} at most. A run begun on {gpus}, killed, "
        f"and resumed on one ended with macro-F1 {resumed['resumed on one']:.4f}; three seeds that nobody "
        f"disturbed with {scores}.\n"
    )


def precision(found: dict[str, Any]) -> str:
    """Return what V3 scores in each format, measured."""
    rows = means_and_ranges(found["macro_f1"], 4)
    titles = ["V3, `training.precision`", "best macro-F1 in validation", f"over {len(found['seeds'])} seeds"]
    return table(titles, rows) + measured(found)


def checkpoint_stall() -> str:
    """Return what saving costs a training, measured."""
    all_found = [read(file) for file in sorted(RESULTS.glob("checkpoint_stall*.json"))]
    rows = [
        [
            found["machine"],
            f"{found['saving']:.2f}",
            f"{found['without']:.2f}",
            f"{found['ratio']:.4f} ({found['ratio_min']:.4f} to {found['ratio_max']:.4f})",
            f"{1000 * found['held_up']:.1f} ms, at most {1000 * found['held_up_max']:.1f} ms",
            f"{1000 * found['writing']:.1f} ms",
            f"{100 * found['share']:.2f}%",
        ]
        for found in all_found
    ]
    titles = [
        "V3 on",
        "steps/s, saving",
        "steps/s, not saving",
        "ratio (over rounds)",
        "the loop waits",
        "the thread works",
        f"both, of {all_found[0]['every']:g} s",
    ]
    return table(titles, rows) + "".join(map(measured, all_found))


def rat_scores(found: dict[str, Any]) -> str:
    """Return what the rat study scores: each model over seeds, and all together."""
    study = found["studies"].get("rat_dyad")
    if study is None:
        return not_yet("rats")
    rows = [[short_setting(each["settings"]), *over_seeds(each["values"])] for each in study["settings"]]
    if study["ensemble"]:
        rows.append(["all models together", *(f"{study['ensemble'][name]:.3f}" for name in RAT_SCORES)])
    folds = ", ".join(f"{value:.3f}" for value in study["folds"].values())
    told = f", mean ± sd over seeds{so_far(study)}. Mean over models, by fold: {folds}"
    return table(["frames of all five folds", *RAT_SCORES], rows) + measured(study, told)


def rat_ablations(found: dict[str, Any]) -> str:
    """Return what the rat study's parts contribute, measured."""
    studies = {name: each for name, each in found["studies"].items() if name != "rat_dyad"}
    if not studies:
        return not_yet("rats")
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


def over_seeds(values: dict[str, list[float]]) -> list[str]:
    """Return the rats' scores, each over seeds."""
    return [mean_sd(values[name]) for name in RAT_SCORES]


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


FIGURES: dict[str, Callable[[], str]] = {
    "synthetic-scores": of("synthetic_difficulty", synthetic_scores),
    "overhead": of("overhead", overhead),
    "training-speed": lambda: in_turn("training_speed_h*.json", "steps/s", FASTER),
    "training-speed-cpu": lambda: in_turn("training_speed_cpu*.json", "steps/s", FASTER),
    "inference-speed": lambda: in_turn("inference_speed*.json", "frames/s", FASTER),
    "start-up": lambda: in_turn("start_up*.json", "seconds", "so many times as long as `mabe --help`"),
    "whole-experiment": lambda: in_turn(
        "whole_experiment*.json", "seconds", "so many times as long as mabe-run"
    ),
    "predict-memory": of("predict_memory", predict_memory),
    "train-memory": of("train_memory", train_memory),
    "architectures": of("architectures", architectures),
    "many-runs": of("many_runs", many_runs),
    "shared-gpu": of("shared_gpu", shared_gpu),
    "soaks": soaks,
    "reading": of("reading", reading),
    "several-gpus": of("several_gpus", several_gpus),
    "precision": of("precision", precision),
    "checkpoint-stall": checkpoint_stall,
    "rat-scores": of("rats", rat_scores),
    "rat-ablations": of("rats", rat_ablations),
}
