"""Losses, penalties, balance and augmentation: each against its closed form or a naive twin."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije.config import build
from alebrije.core.fit import State
from alebrije.errors import RunError
from alebrije.gan import augment, balance, losses
from alebrije.gan.config import GanConfig
from alebrije.gan.data import Pictures
from alebrije.gan.game import Game, begin_extra
from alebrije.gan.learning import play

REAL, FAKE = torch.tensor([2.0, -1.0, 0.5]), torch.tensor([-3.0, 0.2, 1.0])
NONE, SOME = torch.zeros(3, dtype=torch.bool), torch.tensor([True, False, False])


def test_cross_entropy_is_torchs_with_the_labels_turned_round() -> None:
    labels = torch.tensor([1.0, 0, 0])
    expected = F.binary_cross_entropy_with_logits(REAL, torch.ones(3)) + F.binary_cross_entropy_with_logits(FAKE, labels)
    torch.testing.assert_close(losses.LOSSES["bce"].discriminator(REAL, FAKE, SOME), expected)
    torch.testing.assert_close(losses.bce_generator(REAL, FAKE), F.binary_cross_entropy_with_logits(FAKE, torch.ones(3)))


def test_the_other_losses_by_hand() -> None:
    hinge = losses.LOSSES["hinge"]
    assert float(hinge.discriminator(REAL, FAKE, NONE)) == pytest.approx((0 + 2 + 0.5) / 3 + (0 + 1.2 + 2) / 3)
    assert float(hinge.discriminator(REAL, FAKE, SOME)) == pytest.approx((0 + 2 + 0.5) / 3 + (4 + 1.2 + 2) / 3)
    assert float(hinge.generator(REAL, FAKE)) == pytest.approx(1.8 / 3)
    wasserstein = losses.LOSSES["wgan-gp"]
    assert float(wasserstein.discriminator(REAL, FAKE, NONE)) == pytest.approx(-1.8 / 3 - 0.5)
    relative = losses.LOSSES["relativistic"]
    apart = [5.0, -1.2, -0.5]
    assert float(relative.discriminator(REAL, FAKE, NONE)) == pytest.approx(sum(math.log1p(math.exp(-d)) for d in apart) / 3)
    assert float(relative.generator(REAL, FAKE)) == pytest.approx(sum(math.log1p(math.exp(d)) for d in apart) / 3)


@pytest.mark.parametrize("name", losses.LOSSES)
def test_every_loss_pulls_both_networks_the_right_way(name: str) -> None:
    loss = losses.LOSSES[name]
    real, fake = (logits.clone().requires_grad_() for logits in (REAL / 4, FAKE / 4))
    of_real, of_fake = torch.autograd.grad(loss.discriminator(real, fake, NONE), [real, fake])
    assert (of_real < 0).all()
    assert (of_fake > 0).all()
    assert (torch.autograd.grad(loss.generator(real, fake), fake)[0] < 0).all()
    of_swapped = torch.autograd.grad(loss.discriminator(real, fake, ~NONE), fake)[0]
    assert (of_swapped < 0).all()


def test_penalties_of_a_linear_judge_are_known() -> None:
    weight = torch.randn(12)

    def judge(images: Tensor) -> Tensor:
        return images.flatten(1) @ weight

    images = torch.randn(5, 3, 2, 2, requires_grad=True)
    square = float(weight.square().sum())
    assert float(losses.zero_centred(judge(images), images)) == pytest.approx(square / 2, rel=1e-5)
    expected = (math.sqrt(square) - 1) ** 2
    assert float(losses.one_centred(judge, images, torch.randn(5, 3, 2, 2))) == pytest.approx(expected, rel=1e-4)


def test_relabelling_follows_the_thesis_formula() -> None:
    assert [balance.relabel_share(accuracy, 0.1) for accuracy in (0.3, 0.5, 0.75, 1.0)] == pytest.approx([0, 0, 0.05, 0.1])
    assert int(balance.relabelled(40, 0.1).sum()) == 4
    assert len({tuple(balance.relabelled(40, 0.1).tolist()) for _ in range(5)}) > 1


def test_the_four_schemes() -> None:
    def epoch(scheme: str, count: int = 12, batch: int = 4) -> list[list[int]]:
        batches = balance.Batches(count, batch, 3, scheme)
        return [next(batches).tolist() for _ in range(2 * count // batches.batch_size)]

    assert epoch("order") == 2 * [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    single = epoch("single")
    assert sorted(itertools.chain(*single[:12])) == list(range(12))
    assert all(len(batch) == 1 for batch in single)
    mixed = epoch("shuffled")
    assert sorted(itertools.chain(*mixed[:3])) == sorted(itertools.chain(*mixed[3:])) == list(range(12))
    assert mixed[:3] != mixed[3:]
    drawn = itertools.chain(*epoch("stochastic", 600, 100)[:6])
    assert len(set(drawn)) / 600 == pytest.approx(1 - 1 / math.e, abs=0.05)


@pytest.mark.parametrize("scheme", balance.SCHEMES)
def test_batches_go_on_where_they_were(scheme: str) -> None:
    batches = balance.Batches(11, 4, 5, scheme)
    for _ in range(7):
        next(batches)
    kept = {name: value.clone() if isinstance(value, Tensor) else value for name, value in batches.state_dict().items()}
    following = [next(batches) for _ in range(15)]
    other = balance.Batches(11, 4, 6, scheme)
    other.load_state_dict(kept)
    assert all(torch.equal(next(other), one) for one in following)
    with pytest.raises(RunError, match="learns from 11 pictures"):
        balance.Batches(12, 4, 5, scheme).load_state_dict(kept)
    changed = balance.Batches(12, 4, 5, scheme, changed=True)
    changed.load_state_dict(kept)
    assert changed.epochs == kept["epochs"] + 1
    assert int(next(changed).max()) < 12


def test_augmentation_adapts_up_to_its_cap() -> None:
    assert balance.adapted(0.2, 0.9, 0.6, 512, 5120, 0.8) == pytest.approx(0.3)
    assert balance.adapted(0.2, 0.1, 0.6, 512, 5120, 0.8) == pytest.approx(0.1)
    assert balance.adapted(0.75, 0.9, 0.6, 512, 5120, 0.8) == 0.8
    assert balance.adapted(0.05, 0.1, 0.6, 512, 5120, 0.8) == 0.0
    assert balance.certainty(torch.tensor([1.0, 2.0, -1.0, 3.0])) == 0.5


@pytest.mark.parametrize("spoil", [augment.ada, augment.diff, *augment.POLICIES.values()])
@pytest.mark.parametrize("channels", [1, 3])
def test_nothing_is_spoiled_at_zero_and_gradients_pass_at_one(spoil: Any, channels: int) -> None:
    images = torch.rand(6, channels, 16, 12) * 2 - 1
    assert torch.equal(spoil(images, 0.0), images)
    leaf = images.clone().requires_grad_()
    out = spoil(leaf, 1.0)
    assert out.shape == images.shape
    assert not torch.equal(out, images)
    out.sum().backward()  # type: ignore[no-untyped-call]
    assert leaf.grad is not None
    assert torch.isfinite(leaf.grad).all()
    assert float(leaf.grad.abs().sum()) > 0


def test_each_picture_is_spoiled_with_the_probability() -> None:
    images = torch.rand(2000, 1, 4, 4)
    share = (augment.color(images, 0.3) != images).flatten(1).any(1).float().mean()
    assert float(share) == pytest.approx(0.3, abs=0.04)


def test_moves_are_whole_pixels_and_holes_have_their_size() -> None:
    images = torch.rand(20, 1, 16, 24) + 1
    moved = augment.translation(images, 1.0)
    for before, after in zip(images[:, 0], moved[:, 0], strict=True):
        rows, columns = (after != 0).any(1).nonzero().flatten(), (after != 0).any(0).nonzero().flatten()
        block = after[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        height, width = block.shape
        assert height >= 14
        assert width >= 21
        top, left = 16 - height if rows[0] == 0 else 0, 24 - width if columns[0] == 0 else 0
        assert torch.equal(block, before[top : top + height, left : left + width])
    holes = (augment.cutout(images, 1.0) == 0).sum((1, 2, 3))
    assert int(holes.max()) == 8 * 12
    assert int(holes.min()) >= 1


def test_turns_and_moves_of_ada_are_what_they_say() -> None:
    image = torch.rand(1, 1, 9, 9)
    grid = F.affine_grid(augment._turn(torch.tensor([math.pi / 2]))[:, :2], [1, 1, 9, 9], align_corners=False)
    turned = F.grid_sample(image, grid, align_corners=False)
    torch.testing.assert_close(turned, image.rot90(1, (2, 3)), atol=1e-5, rtol=0)
    torch.testing.assert_close(augment._moved(image, 1e-12), image, atol=1e-5, rtol=0)
    colors = augment._recolored(torch.full((50, 3, 2, 2), 0.3), 1.0)  # a grey stays grey whatever hue and saturation do
    torch.testing.assert_close(colors[:, :1].expand(-1, 3, -1, -1), colors, atol=1e-5, rtol=0)


def test_brightness_and_contrast_of_ada_are_those_of_the_paper() -> None:
    """x -> c (x + b): deviations of b and of log2 c are 0.2 and 0.5, and they know nothing of each other."""
    images = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2).expand(8000, -1, -1, -1)
    low, high = augment._recolored(images, 1.0).flatten(1).T
    contrast, brightness = high - low, low / (high - low)
    assert float(contrast.log2().std()) == pytest.approx(0.5, abs=0.02)
    assert float(brightness.std()) == pytest.approx(0.2, abs=0.008)
    assert abs(float(torch.corrcoef(torch.stack([brightness.square(), contrast]))[0, 1])) < 0.05


class Line(nn.Module):
    """A generator or judge without chance: one linear layer, and for the judge something bent."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.layer = nn.Linear(before, after)

    def forward(self, x: Tensor, tags: Tensor | None = None) -> Tensor:
        out: Tensor = self.layer(x.flatten(1))
        return out.view(-1, 1, 4, 4) if out.shape[1] > 1 else out.tanh().flatten()


