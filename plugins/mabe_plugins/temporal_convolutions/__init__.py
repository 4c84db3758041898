"""Models of convolutions over time: `tcn`, `ms_tcn` and `c2f_tcn`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from mabe_core import DataShape, ModelSpec, hookimpl
from mabe_plugins.fields import count, dropout, kernel_size

if TYPE_CHECKING:
    from torch import nn


@attrs.frozen(kw_only=True)
class TcnConfig:
    """Dilated convolutions with residual connections, each reaching twice as far as the one before.

    C. Lea, M. D. Flynn, R. Vidal, A. Reiter, G. D. Hager (2017), "Temporal Convolutional Networks for Action
    Segmentation and Detection", CVPR; layers as in Y. Abu Farha, J. Gall (2019), see ms_tcn. Not causal.
    """

    channels: int = count(64, "width of each layer")
    num_layers: int = count(8, "layers; with kernel_size 3, n of them see 2^n - 1 frames to either side")
    kernel_size: int = kernel_size(3)
    dropout: float = dropout(0.2)


@attrs.frozen(kw_only=True)
class MsTcnConfig:
    """Stages of dilated convolutions, each after the first refining the classes that the one before gave.

    Y. Abu Farha, J. Gall (2019), "MS-TCN: Multi-Stage Temporal Convolutional Network for Action
    Segmentation", CVPR. Its loss is `smoothed_cross_entropy`. The paper has 10 layers, for whole videos.
    """

    num_stages: int = count(4, "stages; the last one's scores are what is predicted")
    channels: int = count(64, "width of each layer")
    num_layers: int = count(8, "layers of a stage; with kernel_size 3, n see 2^n - 1 frames to either side")
    kernel_size: int = kernel_size(3)
    dropout: float = dropout(0.5)


@attrs.frozen(kw_only=True)
class C2fTcnConfig:
    """Convolutions at halved and halved again frame rates and back, whose scores at all rates are averaged.

    D. Singhania, R. Rahaman, A. Yao (2021), "Coarse to Fine Multi-Resolution Temporal Convolutional
    Network", arXiv:2105.10859. Frames are normalized one by one (Ba et al. 2016), not by batch.
    """

    channels: int = count(64, "width of each layer")
    depth: int = count(4, "times that the frame rate is halved; the paper has 6, for whole videos")
    kernel_size: int = kernel_size(3)
    dropout: float = dropout(0.3)


def build_tcn(config: TcnConfig, data: DataShape) -> nn.Module:
    """Build the module; see torch_dilated.py."""
    from mabe_plugins.temporal_convolutions.torch_dilated import Tcn

    return Tcn(config, data)


def build_ms_tcn(config: MsTcnConfig, data: DataShape) -> nn.Module:
    """Build the module; see torch_dilated.py."""
    from mabe_plugins.temporal_convolutions.torch_dilated import MsTcn

    return MsTcn(config, data)


def build_c2f_tcn(config: C2fTcnConfig, data: DataShape) -> nn.Module:
    """Build the module; see torch_coarse_to_fine.py."""
    from mabe_plugins.temporal_convolutions.torch_coarse_to_fine import C2fTcn

    return C2fTcn(config, data)


@hookimpl
def mabe_models() -> list[ModelSpec[Any]]:
    return [
        ModelSpec(name="tcn", config=TcnConfig, build=build_tcn),
        ModelSpec(name="ms_tcn", config=MsTcnConfig, build=build_ms_tcn),
        ModelSpec(name="c2f_tcn", config=C2fTcnConfig, build=build_c2f_tcn),
    ]
