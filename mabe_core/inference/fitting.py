"""Whether a recording is of the kind that a model was trained on, and brings it into the model's order."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from mabe_core.errors import DataError, did_you_mean
from mabe_core.exchange import UNLABELLED, PoseTracks, Recording, View
from mabe_core.inference.member import Member
from mabe_core.inference.resampling import SAME_FPS, is_trained, nearest_rate
from mabe_core.long_arrays import constant, in_blocks, let_go, long_array
from mabe_core.runs.model_input import ModelInput


@attrs.frozen
class Asked:
    """What whoever predicts says of the recordings; as for Model.predict."""

    fps: float | None = None
    names: Mapping[str, str] = attrs.field(factory=dict)
    individuals: tuple[str, ...] = ()
    resample: bool = False


@attrs.frozen(eq=False)
class Fitted:
    """A recording in the model's order of individuals and keypoints, and what was done to it, in words."""

    recording: Recording
    notes: tuple[str, ...]


def fit(tracks: PoseTracks, member: Member, asked: Asked, where: str, name: str) -> Fitted:
    """Return the tracks as a recording for this model; raise DataError that says what does not fit."""
    expects = member.expects
    notes = list(tracks.notes)
    dims = tracks.points.shape[-1]
    if dims != expects.dims:
        raise DataError.at(
            where, f"has points in {dims} dimensions; the model was trained on {expects.dims}."
        )
    renamed = _renamed(tracks, expects, asked.names, where)
    fps = _fps(tracks, member, asked, where, notes)
    keypoints = _keypoints(renamed, expects, where, notes)
    individuals = _individuals(renamed, expects, asked, where, notes)
    views = _views(len(individuals), expects, where)
    labels = constant((len(tracks.points), len(expects.classes)), np.int8(UNLABELLED))
    recording = Recording(
        name=name,
        points=_chosen(tracks.points, individuals, keypoints),
        fps=fps,
        individuals=tuple(tracks.individuals[each] for each in individuals),
        keypoints=tuple(expects.keypoints),
        views=tuple(View(view, labels) for view in views),
        confidence=_confidence(tracks.confidence, individuals, keypoints),
    )
    return Fitted(recording, tuple(notes))


def fit_labelled(
    recording: Recording, member: Member, names: Mapping[str, str], *, resample: bool = False
) -> Recording:
    """Return a recording with labels in the model's order of keypoints, its views as they are.

    resample: another frame rate is let be, and `resampled` to be called. Raises UserError that says what does
    not fit.
    """
    expects, where = member.expects, recording.name
    width = len(expects.views[0])
    for view in recording.views:
        if len(view.individuals) != width:
            told = f"is seen by {len(view.individuals)} individuals at once; the model takes {width}."
            raise DataError.at(where, told)
    tracks = PoseTracks(recording.points, recording.individuals, recording.keypoints)
    _check_dims(tracks, expects, where)
    if not resample and not is_trained(recording.fps, expects.fps):
        remedy = " `mabe predict --data FILE --resample` labels it all the same."
        raise _other_rate(where, recording.fps, expects, remedy)
    keypoints = _keypoints(_renamed(tracks, expects, names, where), expects, where, [])
    return attrs.evolve(
        recording,
        points=_chosen(recording.points, range(len(recording.individuals)), keypoints),
        keypoints=tuple(expects.keypoints),
        confidence=_confidence(recording.confidence, range(len(recording.individuals)), keypoints),
    )


def _check_dims(tracks: PoseTracks, expects: ModelInput, where: str) -> None:
    dims = tracks.points.shape[-1]
    if dims != expects.dims:
        raise DataError.at(
            where, f"has points in {dims} dimensions; the model was trained on {expects.dims}."
        )


def _other_rate(where: str, fps: float, expects: ModelInput, remedy: str = "") -> DataError:
    rates = ", ".join(f"{each:g}" for each in expects.fps)
    told = f"has {fps:g} frames a second; the model was trained on {rates}, and its windows would span"
    return DataError.at(where, f"{told} other times.{remedy}")


def _chosen(points: np.ndarray, individuals: Sequence[int], keypoints: Sequence[int]) -> np.ndarray:
    whole = [list(range(size)) for size in points.shape[1:3]]
    if [list(individuals), list(keypoints)] == whole:
        return points  # hours of it need not be there twice
    chosen = long_array((len(points), len(individuals), len(keypoints), *points.shape[3:]), points.dtype)
    for start, block in in_blocks(points):
        chosen[start : start + len(block)] = block[:, list(individuals)][:, :, list(keypoints)]
        let_go(chosen)
    return chosen


def _confidence(
    confidence: np.ndarray | None, individuals: Sequence[int], keypoints: Sequence[int]
) -> np.ndarray | None:
    return None if confidence is None else _chosen(confidence, individuals, keypoints)