@pytest.mark.parametrize("name", losses.LOSSES)
def test_a_shared_judgement_moves_both_as_their_own_losses_would(name: str, tmp_path: Path) -> None:
    config = build(GanConfig, {"loss": name, "size": "4", "latent_dim": 3, "gp_weight": 0, "r1_weight": 0.7, "r2_weight": 0.3})
    torch.manual_seed(1)
    networks: dict[str, nn.Module] = {"generator": Line(3, 16), "discriminator": Line(16, 1)}
    images = torch.randint(0, 256, (8, 1, 4, 4), dtype=torch.uint8)
    empty = torch.zeros(8, 0, dtype=torch.bool)
    pictures = Pictures(images, empty, images, empty, (), "", "")
    game = Game(config, pictures, networks, torch.device("cpu"), torch.float32, tmp_path)
    optimizers: dict[str, torch.optim.Optimizer] = {
        key: torch.optim.SGD(network.parameters(), lr=1.0) for key, network in networks.items()
    }
    before = {key: [w.detach().clone() for w in network.parameters()] for key, network in networks.items()}
    batch, loss = torch.arange(5), losses.LOSSES[name]
    torch.manual_seed(2)
    fake = networks["generator"](torch.randn(5, 3))
    real = (images[:5].float() / 127.5 - 1).requires_grad_()
    out = [networks["discriminator"](real), networks["discriminator"](fake)]
    wanted = {"generator": torch.autograd.grad(loss.generator(*out), list(networks["generator"].parameters()), retain_graph=True)}
    leaf = fake.detach().requires_grad_()
    seen = networks["discriminator"](leaf)
    objective = loss.discriminator(out[0], seen, torch.zeros(5, dtype=torch.bool))
    objective = objective + 0.7 * losses.zero_centred(out[0], real) + 0.3 * losses.zero_centred(seen, leaf)
    wanted["discriminator"] = torch.autograd.grad(objective, list(networks["discriminator"].parameters()))
    torch.manual_seed(2)
    state = State(networks, optimizers, balance.Batches(8, 5, 0), 0.0, begin_extra(config))
    play(game, state, batch)
    for key, network in networks.items():
        for weight, old, gradient in zip(network.parameters(), before[key], wanted[key], strict=True):
            torch.testing.assert_close(weight.detach(), old - gradient, atol=1e-6, rtol=1e-4)


