"""Reads the tensors of a file that torch.save wrote, and nothing that could run."""

from __future__ import annotations

import hashlib
import io
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from mabe_core.errors import Location, Problem, UserError

if TYPE_CHECKING:
    from torch import Tensor

# under which scripts keep the model's tensors beside those of the optimizer
_WRAPPERS = ("model_state_dict", "state_dict", "model", "model_state", "net", "network", "weights", "params")
# and their settings
_SETTINGS = ("config", "cfg", "hparams", "hyper_parameters", "args", "params")
# what wrappers of a module put before each name
_PREFIXES = ("module.", "_orig_mod.", "model.", "net.")


@attrs.frozen(eq=False)
class SavedWeights:
    """What a file holds.

    tensors: by name, without what DataParallel and torch.compile put before it (prefix).
    settings: what the file says of the model, such as num_heads. told: epoch and scores, where it tells them.
    """

    file: Path
    sha256: str
    tensors: Mapping[str, Tensor]
    prefix: str
    settings: Mapping[str, Any]
    told: Mapping[str, float]


def read_weights(file: Path) -> SavedWeights:
    """Read a file's tensors; raise UserError where it is none of torch's, or holds more than data."""
    import torch

    content = _content(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of formats that torch no longer likes
            found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _refused(file, _unsafe(error)) from error
    except Exception as error:  # torch raises whatever a damaged archive makes it stumble over
        told = (str(error).strip().splitlines() or [""])[0].partition(". ")[0][:120]
        raise _refused(
            file,
            f"is no file that torch.save wrote, or only a part of one ({type(error).__name__}"
            f"{f': {told}' if told else ''}): copy it again from where it was made",
        ) from error
    if isinstance(found, torch.nn.Module) or not isinstance(found, Mapping):
        raise _refused(file, f"holds {type(found).__name__}, not a map of tensors: save model.state_dict()")
    tensors, prefix = _without_prefix(_tensors(file, found))
    settings: Mapping[Any, Any] = next(
        (found[key] for key in _SETTINGS if isinstance(found.get(key), Mapping)), {}
    )
    return SavedWeights(
        file=file,
        sha256=hashlib.sha256(content).hexdigest(),
        tensors=tensors,
        prefix=prefix,
        settings={str(key): value for key, value in settings.items() if isinstance(value, int | float | str)},
        told=_told(found),
    )


def _tensors(file: Path, found: Mapping[Any, Any]) -> dict[str, Tensor]:
    from torch import Tensor

    inner = next((found[key] for key in _WRAPPERS if isinstance(found.get(key), Mapping)), found)
    tensors = {str(name): value for name, value in inner.items() if isinstance(value, Tensor)}
    if not tensors:
        keys = ", ".join(str(key)[:40] for key in list(found)[:12])
        raise _refused(file, f"holds no tensors by name; its keys are: {keys or 'none'}")
    return tensors


def _without_prefix(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], str]:
    """Return the tensors without what is before each of their names, and what that was."""
    taken = ""
    while True:
        prefix = next((each for each in _PREFIXES if all(name.startswith(each) for name in tensors)), None)
        if prefix is None:
            return tensors, taken
        taken += prefix
        tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}


def _told(found: Mapping[Any, Any]) -> dict[str, float]:
    """Return the plain numbers beside the tensors: epoch, best score and the like."""
    return {
        str(key): value
        for key, value in found.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and str(key).isidentifier()
    }


def _unsafe(error: BaseException) -> str:
    """Say which name the pickle wanted, as far as torch tells."""
    lines = [line.strip() for line in str(error).splitlines()]
    wanted = next((line for line in lines if "GLOBAL" in line or "Unsupported" in line), "")
    named = wanted.partition("GLOBAL ")[2].split(" ")[0]
    what = f" (it asks for {named})" if named else ""
    return (
        f"holds more than tensors and plain values{what}, and reading that could run code: it was not read. "
        "Where it was made: torch.save(model.state_dict(), FILE)"
    )


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise _refused(file, f"cannot be read: {error.strerror}") from error


def _refused(file: Path, why: str) -> UserError:
    return UserError(Problem(why, Location(str(file))))
