"""Smoothing by a hidden Markov model; many tracks are decoded at once, (tracks, frames, states)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from mabe_core import DataShape, FittingContext, LabelledFrames, PostProcessing

from . import Fitted, HmmConfig
from .choosing import Probabilities, first_of_best, log_odds, macro_f1

Array = NDArray[np.float64]
# added to each count, so that what was never seen in training is improbable, not impossible
ONE_MORE = 0.1
# of all tracks that are decoded together: 64 MB an array
NUMBERS_AT_ONCE = 8_000_000

# probabilities (frames, classes), frames a second, scale, prior
Track = tuple[Probabilities, float, float, float]


@attrs.frozen(eq=False)
class Chains:
    """One Markov chain over all classes, or one a class over absent and present.

    rates: changes a second (chains, states, states), 0 on the diagonal. shares: of time (chains, states).
    """

    rates: Array
    shares: Array

    @classmethod
    def counted(cls, tracks: Sequence[LabelledFrames], data: DataShape) -> Chains:
        """Count them in label tracks; frames that are unlabelled interrupt a track."""
        chains, states = (1, data.num_classes) if data.exclusive else (data.num_classes, 2)
        changes = np.full((chains, states, states), ONE_MORE)
        seconds = np.full((chains, states), ONE_MORE)
        for track in tracks:
            for chain, labels in enumerate(_states(track.truth, exclusive=data.exclusive)):
                both = (labels[:-1] >= 0) & (labels[1:] >= 0)
                np.add.at(changes[chain], (labels[:-1][both], labels[1:][both]), 1.0)
                known = np.bincount(labels[labels >= 0], minlength=states)
                seconds[chain] += known / track.fps
        rates = changes / seconds[:, :, None]
        rates[:, np.arange(states), np.arange(states)] = 0.0
        return cls(rates, seconds / seconds.sum(axis=1, keepdims=True))

    @classmethod
    def of(cls, fitted: Fitted) -> Chains:
        return cls(np.asarray(fitted["rates"]), np.asarray(fitted["shares"]))

    def moves(self, fps: float) -> Array:
        """Return the probability of each change from one frame to the next, (chains, states, states)."""
        changed = self.rates / fps
        # rates above one a frame, of labels at a far lower frame rate, leave nothing to stay
        changed = changed / np.maximum(changed.sum(axis=2, keepdims=True) / 0.99, 1.0)
        stays = 1.0 - changed.sum(axis=2)
        moves: Array = changed + stays[:, :, None] * np.eye(changed.shape[1])
        return moves


def fit(config: HmmConfig, context: FittingContext) -> Fitted:
    """Return {"rates", "shares", "scale", "prior"}: what was counted, and the weights of best macro-F1."""
    chains = Chains.counted(context.training, context.data)
    settings = list(itertools.product(config.scale, config.prior))
    tracks = [(each.probability, each.fps) for each in context.scored]
    longest = max(len(probability) for probability, _ in tracks)
    at_once = max(1, NUMBERS_AT_ONCE // (longest * len(tracks) * chains.shares.size))
    found: list[float] = []
    for first in range(0, len(settings), at_once) if len(settings) > 1 else ():
        some = settings[first : first + at_once]
        weighted = [(*track, *weights) for weights in some for track in tracks]
        smoothed = _smoothed(weighted, context.data, chains, config.decode)
        for place in range(0, len(weighted), len(tracks)):
            found.append(macro_f1(context, smoothed[place : place + len(tracks)]))
    scale, prior = settings[first_of_best(found or [0.0])]
    rates, shares = chains.rates.tolist(), chains.shares.tolist()
    return {"scale": scale, "prior": prior, "rates": rates, "shares": shares}


def build(config: HmmConfig, data: DataShape, fitted: Fitted) -> PostProcessing:
    """Build the map."""
    chains = Chains.of(fitted)

    def smooth(probability: Probabilities, fps: float) -> Probabilities:
        given = [(probability, fps, fitted["scale"], fitted["prior"])]
        (found,) = _smoothed(given, data, chains, config.decode)
        return found

    return smooth


def _smoothed(tracks: Sequence[Track], data: DataShape, chains: Chains, decode: str) -> list[Probabilities]:
    """Return each track's probabilities (frames, classes) after smoothing, all tracks decoded together."""
    frames = max(len(probability) for probability, *_ in tracks)
    count, states = chains.shares.shape
    scores = np.zeros((len(tracks), count, frames, states))
    for place, (probability, _, scale, prior) in enumerate(tracks):
        odds = log_odds(probability, exclusive=data.exclusive)
        each = odds[None] if data.exclusive else np.stack([np.zeros_like(odds.T), odds.T], axis=-1)
        scores[place, :, : len(probability)] = scale * (each - prior * np.log(chains.shares)[:, None])
    moves = np.stack([chains.moves(fps) for _, fps, *_ in tracks])
    flat = scores.reshape(-1, frames, states)
    starts = np.broadcast_to(chains.shares, (len(tracks), count, states)).reshape(-1, states)
    lengths = np.repeat([len(probability) for probability, *_ in tracks], count)
    decoder = posterior if decode == "posterior" else viterbi
    found = decoder(flat, moves.reshape(-1, states, states), starts, lengths).reshape(scores.shape)
    return [
        (track[0] if data.exclusive else track[..., 1].T)[: len(probability)].astype(probability.dtype)
        for track, (probability, *_) in zip(found, tracks, strict=True)
    ]


