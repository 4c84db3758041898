"""Exports a model: a folder that another person can run, and that needs nothing of this machine."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import attrs

from mabe_core.errors import UserError
from mabe_core.models.card import model_card
from mabe_core.models.entry import FILE, Contents, read_entry, write_entry
from mabe_core.models.finding import ModelSource
from mabe_core.models.gathering import gather
from mabe_core.models.markdown import block, escaped
from mabe_core.models.onnx import EXTRA, OnnxError, missing_packages
from mabe_core.runs.record import Record, read_record

# what an export adds to what a model needs
ADDED = ("README.md", "MODEL_CARD.md", "model.onnx")
_SAID = {
    "experiment.yaml": "all settings; `mabe-run experiment.yaml` trains it again, given the data",
    "plugins/": "the experiment's own components: Python that is run when the model is loaded",
    "checkpoints/": "the weights, in `model.safetensors`",
    "model.onnx": "the network for other programs: `inputs` (windows, frames, inputs) to `scores`",
    "post_processing.json": "what post-processing learned from validation recordings",
    "record.json": "what came of the training",
    "scores.json": "how well it did, recording by recording",
}


@attrs.frozen
class Exported:
    """What was written. onnx: the largest difference to torch's scores; None where there is no ONNX,
    and why_not says why."""

    folder: Path
    files: tuple[str, ...]
    onnx: float | None = None
    why_not: str = ""


def export(source: ModelSource, folder: Path, runs_dir: Path, *, with_onnx: bool) -> Exported:
    """Write a model into a folder that is not there yet, or empty; return what was written.

    The same model gives the same bytes. Raises UserError where there is something already.
    """
    if folder.is_symlink() or folder.exists():
        if not folder.is_dir() or any(folder.iterdir()):
            raise UserError(f"{folder} is there already, and nothing is written over: name another folder")
        folder.rmdir()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}. Name another folder") from error
    found = contents_of(source)
    record = read_record(source.run)
    assert record is not None, "a model that was found has a record"
    contents = dict(found.contents)
    difference, why_not = None, "it was not asked for"
    if with_onnx:
        difference, why_not = _add_onnx(source, contents)
    contents["MODEL_CARD.md"] = model_card(source, runs_dir).encode()
    contents["README.md"] = _readme(source, record, contents).encode()
    hashes = {name: hashlib.sha256(contents[name]).hexdigest() for name in sorted(contents)}
    write_entry(folder, attrs.evolve(found.entry, files=hashes), contents)
    return Exported(folder, (*hashes, FILE), difference, why_not)


def contents_of(source: ModelSource) -> Contents:
    """Return what a model needs, read and checked; of an export, less what exporting adds."""
    if not (source.folder / FILE).exists():
        return gather(source.run, source.checkpoint)
    entry = read_entry(source.folder)
    contents = {}
    for name, expected in entry.files.items():
        if name in ADDED:
            continue
        contents[name] = (source.folder / name).read_bytes()
        if hashlib.sha256(contents[name]).hexdigest() != expected:
            raise UserError(f"{source.folder / name} was changed")
    files = {name: expected for name, expected in entry.files.items() if name in contents}
    return Contents(attrs.evolve(entry, files=files), contents)


def _add_onnx(source: ModelSource, contents: dict[str, bytes]) -> tuple[float | None, str]:
    missing = missing_packages()
    if missing:
        return None, f"{', '.join(missing)} is not installed: pip install '{EXTRA}'"
    from mabe_core.models.building import build_model
    from mabe_core.models.onnx import to_onnx

    try:
        contents["model.onnx"], difference = to_onnx(build_model(source))
    except OnnxError as error:
        return None, str(error)
    return difference, ""


def _readme(source: ModelSource, record: Record, contents: Mapping[str, bytes]) -> str:
    needs = sorted(
        {
            f"{each['distribution']}=={each['distribution_version']}"
            for each in record.components
            if each.get("distribution") and each.get("distribution_version")
        }
    )
    install = block("pip install " + " ".join(needs), "sh") if needs else ""
    use = block("mabe predict DIR POSE_FILE...", "sh")
    python = block(
        'import mabe_core\n\nmodel = mabe_core.load_model("DIR")\nresult = model.predict("POSE_FILE")',
        "python",
    )
    said = "".join(f"- `{name}`: {what}\n" for name, what in _SAID.items() if _is_there(name, contents))
    return (
        f"# {escaped(source.name or record.id)}\n\n"
        "A classifier of animal behaviour from keypoints. With DIR, this folder:\n\n"
        f"{install}{use}\nor in Python\n\n{python}\n"
        "What it was trained on, how well it does and what it cannot do: [MODEL_CARD.md](MODEL_CARD.md).\n\n"
        f"{said}- `{FILE}`: the SHA-256 of each file, checked when the model is loaded\n"
    )


def _is_there(name: str, contents: Mapping[str, bytes]) -> bool:
    return any(file == name or (name.endswith("/") and file.startswith(name)) for file in contents)
