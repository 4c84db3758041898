"""A plugin file for tests of the cloud: a model that leaves a file where torch's compiler would, or asks for it."""

import os
from pathlib import Path

import attrs

from mabe_core import DataShape, ModelSpec, UserError, hookimpl


@attrs.frozen(kw_only=True)
class CompilesConfig:
    """Leave a file, or end where nobody left one before."""

    asks: bool = attrs.field(metadata={"help": "whether it is to be there already"})


def build(config: CompilesConfig, data: DataShape):
    from torch import nn

    file = Path(os.environ["TORCHINDUCTOR_CACHE_DIR"]) / "ab" / "graph.py"
    if config.asks and not file.exists():
        raise UserError("nothing was compiled before")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("compiled")
    return nn.Linear(data.input_dim, data.num_classes)


@hookimpl
def mabe_models():
    return [ModelSpec(name="compiles", config=CompilesConfig, build=build)]