def posterior(scores: Array, moves: Array, starts: Array, lengths: NDArray[np.int64]) -> Array:
    """Return the probability of each state given all scores, by forward and backward recursion.

    scores: log-likelihoods (tracks, frames, states); moves (tracks, states, states), rows from; starts
    (tracks, states); lengths (tracks,), the frames of each, past which scores are 0 and say nothing.
    """
    tracks, frames, states = scores.shape
    # all blocks take a frame at a time together: 2 √frames steps of Python instead of `frames`
    length = math.isqrt(frames - 1) + 1
    blocks = -(-frames // length)
    padded = np.ones((tracks, blocks * length, states))
    padded[:, :frames] = np.exp(scores - scores.max(axis=2, keepdims=True))
    seen = padded.reshape(tracks, blocks, length, states)

    def into(place: int) -> Array:
        """Return what takes a state's probabilities to this frame of each block."""
        step: Array = moves[:, None] * seen[:, :, place, None, :]
        if place == 0:  # nothing moves into the first frame of all
            step[:, 0] = np.eye(states) * seen[:, 0, 0, None, :]
        return step

    through = np.broadcast_to(np.eye(states), (tracks, blocks, states, states))
    for place in range(length):
        through = through @ into(place)
        through = through / through.sum(axis=(2, 3), keepdims=True)
    before, after = np.empty((2, tracks, blocks, states))
    state, ahead = starts, np.ones_like(starts)
    for block in range(blocks):
        before[:, block], after[:, -1 - block] = state, ahead
        state = _shares(np.einsum("ti,tij->tj", state, through[:, block]))
        ahead = _shares(np.einsum("tij,tj->ti", through[:, -1 - block], ahead))
    found = np.empty_like(seen)
    for place in range(length):
        before = found[:, :, place] = _shares((before[:, :, None] @ into(place))[:, :, 0])
    for place in range(length - 1, -1, -1):
        found[:, :, place] *= after
        after = _shares((into(place) @ after[..., None])[..., 0])
    return _shares(found.reshape(padded.shape)[:, :frames])


def _shares(values: Array) -> Array:
    shares: Array = values / values.sum(axis=-1, keepdims=True)
    return shares


def viterbi(scores: Array, moves: Array, starts: Array, lengths: NDArray[np.int64]) -> Array:
    """Return 1 for each frame's state on the most probable path, else 0; arguments as of posterior."""
    tracks, frames, states = scores.shape
    log_moves = np.log(moves)
    came_from = np.zeros((tracks, frames, states), dtype=np.int8)
    state = np.log(starts) + scores[:, 0]
    for frame in range(1, frames):
        reached = state[:, :, None] + log_moves
        within = (frame < lengths)[:, None]
        # past its end a track stays in whatever state it is, at no cost
        came_from[:, frame] = np.where(within, reached.argmax(axis=1), np.arange(states))
        state = np.where(within, reached.max(axis=1) + scores[:, frame], state)
    path = np.zeros_like(scores)
    every, last = np.arange(tracks), state.argmax(axis=1)
    for frame in range(frames - 1, -1, -1):
        path[every, frame, last] = 1.0
        last = came_from[every, frame, last]
    return path


def _states(truth: NDArray[np.int8], *, exclusive: bool) -> list[NDArray[np.int64]]:
    """Return each chain's state (frames,), -1 where it is unlabelled."""
    if not exclusive:
        return list(truth.T.astype(np.int64))
    return [np.where((truth == 1).any(axis=1), truth.argmax(axis=1), -1)]
