"""A small network of VGG's shape cut out of a large one: the start of the distillation.

Layer by layer from the picture inwards, (1) keep those of the teacher's channels from which the others can be told
best: pivoted Cholesky decomposition of the mean Gram matrix, so the kept channels carry most of the energy that style
distances are made of; (2) fit the student's convolution by least squares to the teacher's values of the kept channels,
before the ReLU, given what the student's own layers below deliver, so that errors do not add up.
(2) is the reconstruction of He, Zhang, Sun 2017, "Channel Pruning for Accelerating Very Deep Neural Networks",
equation 1, with the convolution itself as the unknown and (1) in place of their LASSO.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije.features.extractor import Extractor
from alebrije.features.ranking import gram

RIDGE = 1e-4
POSITIONS = 256


def prune(student: Extractor, teacher: Extractor, stands_for: Mapping[str, str], pictures: Tensor) -> None:
    """Give `student` weights that imitate `teacher` on `pictures` [N, 3, H, W]; `stands_for`: layer -> the teacher's.

    Both networks are of VGG's shape and pool alike. The student's features are then the teacher's of the kept
    channels, up to the error of the fit.
    """
    chunks: tuple[Tensor, ...] = pictures.split(8)  # type: ignore[no-untyped-call]
    kept = keep_channels(student, teacher, stands_for, chunks)
    inputs = [student.normalize(chunk) for chunk in chunks]
    for name, stage in student.stages.items():
        if isinstance(stage, nn.Conv2d):
            layer = stands_for[name.replace("conv", "relu")].replace("relu", "conv")
            targets = (before_relu(teacher, chunk, layer)[:, kept[name]] for chunk in chunks)
            fit_convolution(stage, inputs, targets)
        inputs = [stage(x) for x in inputs]


def keep_channels(
    student: Extractor, teacher: Extractor, stands_for: Mapping[str, str], chunks: tuple[Tensor, ...]
) -> dict[str, Tensor]:
    """For each convolution of the student, the indices of the teacher's channels that it stands for."""
    sums: dict[str, Tensor] = {}
    for chunk in chunks:
        for layer, features in teacher(chunk).items():
            sums[layer] = sums.get(layer, 0) + gram(features).mean(0)
    kept = {}
    for name, stage in student.stages.items():
        if isinstance(stage, nn.Conv2d):
            kept[name] = pivots(sums[stands_for[name.replace("conv", "relu")]], stage.out_channels)
    return kept


def pivots(energy: Tensor, count: int) -> Tensor:
    """The `count` channels picked one by one for the most energy that those before leave unexplained.

    `energy`: symmetric positive semidefinite [C, C]. The diagonal pivots of its Cholesky decomposition.
    """
    rest = energy.double().clone()
    chosen = []
    for _ in range(count):
        best = int(rest.diagonal().argmax())
        chosen.append(best)
        column = rest[:, best].clone()
        rest -= torch.outer(column, column) / column[best].clamp_min(1e-12)
        rest[best], rest[:, best] = 0, 0
    return torch.tensor(sorted(chosen))


def before_relu(network: Extractor, pictures: Tensor, layer: str) -> Tensor:
    """What the convolution `layer` of `network` gives, before its ReLU, in float32."""
    x = network.normalize(pictures)
    for name, stage in network.stages.items():
        x = stage(x)
        if name == layer:
            break
    return x.float()


def fit_convolution(convolution: nn.Conv2d, inputs: list[Tensor], targets: Iterator[Tensor]) -> None:
    """Set weight and bias by ridge regression from 3x3 patches of `inputs` to `targets`, at random positions."""
    normal, right = torch.zeros(()), torch.zeros(())
    for x, y in zip(inputs, targets, strict=True):
        at = torch.randperm(y.shape[-2] * y.shape[-1])[:POSITIONS]
        rows = patches(x.float(), at)
        rows = torch.cat([rows, torch.ones(len(rows), 1)], dim=1)
        normal = normal + rows.mT @ rows
        right = right + rows.mT @ y.flatten(2)[:, :, at].transpose(1, 2).flatten(0, 1)
    solution = solve(normal, right)
    convolution.weight.copy_(solution[:-1].mT.view_as(convolution.weight))
    if convolution.bias is not None:
        convolution.bias.copy_(solution[-1])


def solve(normal: Tensor, right: Tensor) -> Tensor:
    """Ridge regression from its normal equations [N, N] and right sides [N, M], in float64; float32 [N, M]."""
    ridge = RIDGE * normal.diagonal().mean() * torch.eye(len(normal))
    solution: Tensor = torch.linalg.solve((normal + ridge).double(), right.double())
    return solution.float()


def patches(x: Tensor, at: Tensor) -> Tensor:
    """The 3x3 neighbourhoods [B * P, C * 9] of positions `at` [P] in `x` [B, C, H, W], zeros outside.

    Positions are counted row by row: y * W + x.
    """
    rows, columns = at // x.shape[-1], at % x.shape[-1]
    padded = F.pad(x, (1, 1, 1, 1))
    shifted = [padded[:, :, rows + i, columns + j] for i in range(3) for j in range(3)]
    return torch.stack(shifted, dim=2).flatten(1, 2).transpose(1, 2).flatten(0, 1)


def equalize(network: Extractor, pictures: Tensor) -> None:
    """Scale every convolution so that the mean after its ReLU is 1 over `pictures`; taps change by one factor each.

    As Gatys et al. 2016, section 2, normalise VGG-19, with one factor per layer instead of one per channel: a factor
    per channel would change which pictures are alike.
    """
    x, before = network.normalize(pictures), torch.ones(())
    with torch.no_grad():
        for stage in network.stages.values():
            if isinstance(stage, nn.Conv2d):
                after = F.relu(F.conv2d(x, stage.weight * before, stage.bias, padding=stage.padding)).mean()
                stage.weight.mul_(before / after)
                if stage.bias is not None:
                    stage.bias.div_(after)
                before = after
            x = stage(x)


def fit_projection(first: Tensor, second: Tensor) -> Tensor:
    """The 1x1 convolution [D, C, 1, 1] that tells features `second` [B, D, H, W] best from `first` [B, C, H, W]."""
    x, y = (features.permute(0, 2, 3, 1).flatten(0, 2).float() for features in (first, second))
    return solve(x.mT @ x, x.mT @ y).mT[:, :, None, None]