def _renamed(tracks: PoseTracks, expects: ModelInput, names: Mapping[str, str], where: str) -> PoseTracks:
    """Return the tracks under the model's names; a pair of names is understood either way round."""
    there = {*tracks.keypoints, *tracks.individuals}
    known = {*expects.keypoints, *expects.individuals}
    changed: dict[str, str] = {}
    for one, other in names.items():
        if one in there and other in known:
            changed[one] = other
        elif other in there and one in known:
            changed[other] = one
        else:
            wrong, words = (one, there) if other in known else (other, known)
            raise DataError.at(
                where,
                f"{one}={other} maps a name of the file to one of the model, but {wrong!r} is neither's."
                f"{did_you_mean(wrong, sorted(words))}",
            )
    return attrs.evolve(
        tracks,
        keypoints=tuple(changed.get(name, name) for name in tracks.keypoints),
        individuals=tuple(changed.get(name, name) for name in tracks.individuals),
    )


def _keypoints(tracks: PoseTracks, expects: ModelInput, where: str, notes: list[str]) -> list[int]:
    missing = [name for name in expects.keypoints if name not in tracks.keypoints]
    extra = [name for name in tracks.keypoints if name not in expects.keypoints]
    if missing:
        has = (
            f"It has {', '.join(extra)} instead: if one is the same, "
            if extra
            else "If it has another name, "
        )
        pair = f"{extra[0] if extra else 'its_name'}={missing[0]}"
        raise DataError.at(
            where,
            f"lacks the keypoints {', '.join(missing)}, which the model needs. {has}say `--map {pair}`.",
        )
    if extra:
        notes.append(f"keypoints that the model does not know, left out: {', '.join(extra)}")
    return [tracks.keypoints.index(name) for name in expects.keypoints]


def _individuals(
    tracks: PoseTracks, expects: ModelInput, asked: Asked, where: str, notes: list[str]
) -> list[int]:
    there, trained = tracks.individuals, tuple(expects.individuals)
    for name in asked.individuals:
        if asked.individuals.count(name) > 1:
            raise DataError.at(where, f"is asked for with {name} twice: name each individual once.")
        if name not in there:
            raise DataError.at(where, f"has no individual {name!r}.{did_you_mean(name, there)}")
    if asked.individuals:
        return [there.index(name) for name in asked.individuals]
    if set(trained) <= set(there):
        left = [name for name in there if name not in trained]
        if left and not _any_number(expects):
            notes.append(f"individuals that the model was not trained on, left out: {', '.join(left)}")
            return [there.index(name) for name in trained]
        return [there.index(name) for name in (*trained, *left)]
    if len(there) == len(trained) or _any_number(expects):
        if len(there) > 1:
            notes.append(
                f"individuals are taken in the file's order, {', '.join(there)} for "
                f"{', '.join(trained)}; --individuals says another"
            )
        return list(range(len(there)))
    several = "s" * (len(there) != 1)
    remedy = f" Name them, agent first: `--individuals {','.join(there[: len(trained)])}`."
    raise DataError.at(
        where,
        f"has {len(there)} individual{several} ({', '.join(there)}); the model was trained on {len(trained)} "
        f"({', '.join(trained)}).{remedy if len(there) > len(trained) else ''}",
    )


def _any_number(expects: ModelInput) -> bool:
    """Tell whether the model looks at every ordered choice of individuals, however many there are."""
    width = len(expects.views[0])
    every = [list(each) for each in itertools.permutations(range(len(expects.individuals)), width)]
    return len(every) > 1 and sorted(expects.views) == every


def _views(individuals: int, expects: ModelInput, where: str) -> list[tuple[int, ...]]:
    width = len(expects.views[0])
    if _any_number(expects) and individuals >= width:
        return list(itertools.permutations(range(individuals), width))
    if individuals != len(expects.individuals):
        raise DataError.at(
            where,
            f"is asked for with {individuals} of its individuals; the model takes "
            f"{len(expects.individuals)}.",
        )
    return [tuple(view) for view in expects.views]


def _fps(tracks: PoseTracks, member: Member, asked: Asked, where: str, notes: list[str]) -> float:
    trained = member.expects.fps
    if asked.fps and tracks.fps and abs(asked.fps - tracks.fps) > SAME_FPS * asked.fps:
        raise DataError.at(where, f"says {tracks.fps:g} frames a second, --fps {asked.fps:g}. Which is true?")
    fps = asked.fps or tracks.fps
    if fps is None:
        fps = getattr(member.experiment.data.dataset.config, "fps", None)
        if not isinstance(fps, float):
            raise DataError.at(
                where, f"does not tell its frames a second; say them, such as `--fps {trained[0]:g}`."
            )
        notes.append(f"taken as {fps:g} frames a second, as in training; --fps says otherwise")
    if not is_trained(fps, trained) and not asked.resample:
        nearest = f"{nearest_rate(fps, trained):g}"
        remedy = f" `--resample` brings the points to {nearest} frames a second, and the answers back."
        raise _other_rate(where, fps, member.expects, remedy)
    return float(fps)
