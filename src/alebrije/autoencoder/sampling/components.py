"""A mixture of Gaussians on the principal components of codes, all its numbers chosen by the likelihood of held-out codes.

The code is split: its first d principal components follow a mixture, the D - d others are independent of it and of each other,
normal with one variance, the mean of theirs (what Tipping and Bishop, "Probabilistic principal component analysis", JRSS B 61,
1999, have for the rest). So every choice of d gives a density of the whole code, and the likelihoods can be compared.

Ghosh et al., "From variational to deterministic autoencoders", ICLR 2020, section 4, fit a mixture of ten to the codes of a
plain autoencoder; here their number, d, and whether covariances are full or diagonal are chosen.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from alebrije.autoencoder.sampling.mixture import Mixture, fit_mixture, log_density
from alebrije.errors import DataError

MOST, TRIED = 64, 4  # components at most; components by which d and the kind of covariance are chosen
PER_COMPONENT = 10  # codes that each component must have on average
LEAST, NUMBERS = 1000, 160_000  # codes that are looked at: so many, or more while they have no more numbers than this
SHARES = (1.0, 0.5, 0.25)  # of the dimensions that are tried for d
Tensors = dict[str, Tensor]


def fit(codes: Tensor, held_out: Tensor, seed: int) -> tuple[Tensors, dict[str, Any]]:
    """Choose and fit: the tensors to draw from, and what was chosen. Raises `DataError` if there are too few codes."""
    if len(codes) < 2 * PER_COMPONENT or len(held_out) < 2:
        raise DataError(f"a mixture cannot be chosen by {len(codes)} codes and {len(held_out)} held-out ones")
    codes = codes[: max(LEAST, NUMBERS // codes.shape[1])]
    mean, basis, variances = _principal(codes)
    rank = int((variances > 1e-9 * variances[0]).sum())
    sizes = sorted({max(1, round(share * rank)) for share in SHARES}, reverse=True)
    allowed = max(1, min(MOST, len(codes) // PER_COMPONENT))
    tried = min(TRIED, allowed)

    def attempt(size: int, diagonal: bool, components: int) -> tuple[float, Tensors, dict[str, Any]]:
        generator = torch.Generator().manual_seed(seed)
        inner = fit_mixture((codes.double() - mean) @ basis[:, :size], components, diagonal, generator)
        rest = float(variances[size:].mean()) if size < len(variances) else 0.0
        rest = max(rest, 1e-6 * float(variances[0]))
        tensors = _pack(mean, basis[:, :size], inner, rest)
        nats = float(density(tensors, held_out).mean())
        kind = "diagonal" if diagonal else "full"
        return nats, tensors, {"components": components, "dimensions": size, "covariances": kind, "held_out_nats": nats}

    kinds = [(size, diagonal) for size in sizes for diagonal in (False, True)]
    size, diagonal = max(kinds, key=lambda kind: attempt(kind[0], kind[1], tried)[0])
    best, misses, components = attempt(size, diagonal, 1), 0, 2
    while components <= allowed and misses < 2:  # one more may help where twice as many did not
        found = attempt(size, diagonal, components)
        best, misses = (found, 0) if found[0] > best[0] else (best, misses + 1)
        components *= 2
    return best[1], best[2]


def density(tensors: Tensors, codes: Tensor) -> Tensor:
    """ln p of codes [N, D] in nats, float64 [N]."""
    basis, rest = tensors["basis"].double(), float(tensors["rest"])
    apart = codes.double() - tensors["mean"].double()
    inner = apart @ basis
    others = apart.shape[1] - basis.shape[1]
    left = (apart.square().sum(1) - inner.square().sum(1)).clamp_min(0)
    outside = -(left / rest + others * math.log(2 * math.pi * rest)) / 2 if others else torch.zeros(len(codes))
    return log_density(_unpack(tensors), inner) + outside


def draw(tensors: Tensors, count: int, generator: torch.Generator, truncation: float = 1.0) -> Tensor:
    """New codes [count, D], float32; with `truncation` below 1 nearer to the middles of their components."""
    mixture = _unpack(tensors)
    chosen = torch.multinomial(mixture.weights, count, replacement=True, generator=generator)
    normal = torch.randn(count, mixture.means.shape[1], generator=generator, dtype=torch.float64)
    inner = mixture.means[chosen] + truncation * torch.einsum("nij,nj->ni", mixture.factors[chosen], normal)
    basis = tensors["basis"].double()
    codes = tensors["mean"].double() + inner @ basis.T
    if basis.shape[1] < basis.shape[0]:
        noise = torch.randn(count, basis.shape[0], generator=generator, dtype=torch.float64)
        codes += truncation * math.sqrt(float(tensors["rest"])) * (noise - noise @ basis @ basis.T)
    return codes.float()


def _principal(codes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean [D], principal directions as columns [D, D], and the variances along them, largest first; float64."""
    mean = codes.double().mean(0)
    values, vectors = torch.linalg.eigh(torch.cov(codes.double().T).reshape(codes.shape[1], codes.shape[1]))
    return mean, vectors.flip(1), values.flip(0).clamp_min(0)


def _pack(mean: Tensor, basis: Tensor, mixture: Mixture, rest: float) -> Tensors:
    parts = {"mean": mean, "basis": basis, "rest": torch.tensor([rest])}
    parts |= {"weights": mixture.weights, "means": mixture.means, "factors": mixture.factors}
    return {name: part.float().contiguous() for name, part in parts.items()}


def _unpack(tensors: Tensors) -> Mixture:
    return Mixture(tensors["weights"].double(), tensors["means"].double(), tensors["factors"].double())
