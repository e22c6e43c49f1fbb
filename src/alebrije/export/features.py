"""The graphs of the networks that look at pictures."""

from __future__ import annotations

from torch import Tensor, nn

from alebrije import features
from alebrije.config import choose
from alebrije.errors import RunError, WeightsError
from alebrije.export.graphs import GRAY, PICTURE, Graph, Port, Sizes, Tensors, picture, sizes
from alebrije.export.model import Model
from alebrije.export.pictures import batch
from alebrije.features import layouts
from alebrije.features.judging import classifier
from alebrije.gan.tagger import open_tagger
from alebrije.style.config import CONTENT_LAYER, STYLE_LAYERS

LAYERS = (*STYLE_LAYERS, CONTENT_LAYER)


class Taps(nn.Module):
    """Pictures [B, 3, H, W] -> the features of several layers, in the order of the network."""

    def __init__(self, extractor: features.Extractor) -> None:
        super().__init__()
        self.extractor = extractor

    def forward(self, pictures: Tensor) -> Tensors:
        x, found = self.extractor.normalize(pictures), []
        for name, stage in self.extractor.stages.items():
            x = stage(x)
            if name in self.extractor.layers:
                found.append(x)
        return tuple(found)


def compact(model: Model, part: str) -> Graph:
    """The features that styles and contents are compared by."""
    choose(f"part of {model.recipe}", part, ("whole",))
    extractor = features.build("compact", layouts.take("compact", model.floats()), LAYERS, pooling="avg")
    trials = sizes((2, 64, 48), (1, 97, 131), (1, 224, 224))
    outputs = []
    for name in extractor.layers:
        pools = int(name[4]) - 1
        height, width = (f"{side}/{2**pools}" if pools else side for side in ("height", "width"))
        channels = int(extractor.stages[name.replace("relu", "conv")].out_channels)  # type: ignore[arg-type]
        outputs.append(Port(name, ("batch", channels, height, width), "features after this layer's ReLU, 0 or more"))

    def feed(lengths: Sizes) -> Tensors:
        return (batch(lengths["batch"], 3, lengths["height"], lengths["width"]),)

    def program(pictures: Tensor) -> Tensors:
        return tuple(extractor(pictures).values())

    return Graph(
        Taps(extractor), (picture("picture"),), tuple(outputs), trials, feed,
        "none: pictures of any size from 16x16", "none; average pooling was used between the blocks",
        {"height": 16, "width": 16}, program,
    )  # fmt: skip


class Judged(nn.Module):
    """Pictures [B, C, H, W] -> features [B, F] and logits [B, K]."""

    def __init__(self, network: classifier.Judge) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensors:
        found = self.network.features(pictures)
        return found, self.network.head(found)


def judge(model: Model, part: str) -> Graph:
    """The classifier whose features drawn pictures are judged by."""
    choose(f"part of {model.recipe}", part, ("whole",))
    try:
        network = classifier.load(model.path)
    except RunError as error:
        raise WeightsError(f"the tensors of {model.name} are not those of its recipe {model.recipe}: train it again") from error
    given = Port("picture", ("batch", *network.shape), GRAY if network.shape[0] == 1 else PICTURE)
    outputs = (
        Port("features", ("batch", network.head.in_features), "what a picture is judged by, 0 or more"),
        Port("logits", ("batch", network.head.out_features), "the largest is that of the picture's class"),
    )

    def feed(lengths: Sizes) -> Tensors:
        return (batch(lengths["batch"], *network.shape),)

    trials = ({"batch": 2}, {"batch": 1}, {"batch": 5})
    return Graph(Judged(network), (given,), outputs, trials, feed, "crop and scale the picture to just this size", "none")


class Tagged(nn.Module):
    """Pictures [B, C, H, W] in [0, 1] -> how sure each tag is [B, T], 0 to 1."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        found: Tensor = self.network(2 * pictures - 1).sigmoid()
        return found


def tagger(model: Model, part: str) -> Graph:
    """What finds the tags of pictures."""
    choose(f"part of {model.recipe}", part, ("whole",))
    opened = open_tagger(model.path)
    given = Port("picture", ("batch", *opened.shape), GRAY if opened.shape[0] == 1 else PICTURE)
    found = Port("tags", ("batch", len(opened.tags)), f"0 to 1, above 0.5 for yes: {', '.join(opened.tags)}")

    def feed(lengths: Sizes) -> Tensors:
        return (batch(lengths["batch"], *opened.shape),)

    trials = ({"batch": 2}, {"batch": 1}, {"batch": 5})
    return Graph(Tagged(opened.network), (given,), (found,), trials, feed, "crop and scale the picture to just this size", "none")