class Shifted(Line):
    """A judge that adds a number to all that it says."""

    by = 0.0

    def forward(self, x: Tensor, tags: Tensor | None = None) -> Tensor:
        return super().forward(x, tags) + self.by


def test_ada_does_not_mind_a_number_that_means_nothing(tmp_path: Path) -> None:
    """Relativistic logits may all be larger by the same: nothing that is learned changes, nor does what ada makes of them."""
    config = build(GanConfig, {"loss": "relativistic", "size": "4", "latent_dim": 3, "augment": "ada"})
    images = torch.randint(0, 256, (64, 1, 4, 4), dtype=torch.uint8)
    empty = torch.zeros(64, 0, dtype=torch.bool)
    pictures = Pictures(images, empty, images[:0], empty[:0], (), "", "")
    found = []
    for by in (0.0, 8.0):
        torch.manual_seed(1)
        networks: dict[str, nn.Module] = {"generator": Line(3, 16), "discriminator": Shifted(16, 1)}
        networks["discriminator"].by = by  # type: ignore[assignment]
        game = Game(config, pictures, networks, torch.device("cpu"), torch.float32, tmp_path)
        optimizers = {key: torch.optim.SGD(network.parameters(), lr=0.0) for key, network in networks.items()}
        state = State(networks, dict(optimizers), balance.Batches(64, 64, 0), 0.0, begin_extra(config))
        play(game, state, torch.arange(64))
        found.append(state.extra["certain"])
    assert found[0] == found[1]
    assert 0 < abs(found[0]) < 1 / 4  # the fourth of a look: of some the judge is sure, of others not
