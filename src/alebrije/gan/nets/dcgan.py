"""Deep convolutional GANs: the thesis' at 28, 48 and 64 pixels (its appendix B), and that of TensorFlow's tutorial on MNIST.

Radford, Metz, Chintala, "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks",
ICLR 2016.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from alebrije.gan.nets.parts import Dropout, Flatten, LeakyDropout, Unflatten, doublings, normal_start, scaled_width
from alebrije.gan.nets.strided import Down, Up


class ConvGenerator(nn.Module):
    """Latents [B, latent_dim] -> pictures [B, C, H, W] in [-1, 1].

    A linear layer to the coarsest grid (7x7 for 28, 6x6 for 48, 4x4 for 64, 6x8 for 96x128), then transposed 5x5 convolutions
    with stride 2, each with batch norm and ReLU before it; 64, 128, 256, ... channels, the most at the coarsest; tanh at the end.
    """

    def __init__(self, shape: tuple[int, int, int], latent_dim: int = 100, width: float = 1.0) -> None:
        super().__init__()
        channels, height, across = shape
        times = max(1, doublings((height, across), most=4))
        widths = [scaled_width(64 * 2**place, width) for place in range(times)][::-1]
        place = (widths[0], height // 2**times, across // 2**times)
        layers: list[nn.Module] = [nn.Linear(latent_dim, place[0] * place[1] * place[2]), Unflatten(1, place)]
        layers += [nn.BatchNorm2d(widths[0]), nn.ReLU()]
        for before, after in zip(widths, [*widths[1:], 0], strict=True):
            last = after == 0
            layers.append(Up(before, channels if last else after, bias=last))
            layers += [] if last else [nn.BatchNorm2d(after), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        normal_start(self)

    def forward(self, latents: Tensor, tags: Tensor | None = None) -> Tensor:
        """Draw."""
        return torch.tanh(self.layers(latents))


class ConvDiscriminator(nn.Module):
    """Pictures [B, C, H, W] -> logits [B]: 5x5 convolutions with stride 2, batch norm in all but the first, LeakyReLU 0.2 and
    dropout 0.5 after each; then one linear layer. The mirror of `ConvGenerator` in channels and sizes."""

    def __init__(self, shape: tuple[int, int, int], dropout: float = 0.5, width: float = 1.0, batch_norm: bool = True) -> None:
        super().__init__()
        self.layers = conv_layers(shape, dropout, width, batch_norm)
        normal_start(self)

    @property
    def body(self) -> nn.Sequential:
        """All but the last linear layer: what a tagger of the same size has as well."""
        return nn.Sequential(*list(self.layers)[:-1])

    def forward(self, images: Tensor, tags: Tensor | None = None) -> Tensor:
        """Judge."""
        logits: Tensor = self.layers(images)
        return logits.flatten()


class ConvTagger(nn.Module):
    """Pictures [B, C, H, W] in [-1, 1] -> logits [B, tags], above 0 for a tag that a picture has: the body of `ConvDiscriminator`
    under a linear layer with an output for each tag."""

    def __init__(
        self, shape: tuple[int, int, int], tags: int, dropout: float = 0.5, width: float = 1.0, batch_norm: bool = True
    ) -> None:
        super().__init__()
        self.layers = conv_layers(shape, dropout, width, batch_norm, outputs=tags)
        normal_start(self)

    @property
    def body(self) -> nn.Sequential:
        """All but the last linear layer."""
        return nn.Sequential(*list(self.layers)[:-1])

    def forward(self, images: Tensor) -> Tensor:
        """Look for tags."""
        logits: Tensor = self.layers(images)
        return logits


def conv_layers(
    shape: tuple[int, int, int], dropout: float, width: float, batch_norm: bool, outputs: int = 1
) -> nn.Sequential:
    """The layers of `ConvDiscriminator` for pictures of a shape (channels, height, width), with as many outputs."""
    channels, height, across = shape
    times = max(1, doublings((height, across), most=4))
    layers: list[nn.Module] = []
    before = channels
    for place in range(times):
        after = scaled_width(64 * 2**place, width)
        normed = batch_norm and place > 0
        layers.append(Down(before, after, bias=not normed))
        layers += [nn.BatchNorm2d(after)] if normed else []
        layers += [LeakyDropout(dropout), nn.Identity()]  # the second so that weights keep their names
        before = after
    flat = before * (height // 2**times) * (across // 2**times)
    return nn.Sequential(*layers, Flatten(), nn.Linear(flat, outputs))


KERAS_LEAK, KERAS_EPSILON, KERAS_MOMENTUM = 0.3, 1e-3, 0.01


class TutorialGenerator(nn.Module):
    """TensorFlow's "Deep Convolutional Generative Adversarial Network" tutorial: latents [B, 100] -> [B, C, H, W] in [-1, 1].

    A linear layer to 7x7x256, transposed 5x5 convolutions to 128 (stride 1), 64 and C channels (stride 2), batch norm and
    LeakyReLU 0.3 between, no biases, tanh. 2,330,944 numbers at 28x28 grey. With stride 2 Keras pads one pixel less at the top
    and left than at the bottom and right; here it is the other way round.
    """

    def __init__(self, shape: tuple[int, int, int], latent_dim: int = 100, width: float = 1.0) -> None:
        super().__init__()
        channels, height, across = shape
        first, second, third = (scaled_width(number, width) for number in (256, 128, 64))
        flat = first * (height // 4) * (across // 4)
        self.layers = nn.Sequential(
            nn.Linear(latent_dim, flat, bias=False), _keras_norm(nn.BatchNorm1d, flat), nn.LeakyReLU(KERAS_LEAK),
            nn.Unflatten(1, (first, height // 4, across // 4)),
            nn.ConvTranspose2d(first, second, 5, 1, 2, bias=False), _keras_norm(nn.BatchNorm2d, second), nn.LeakyReLU(KERAS_LEAK),
            nn.ConvTranspose2d(second, third, 5, 2, 2, output_padding=1, bias=False), _keras_norm(nn.BatchNorm2d, third),
            nn.LeakyReLU(KERAS_LEAK), nn.ConvTranspose2d(third, channels, 5, 2, 2, output_padding=1, bias=False),
        )  # fmt: skip
        _glorot(self)

    def forward(self, latents: Tensor, tags: Tensor | None = None) -> Tensor:
        """Draw."""
        return torch.tanh(self.layers(latents))


class TutorialDiscriminator(nn.Module):
    """The same tutorial's: pictures [B, C, H, W] -> logits [B]. Two 5x5 convolutions with stride 2 (64, 128 channels), LeakyReLU
    0.3 and dropout 0.3 after each, one linear layer. 212,865 numbers at 28x28 grey."""

    def __init__(self, shape: tuple[int, int, int], dropout: float = 0.3, width: float = 1.0) -> None:
        super().__init__()
        channels, height, across = shape
        first, second = (scaled_width(number, width) for number in (64, 128))
        self.layers = nn.Sequential(
            nn.Conv2d(channels, first, 5, 2, 2), nn.LeakyReLU(KERAS_LEAK), Dropout(dropout),
            nn.Conv2d(first, second, 5, 2, 2), nn.LeakyReLU(KERAS_LEAK), Dropout(dropout),
            nn.Flatten(), nn.Linear(second * (height // 4) * (across // 4), 1),
        )  # fmt: skip
        _glorot(self)

    def forward(self, images: Tensor, tags: Tensor | None = None) -> Tensor:
        """Judge."""
        logits: Tensor = self.layers(images)
        return logits.flatten()


def _keras_norm(kind: type[nn.BatchNorm1d] | type[nn.BatchNorm2d], channels: int) -> nn.Module:
    return kind(channels, eps=KERAS_EPSILON, momentum=KERAS_MOMENTUM)


def _glorot(network: nn.Module) -> None:
    """Weights as Keras begins them: uniform in +-sqrt(6 / (fan in + fan out)), biases 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
