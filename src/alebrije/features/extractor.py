"""From pictures to the features of a frozen network, tapped by layer name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from alebrije.config import choose
from alebrije.errors import ConfigError, PictureError, WeightsError

POOLINGS: dict[str, Callable[..., nn.Module]] = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d}

Stages = Iterator[tuple[str, nn.Module]]


@dataclass(frozen=True, slots=True)
class Network:
    """How a network is written down: its stages in order, what it expects as input, and how its weights are called.

    `stages(pooling)` yields (name, module); a stage is tapped by its name. `mean` and `std` are for values in [0, 1],
    in the order of `channels`. `keys` maps the names of stages to the prefixes of their weights, where these differ.
    """

    stages: Callable[[str], Stages]
    layers: tuple[str, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    channels: str = "rgb"
    keys: Mapping[str, str] = field(default_factory=dict)


class Extractor(nn.Module):
    """A frozen network up to the deepest of `layers`: pictures in, a dict of features out.

    Input: [B, 3, H, W], sRGB in [0, 1]; the network's own normalisation happens inside, in float32, before the numbers
    are turned into the dtype of the weights. Output: `{layer: [B, C, h, w]}` in that dtype and in channels_last, in
    the order of the network. Gradients flow to the pictures; the weights have none.

    Raises `PictureError` for pictures that the poolings on the way would shrink to nothing.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: str, network: Network, layers: Sequence[str], pooling: str) -> None:
        super().__init__()
        if not layers:
            raise ConfigError(f"name at least one layer of {name}: {', '.join(network.layers)}")
        choose("pooling", pooling, POOLINGS)
        for layer in layers:
            choose(f"layer of {name}", layer, network.layers)
        self.name = name
        self.layers = tuple(layer for layer in network.layers if layer in layers)
        self.stages = nn.ModuleDict()
        for stage, module in network.stages(pooling):
            self.stages[stage] = module
            if stage == self.layers[-1]:
                break
        self.smallest_side = _smallest_side(self.stages.values())
        self.flip = network.channels == "bgr"
        for key, values in (("mean", network.mean), ("std", network.std)):
            self.register_buffer(key, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        height, width = images.shape[-2:]
        if min(height, width) < self.smallest_side:
            raise PictureError(
                f"a picture of {width}x{height} pixels is too small for {self.layers[-1]} of {self.name}: "
                f"it takes at least {self.smallest_side}x{self.smallest_side}, so enlarge it or use earlier layers"
            )
        x = self.normalize(images)
        taps = {}
        for name, stage in self.stages.items():
            x = stage(x)
            if name in self.layers:
                taps[name] = _keep_format(x)
        return taps

    def normalize(self, images: Tensor) -> Tensor:
        """The input of the first convolution for these pictures."""
        x = (images.flip(1) if self.flip else images).to(self.mean.dtype)
        return ((x - self.mean) / self.std).to(self.dtype).contiguous(memory_format=torch.channels_last)

    @property
    def dtype(self) -> torch.dtype:
        """The number format of the weights and of the features."""
        return next(self.parameters()).dtype


def assemble(
    name: str, network: Network, weights: Mapping[str, Tensor] | None, layers: Sequence[str], pooling: str
) -> Extractor:
    """An `Extractor` in float32 on the CPU with these weights, or with He's random ones from torch's global generator
    where `weights` is None. Weights of deeper layers are passed over; raises `WeightsError` if some are missing."""
    extractor = Extractor(name, network, layers, pooling)
    if weights is None:
        for parameter in extractor.parameters():
            _ = nn.init.zeros_(parameter) if parameter.ndim == 1 else nn.init.kaiming_normal_(parameter)
    else:
        for stage, module in extractor.stages.items():
            _load_stage(name, module, weights, network.keys.get(stage, stage))
    return extractor.requires_grad_(False).eval()


def _load_stage(name: str, module: nn.Module, weights: Mapping[str, Tensor], prefix: str) -> None:
    own = module.state_dict()
    for key, before in own.items():
        full = f"{prefix}.{key}"
        if full not in weights:
            raise WeightsError(f"the weights of {name} lack {full}: fetch them with `alebrije weights fetch {name}`")
        if weights[full].shape != before.shape:
            found, wanted = list(weights[full].shape), list(before.shape)
            raise WeightsError(f"{full} has the shape {found}, {name} takes {wanted}: the weights are another network's")
        own[key] = weights[full].float()
    module.load_state_dict(own)


def _keep_format(x: Tensor) -> Tensor:
    # A loss such as x.square().mean() sends back a gradient in plain layout, and every convolution below would
    # then reorder it: 3 to 4 times slower.
    if x.requires_grad:
        x.register_hook(_channels_last)  # type: ignore[no-untyped-call]
    return x


def _channels_last(gradient: Tensor | None) -> Tensor | None:
    return None if gradient is None else gradient.contiguous(memory_format=torch.channels_last)


def _smallest_side(stages: Iterable[nn.Module]) -> int:
    """The least height and width for which every stage still gives at least one pixel."""
    side = 1
    for stage in reversed(list(stages)):
        if isinstance(stage, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            kernel, stride, padding = (_first(n) for n in (stage.kernel_size, stage.stride, stage.padding))
            side = (side - 1) * stride + kernel - 2 * padding
    return side


def _first(value: int | str | tuple[int, ...] | None) -> int:
    return int(value[0] if isinstance(value, tuple) else value or 0)
