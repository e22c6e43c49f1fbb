"""The planner that ships: it mirrors exactly, keeps what is given, suits any size, and answers as the observer does."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from alebrije.core.filters import gaussian_blur
from alebrije.core.image import load, resize
from alebrije.core.tensorfiles import write_safetensors
from alebrije.data.draw import creature
from alebrije.errors import RunError, WeightsError
from alebrije.hybrid import observer
from alebrije.hybrid.observer import CYCLES, Viewing, both_orders, measure, sensitivity
from alebrije.hybrid.planning.bands import COUNT, EDGES, SIZE, describe
from alebrije.hybrid.planning.planner import LEAST, Guess, Planner, role_logit, shipped, sigmas
from alebrije.hybrid.planning.use import load_answerer, load_planner

VIEWING = Viewing(0.2, 0.5, 6.0)


def pair(seed: int, size: int = 128) -> tuple[Tensor, Tensor]:
    return creature(seed, size).image, creature(seed + 50, size).image


@pytest.fixture(scope="module")
def random_planner() -> Planner:
    torch.manual_seed(3)
    planner = Planner(16).eval()
    planner.deviation.fill_(5.0)
    return planner


@pytest.mark.parametrize("seed", range(4))
def test_swapped_pictures_get_the_mirrored_answer_to_the_last_bit(random_planner: Planner, seed: int) -> None:
    first, second = pair(seed)
    plan, mirrored = random_planner.plan(first, second, VIEWING), random_planner.plan(second, first, VIEWING)
    assert {plan.low, mirrored.low} == {"first", "second"}
    assert plan.cycles_low == mirrored.cycles_low
    assert plan.cycles_high == mirrored.cycles_high
    assert plan.score == mirrored.score
    assert plan.switch_distance == mirrored.switch_distance


@pytest.mark.parametrize("low", ["first", "second"])
def test_what_is_given_is_kept(random_planner: Planner, low: str) -> None:
    first, second = pair(7)
    plan = random_planner.plan(first, second, VIEWING, low=low, cycles_low=11.0)
    assert (plan.low, plan.cycles_low) == (low, 11.0)
    assert CYCLES[0] <= plan.cycles_high <= CYCLES[1]


def test_the_score_is_the_observers_own(random_planner: Planner) -> None:
    first, second = pair(2)
    plan = random_planner.plan(first, second, VIEWING)
    spectra = both_orders(first, second)[plan.low]
    cutoffs = torch.tensor([plan.cycles_low, plan.cycles_high], dtype=torch.float64)
    assert plan.score == float(observer.score(spectra, cutoffs[0], cutoffs[1], VIEWING))
    best = observer.plan(first, second, VIEWING)
    assert plan.score <= best.score + 1e-6


def test_a_description_names_bands_as_the_eye_weighs_them() -> None:
    columns = (torch.arange(256) + 0.5) / 256
    waves = {cycles: (0.5 + 0.2 * torch.cos(2 * math.pi * cycles * columns)).expand(1, 3, 256, 256) for cycles in (10, 40)}
    spectra = measure(waves[10], waves[40])
    described = describe(spectra, VIEWING)
    assert described.shape == (SIZE,)
    bands = [int(torch.bucketize(torch.tensor(float(cycles)), EDGES)) for cycles in (10, 40)]
    near_low, near_high = described[COUNT : 2 * COUNT], described[2 * COUNT : 3 * COUNT]
    assert [int(near_low.argmax()), int(near_high.argmax())] == bands
    # A cosine of amplitude 0.2 has the power 0.02; the eye at 0.5 m sees 10 cycles on 20 cm through its sensitivity. The
    # observer's frequencies are means of bins half a cycle wide.
    angle = math.degrees(2 * math.atan(0.1 / 0.5))
    gain = float(sensitivity(torch.tensor(10 / angle, dtype=torch.float64)))
    assert float(near_low[bands[0]].exp()) == pytest.approx(0.02 * gain**2 + observer.NOISE, rel=0.05)


def test_bands_correlate_fully_where_the_pictures_are_one() -> None:
    picture = creature(5, 256, background="landscape").image
    spectra = measure(picture, picture)
    described = describe(spectra, VIEWING)
    held = torch.bincount(torch.bucketize(spectra.cycles, EDGES), minlength=COUNT) > 0
    assert held.sum() > 0.8 * COUNT
    assert torch.allclose(described[:COUNT], held.float(), atol=1e-4)


def test_roles_and_sigmas_come_from_the_better_order() -> None:
    forth = Guess(torch.tensor([3.5, 3.5]), torch.tensor([5.0, 5.0]), torch.tensor([0.6, 0.1]))
    back = Guess(torch.tensor([4.0, 4.0]), torch.tensor([5.5, 5.5]), torch.tensor([0.2, 0.3]))
    logit = role_logit(forth, back)
    assert logit[0] < 0 < logit[1]
    assert torch.equal(role_logit(back, forth), -logit)
    cycles = 0.187390 * 224 / sigmas(forth, back, 224)
    expected = torch.tensor([[2**3.5, 2**5.0], [2**5.5, 2**4.0]])
    assert torch.allclose(cycles, expected, rtol=1e-4)
    assert torch.allclose(sigmas(back, forth, 224), sigmas(forth, back, 224).flip(-1))


def test_the_shipped_planner_is_small_and_says_where_it_comes_from() -> None:
    from alebrije.core.tensorfiles import read_safetensors
    from alebrije.hybrid.planning import planner

    path = Path(planner.__file__).with_name("planner.safetensors")
    assert path.stat().st_size < 3e6
    header = read_safetensors(path)[1]
    assert {"licence", "data", "recipe", "metrics", "sha256"} <= set(header)


def test_the_shipped_planner_takes_what_the_observer_takes() -> None:
    agreed, octaves = 0, []
    for seed in range(900, 916):
        picture, soft = creature(seed, 160).image, gaussian_blur(creature(seed + 300, 160).image, 3.0)
        plan, careful = shipped().plan(picture, soft, VIEWING), observer.plan(picture, soft, VIEWING)
        agreed += plan.low == careful.low
        if plan.low == careful.low:
            ratios = plan.cycles_low / careful.cycles_low, plan.cycles_high / careful.cycles_high
            octaves += [abs(math.log2(ratio)) for ratio in ratios]
    assert agreed >= 14
    assert sorted(octaves)[len(octaves) // 2] < 0.25


@pytest.mark.parametrize("size", [(160, 240), (240, 160), (100, 300)])
def test_pictures_of_other_proportions_than_those_learnt_from_are_understood(size: tuple[int, int]) -> None:
    """It learnt from squares, whose frequencies leave some of the lowest bands empty; those of other pictures do not."""
    lost = []
    for seed in range(900, 908):
        picture, soft = creature(seed, size).image, gaussian_blur(creature(seed + 300, size).image, 3.0)
        plan, careful = shipped().plan(picture, soft, VIEWING), observer.plan(picture, soft, VIEWING)
        assert plan.low == careful.low
        lost.append(careful.score - plan.score)
    assert sum(lost) / len(lost) < 0.1


def test_what_never_changed_in_the_lessons_does_not_count() -> None:
    torch.manual_seed(0)
    planner = Planner(8)
    planner.deviation[3] = LEAST
    described = torch.randn(2, SIZE)
    other = described.clone()
    other[:, 3] += 5.0
    with torch.no_grad():
        assert all(torch.equal(one, two) for one, two in zip(planner(described), planner(other), strict=True))
        other[:, 4] += 5.0
        assert not torch.equal(planner(described).low, planner(other).low)


def test_any_size_gets_nearly_the_same_plan() -> None:
    first, second = pair(30, 640)  # the observer is sure of the role: 0.561 against 0.531
    plans = [shipped().plan(resize(first, (side, side)), resize(second, (side, side)), VIEWING) for side in (320, 640)]
    assert plans[0].low == plans[1].low
    assert plans[0].cycles_low == pytest.approx(plans[1].cycles_low, rel=0.05)
    assert plans[0].cycles_high == pytest.approx(plans[1].cycles_high, rel=0.05)


def test_many_pairs_at_once_get_the_answers_of_each() -> None:
    pairs = [pair(seed) for seed in (1, 2, 3)]
    answers = load_answerer("planner")(torch.cat([one for one, _ in pairs]), torch.cat([other for _, other in pairs]))
    for index, (first, second) in enumerate(pairs):
        plan = load_planner("planner")(first, second, VIEWING)
        assert (answers.second_low[index] > 0) == (plan.low == "second")
        of_low = 0 if plan.low == "first" else 1
        assert float(answers.sigmas[index, of_low]) == pytest.approx(0.187390 * 224 / plan.cycles_low, rel=1e-4)


def test_what_is_no_planner_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no trained planner"):
        load_planner(str(tmp_path / "nothing"))
    write_safetensors(tmp_path / "other.safetensors", {"weight": torch.zeros(2, 2)}, {"recipe": "{}"})
    with pytest.raises(WeightsError, match="no planner"):
        load_planner(str(tmp_path / "other.safetensors"))
    write_safetensors(tmp_path / "theirs.safetensors", {"weight": torch.zeros(2, 2)}, {"recipe": "recipe: gan/dense\nsteps: 1"})
    with pytest.raises(WeightsError, match="no planner"):
        load_planner(str(tmp_path / "theirs.safetensors"))
    holed = Planner(4).state_dict() | {"mean": torch.full((SIZE,), math.nan)}
    write_safetensors(tmp_path / "holed.safetensors", holed, {"network": "hybrid-planner"})
    with pytest.raises(WeightsError, match="damaged"):
        load_planner(str(tmp_path / "holed.safetensors"))
    write_safetensors(tmp_path / "odd.safetensors", {"layers.0.weight": torch.zeros(4, 4)}, {"network": "hybrid-planner"})
    with pytest.raises(WeightsError, match="no planner"):
        load_planner(str(tmp_path / "odd.safetensors"))


def test_classic_pairs_get_plans_as_good_as_the_observers(assets: Path) -> None:
    folder = assets / "hybrid"
    for number, one, other in ((1, "dog", "cat"), (3, "marilyn", "einstein"), (2, "bicycle", "motorcycle")):
        first, second = (load(folder / f"{number}_{name}.png").pixels for name in (one, other))
        best = observer.plan(first, second, VIEWING).score
        assert best - 0.03 < shipped().plan(first, second, VIEWING).score <= best + 1e-6
