"""Small parts that several of the networks are made of."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LEAK = 0.2
GAIN = math.sqrt(2 / (1 + LEAK**2))  # keeps the size of what passes a LeakyReLU(0.2): He et al. 2015, equation 12


class Dropout(nn.Module):
    """Each number is 0 with the probability `p` (rounded to 1/256), the others are enlarged so that the mean stays.

    torch draws its masks on one core, number by number, which is a quarter of a DCGAN's step; here eight numbers share one
    random draw of 64 bits.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    @property
    def dropped(self) -> int:
        """How many of 256 numbers; never all, whose mean nothing could keep."""
        return min(255, round(256 * self.p))

    def forward(self, x: Tensor) -> Tensor:
        """Spoil x while training; leave it alone otherwise."""
        if not self.training or not self.dropped:
            return x
        return x * _mask(x, self.dropped) if x.device.type == "cpu" else F.dropout(x, self.dropped / 256)

    def extra_repr(self) -> str:
        """What is shown of it."""
        return f"p={self.p}"


class LeakyDropout(Dropout):
    """LeakyReLU(0.2) and then dropout. On the CPU both are one factor for each number, which the gradient is multiplied by too:
    what these layers cost is the memory they walk through."""

    def forward(self, x: Tensor) -> Tensor:
        """Bend x; spoil it while training."""
        if not self.training or not self.dropped or x.device.type != "cpu":
            return super().forward(F.leaky_relu(x, LEAK))
        factor: Tensor = torch.ops.aten.leaky_relu_backward(_mask(x, self.dropped), x.detach(), LEAK, False)
        return x * factor


BITS = {torch.float16: torch.int16, torch.bfloat16: torch.int16, torch.float32: torch.int32, torch.float64: torch.int64}


def _mask(x: Tensor, dropped: int) -> Tensor:
    """0 for `dropped` of 256 numbers, 256 / (256 - dropped) for the others; shape, type and layout of x.

    Written with the bits of whole numbers, for which torch has vector instructions (for bool -> bfloat16 it has none).
    """
    count, bits = x.numel(), BITS[x.dtype]
    words = torch.empty(-(-count // 8), dtype=torch.int64).random_(-(2**63), None)
    drawn = words.view(torch.uint8)[:count].to(bits)
    kept = (dropped - 1 - drawn).bitwise_right_shift_(8 * bits.itemsize - 1)  # all bits set where drawn >= dropped, else none
    one = torch.tensor(256 / (256 - dropped), dtype=x.dtype)
    return _laid_out_as(kept.bitwise_and_(one.view(bits)).view(x.dtype), x)


def _laid_out_as(flat: Tensor, x: Tensor) -> Tensor:
    """`flat` [x.numel()] in the shape of x, in memory as x is: multiplying two layouts is several times slower."""
    if x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last):
        batch, channels, height, width = x.shape
        return flat.view(batch, height, width, channels).permute(0, 3, 1, 2)
    return flat.view(x.shape)


class Flatten(nn.Flatten):
    """[B, C, H, W] -> [B, C * H * W], with a gradient that lies in memory as x does."""

    def forward(self, x: Tensor) -> Tensor:
        """Flatten x."""
        if x.requires_grad and x.is_contiguous(memory_format=torch.channels_last):
            x.register_hook(lambda gradient: gradient.contiguous(memory_format=torch.channels_last))  # type: ignore[no-untyped-call]
        return super().forward(x)


class Unflatten(nn.Unflatten):
    """[B, C * H * W] -> [B, C, H, W], laid out as convolutions want it."""

    def forward(self, x: Tensor) -> Tensor:
        """Unflatten x."""
        return super().forward(x).contiguous(memory_format=torch.channels_last)


class Scaled(nn.Module):
    """Base of layers whose weights begin standard normal and are scaled each time they are used: He's constant at run time, so
    that Adam's steps mean the same in every layer (Karras et al. 2018, section 4.1). `rate` multiplies the learning rate."""

    def __init__(self, shape: tuple[int, ...], gain: float = GAIN, rate: float = 1.0, bias: float | None = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(shape) / rate)
        self.bias = nn.Parameter(torch.full((shape[0],), bias / rate)) if bias is not None else None
        self.scale, self.rate = rate * gain / math.sqrt(math.prod(shape[1:])), rate

    def weights(self) -> tuple[Tensor, Tensor | None]:
        """Weight and bias as they are used."""
        return self.weight * self.scale, None if self.bias is None else self.bias * self.rate


class ScaledLinear(Scaled):
    """A linear layer [B, before] -> [B, after]; see `Scaled`."""

    def __init__(self, before: int, after: int, gain: float = GAIN, rate: float = 1.0, bias: float | None = 0.0) -> None:
        super().__init__((after, before), gain, rate, bias)

    def forward(self, x: Tensor) -> Tensor:
        """Apply it."""
        return F.linear(x, *self.weights())


class ScaledConv(Scaled):
    """A convolution that keeps the size; see `Scaled`."""

    def __init__(self, before: int, after: int, kernel: int, gain: float = GAIN, bias: float | None = 0.0) -> None:
        super().__init__((after, before, kernel, kernel), gain, 1.0, bias)
        self.padding = kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        """Apply it."""
        weight, bias = self.weights()
        return F.conv2d(x, weight, bias, padding=self.padding)


def pixel_norm(x: Tensor) -> Tensor:
    """Divide each pixel (or latent) by the root mean square of its channels, dimension 1. Karras et al. 2018, section 4.2."""
    return x * (x.float().square().mean(1, keepdim=True) + 1e-8).rsqrt().to(x.dtype)


def minibatch_stddev(x: Tensor, group: int = 4) -> Tensor:
    """Add one channel that says how much the pictures of a group differ: [B, C, H, W] -> [B, C + 1, H, W].

    Standard deviation over the group at each place and channel, its mean, everywhere: Karras et al. 2018, section 3, who take the
    whole batch for a group in the paper, and four pictures in their code. Here it is the largest number up to `group` that
    divides the batch, so that a batch of any size will do.
    """
    batch, channels, height, width = x.shape
    size = next(size for size in range(min(group, batch), 0, -1) if batch % size == 0)
    groups = x.float().reshape(size, -1, channels, height, width)
    spread = (groups.var(0, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
    return torch.cat([x, spread.repeat(size).view(batch, 1, 1, 1).expand(-1, 1, height, width).to(x.dtype)], 1)


def doublings(size: tuple[int, int], least: int = 4, most: int = 8) -> int:
    """How often both sides can be halved without becoming odd halves or smaller than `least`: 28 -> 2 (7), 64 -> 4 (4)."""
    height, width = size
    count = 0
    while count < most and height % 2 == 0 and width % 2 == 0 and min(height, width) // 2 >= least:
        height, width, count = height // 2, width // 2, count + 1
    return count


def normal_start(network: nn.Module, deviation: float = 0.02) -> None:
    """Weights normal with this standard deviation, biases 0; batch norms around 1 (Radford et al. 2016, section 3)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, deviation)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, deviation)
            nn.init.zeros_(module.bias)


@torch.no_grad()
def limit_norms(network: nn.Module, most: float) -> None:
    """Shorten every filter (the weights of one output) that is longer than `most` to that length."""
    for weight in network.parameters():
        if weight.dim() > 1:
            lengths = weight.flatten(1).norm(dim=1).view(-1, *(1,) * (weight.dim() - 1))
            weight.mul_((most / lengths.clamp_min(1e-12)).clamp(max=1.0))


def scaled_width(channels: int, width: float) -> int:
    """A layer's channels at `width` times their number, at least 2."""
    return max(2, round(channels * width))
