"""Ways to train the DCGAN of `gan/dcgan64`, for `benchmarks/gan.py`: the usual one, this program's, and what lies between.

All train the same networks (5x5 convolutions with stride 2, batch norm, LeakyReLU 0.2, dropout 0.5) on the same bytes in memory.
The usual way ("DCGAN Tutorial", pytorch.org): float32, plain layout, torch's dropout and Adam, a sigmoid and BCELoss, generated
pictures judged twice, the discriminator moved by two backward passes. Ours is what `alebrije train gan/dcgan64` does, with all
that it records, but `max_share`, which the others have not.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from alebrije.config import build, read_recipe
from alebrije.gan.config import GanConfig
from alebrije.gan.data import Pictures, read
from alebrije.gan.learning import make_step
from alebrije.gan.nets.dcgan import ConvDiscriminator, ConvGenerator
from alebrije.gan.nets.parts import LEAK, LeakyDropout
from alebrije.gan.nets.strided import Down, Up
from alebrije.gan.preparing import begin, prepare
from alebrije.runs import Run

# `allocator` is the tutorial with the C library tuned, `bf16` that in bfloat16 and channels_last
WAYS = ("tutorial", "allocator", "bf16", "ours")
Way = tuple[Callable[[], object], nn.Module, nn.Module]
"""A function that makes one step, the generator and the discriminator."""


def way(name: str, images: Tensor, batch_size: int, place: Path, width: float = 1.0, seed: int = 0) -> Way:
    """The way called `name`, on `images` uint8 [N, C, H, W]; ours writes its run into the folder `place`."""
    torch.manual_seed(seed)
    if name == "ours":
        return ours(images, batch_size, place, width, seed)
    return tutorial(images, batch_size, width, name == "bf16")


def ours(images: Tensor, batch_size: int, place: Path, width: float, seed: int) -> Way:
    """The step of a training, as `alebrije train` repeats it."""
    values = {name: value for name, value in read_recipe("gan/dcgan64").items() if name != "recipe"}
    size = f"{images.shape[3]}x{images.shape[2]}"
    values |= {"batch_size": batch_size, "max_share": 0.0, "device": "cpu", "width": width, "seed": seed, "size": size}
    empty = torch.zeros(len(images), 0, dtype=torch.bool)
    pictures = Pictures(images, empty, images[:0], empty[:0], (), "", "")
    game = prepare(build(GanConfig, values), Run.create(place / "run"), "dcgan", pictures)
    state = begin(game)
    step = make_step(game, lambda state: None)

    def once() -> None:
        step(state, next(state.batches))
        state.step += 1

    return once, game.generator, game.discriminator


def opened(config: GanConfig) -> Pictures:
    """The pictures that the settings name, without the events on the way."""
    events = read(config)
    while True:
        try:
            next(events)
        except StopIteration as end:
            pictures: Pictures = end.value
            return pictures


def tutorial(images: Tensor, batch_size: int, width: float, bf16: bool) -> Way:
    """The tutorial's loop; with `bf16` in that number format and channels_last."""
    channels, height, across = images.shape[1:]
    generator = plain(ConvGenerator((channels, height, across), 100, width))
    discriminator = nn.Sequential(plain(ConvDiscriminator((channels, height, across), width=width)), nn.Sigmoid())
    if bf16:
        for network in (generator, discriminator):
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    criterion = nn.BCELoss()
    of_discriminator = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    of_generator = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))

    def judge(pictures: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            judged: Tensor = discriminator(pictures)
        return judged.float()

    def once() -> tuple[float, float]:
        chosen = torch.randint(len(images), (batch_size,))
        real = images[chosen].float() / 127.5 - 1
        discriminator.zero_grad()
        of_real = criterion(judge(real), torch.ones(batch_size))
        of_real.backward()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            fake = generator(torch.randn(batch_size, 100))
        fake = fake.float()
        of_fake = criterion(judge(fake.detach()), torch.zeros(batch_size))
        of_fake.backward()
        of_discriminator.step()
        generator.zero_grad()
        wanted = criterion(judge(fake), torch.ones(batch_size))
        wanted.backward()
        of_generator.step()
        return float(of_real + of_fake), float(wanted)

    return once, generator, discriminator


def plain(network: nn.Module) -> nn.Module:
    """The network with torch's own layers in place of this program's."""
    for name, child in network.named_children():
        twin = usual(child)
        if twin is not None:
            twin.load_state_dict(child.state_dict())
            setattr(network, name, twin)
        else:
            plain(child)
    return network


def usual(layer: nn.Module) -> nn.Module | None:
    """The layer as torch has it, where it is one of this program's."""
    match layer:
        case Down():
            return nn.Conv2d(layer.in_channels, layer.out_channels, 5, 2, 2, bias=layer.bias is not None)
        case Up():
            bias = layer.bias is not None
            return nn.ConvTranspose2d(layer.in_channels, layer.out_channels, 5, 2, 2, output_padding=1, bias=bias)
        case LeakyDropout():
            return nn.Sequential(nn.LeakyReLU(LEAK), nn.Dropout(layer.p))
        case nn.Flatten():
            return nn.Flatten()
        case nn.Unflatten():
            return nn.Unflatten(layer.dim, layer.unflattened_size)
    return None


@torch.no_grad()
def made(generator: nn.Module, count: int, bf16: bool) -> Tensor:
    """Pictures of a generator that has been trained: uint8 [count, C, H, W]."""
    generator.eval()
    parts = []
    for latents in torch.split(torch.randn(count, 100), 100):
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            drawn = generator(latents)
        parts.append(((drawn.float() + 1) * 127.5).clamp(0, 255).round().to(torch.uint8))
    return torch.cat(parts)
