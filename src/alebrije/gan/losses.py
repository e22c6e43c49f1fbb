"""What the two networks want, by name, and the penalties on the discriminator's gradients.

Logits are above 0 for what the discriminator takes for real. `swapped` marks generated pictures that are called real (see
`balance.relabelled`): a discriminator that is always right learns from them to doubt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F


def bce_discriminator(real: Tensor, fake: Tensor, swapped: Tensor) -> Tensor:
    """Binary cross-entropy of the right answers; Goodfellow et al. 2014, equation 1. Logits [B] each, a scalar."""
    return F.softplus(-real).mean() + F.softplus(torch.where(swapped, -fake, fake)).mean()


def bce_generator(real: Tensor, fake: Tensor) -> Tensor:
    """Non-saturating: -log of the probability that generated pictures are real; Goodfellow et al. 2014, section 3."""
    return F.softplus(-fake).mean()


def wasserstein_discriminator(real: Tensor, fake: Tensor, swapped: Tensor) -> Tensor:
    """The generated pictures' mean score less the real ones'; Arjovsky et al. 2017."""
    return torch.where(swapped, -fake, fake).mean() - real.mean()


def wasserstein_generator(real: Tensor, fake: Tensor) -> Tensor:
    """Minus the mean score."""
    return -fake.mean()


def hinge_discriminator(real: Tensor, fake: Tensor, swapped: Tensor) -> Tensor:
    """Scores beyond +-1 count for nothing more; Lim, Ye 2017."""
    return F.relu(1 - real).mean() + F.relu(1 + torch.where(swapped, -fake, fake)).mean()


def relativistic_discriminator(real: Tensor, fake: Tensor, swapped: Tensor) -> Tensor:
    """Each real picture should look more real than the generated one beside it; Jolicoeur-Martineau 2019, and R3GAN (Huang et al.
    2024, equation 2). In a swapped pair it should be the other way round."""
    apart = real - fake
    return F.softplus(torch.where(swapped, apart, -apart)).mean()


def relativistic_generator(real: Tensor, fake: Tensor) -> Tensor:
    """The same with the parts exchanged."""
    return F.softplus(real - fake).mean()


@dataclass(frozen=True, slots=True)
class Loss:
    """One game: `discriminator(real, fake, swapped)` and `generator(real, fake)`, and the penalties it cannot do without.

    `absolute`: a logit of 0 means "cannot tell"; otherwise only differences mean something.
    """

    discriminator: Callable[[Tensor, Tensor, Tensor], Tensor]
    generator: Callable[[Tensor, Tensor], Tensor]
    weights: Mapping[str, float] = field(default_factory=dict)
    absolute: bool = True


LOSSES = {
    "bce": Loss(bce_discriminator, bce_generator),
    "wgan-gp": Loss(wasserstein_discriminator, wasserstein_generator, {"gp": 10.0}, absolute=False),
    "hinge": Loss(hinge_discriminator, wasserstein_generator),
    "relativistic": Loss(relativistic_discriminator, relativistic_generator, {"r1": 1.0, "r2": 1.0}, absolute=False),
}
PENALTIES = ("gp", "r1", "r2")

Judge = Callable[[Tensor], Tensor]


def gradient_square(logits: Tensor, images: Tensor) -> Tensor:
    """The squared length of each logit's gradient by its picture: [B]. It can itself be differentiated."""
    (slopes,) = torch.autograd.grad(logits.float().sum(), images, create_graph=True)
    return slopes.float().square().flatten(1).sum(1)


def zero_centred(logits: Tensor, images: Tensor) -> Tensor:
    """Half the mean squared gradient: R1 on real pictures, R2 on generated ones; Mescheder et al. 2018, equation 9. `images` must
    require gradients and have given `logits`."""
    return gradient_square(logits, images).mean() / 2


def one_centred(judge: Judge, real: Tensor, fake: Tensor) -> Tensor:
    """The mean of (length of the gradient - 1) squared at random points between real and generated pictures; Gulrajani et al.
    2017, equation 3."""
    share = torch.rand(len(real), 1, 1, 1, device=real.device)
    between = torch.lerp(real.detach(), fake.detach(), share).requires_grad_()
    return ((gradient_square(judge(between), between) + 1e-12).sqrt() - 1).square().mean()
