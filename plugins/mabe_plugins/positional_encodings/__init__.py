"""Positional encodings: `sinusoidal`, `learned` and `rotary`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from attrs.validators import gt

from mabe_core import EncodingShape, PositionalEncodingSpec, hookimpl
from mabe_plugins.fields import dropout

if TYPE_CHECKING:
    from torch import nn


@attrs.frozen(kw_only=True)
class SinusoidalConfig:
    """Sines and cosines added to the input (Vaswani et al. 2017, section 3.5)."""

    base: float = attrs.field(
        default=10000.0, validator=gt(1.0), metadata={"help": "longest wavelength, in frames over 2π"}
    )
    max_len: int = attrs.field(default=5000, validator=gt(0), metadata={"help": "longest window, in frames"})
    dropout: float = dropout(0.1)


@attrs.frozen(kw_only=True)
class LearnedConfig:
    """One trained vector a frame of the window, added to the input (Gehring et al. 2017)."""

    dropout: float = dropout(0.1)


@attrs.frozen(kw_only=True)
class RotaryConfig:
    """Rotation of queries and keys by an angle that grows with the frame (Su et al. 2021)."""

    base: float = attrs.field(
        default=10000.0, validator=gt(1.0), metadata={"help": "longest wavelength, in frames over 2π"}
    )


def build_sinusoidal(config: SinusoidalConfig, shape: EncodingShape) -> nn.Module:
    """Build `add(x)` of fixed sines and cosines."""
    from mabe_plugins.positional_encodings.torch_encodings import Sinusoidal

    return Sinusoidal(config, shape)


def build_learned(config: LearnedConfig, shape: EncodingShape) -> nn.Module:
    """Build `add(x)` of trained vectors."""
    from mabe_plugins.positional_encodings.torch_encodings import Learned

    return Learned(config, shape)


def build_rotary(config: RotaryConfig, shape: EncodingShape) -> nn.Module:
    """Build `rotate(q, k)`."""
    from mabe_plugins.positional_encodings.torch_encodings import Rotary

    return Rotary(config, shape)


@hookimpl
def mabe_positional_encodings() -> list[
    PositionalEncodingSpec[SinusoidalConfig]
    | PositionalEncodingSpec[LearnedConfig]
    | PositionalEncodingSpec[RotaryConfig]
]:
    return [
        PositionalEncodingSpec(name="sinusoidal", config=SinusoidalConfig, build=build_sinusoidal),
        PositionalEncodingSpec(name="learned", config=LearnedConfig, build=build_learned),
        PositionalEncodingSpec(name="rotary", config=RotaryConfig, build=build_rotary),
    ]
