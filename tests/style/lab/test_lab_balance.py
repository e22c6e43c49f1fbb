"""All painters begin with the same pull; the scores of a painting mean what they say."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from alebrije import features
from alebrije.core.image import Picture, resize, to_gray
from alebrije.errors import ConfigError
from alebrije.features import Extractor
from alebrije.features.stlpips import STLPIPS
from alebrije.style.config import StylizeConfig
from alebrije.style.lab.balance import Pull, equal_pulls, noised
from alebrije.style.lab.config import LabConfig, painter_settings
from alebrije.style.lab.judging import JUDGES, Scene, at_distance, held_out, judge, scene, ssim
from alebrije.style.lab.painting import FAILING, WORKING, chosen_painters
from alebrije.style.objective import layers, measure, with_gradient

CONFIG = LabConfig(size="48", steps=3, precision="fp32")


def smooth(height: int, width: int, seed: int) -> Tensor:
    return resize(torch.rand(1, 3, 6, 8, generator=torch.Generator().manual_seed(seed)), (height, width))


@pytest.fixture(scope="module")
def look() -> Extractor:
    return features.load("compact", layers(StylizeConfig()))


@pytest.fixture(scope="module")
def pair() -> Scene:
    return Scene(smooth(32, 40, 1), smooth(40, 36, 2))


def pulls(look: Extractor, pair: Scene, painters: Mapping[str, StylizeConfig], weight: float = 20.0) -> dict[str, Pull]:
    return equal_pulls(look, pair.content, pair.style, painters, weight, painter_settings(CONFIG, "gram", 1.0))


def test_every_painter_begins_with_the_gradient_that_gram_has(look: Extractor, pair: Scene) -> None:
    found = pulls(look, pair, {name: painter_settings(CONFIG, name, 1.0) for name in WORKING})
    assert found["gram"].weight == pytest.approx(20)
    assert set(found) == set(WORKING)

    def norm(painter: str) -> float:  # of the whole objective without content and smoothness, as the optimiser sees it
        settings = painter_settings(CONFIG, painter, found[painter].weight)
        alone = settings.model_copy(update={"content_weight": 0.0, "tv_weight": 0.0})
        evaluate = with_gradient(measure(look, pair.content, [pair.style], settings), alone)
        return float(evaluate(noised(pair.content))[1].norm())

    wanted = norm("gram")
    assert wanted > 0
    for painter in WORKING:
        assert norm(painter) == pytest.approx(wanted, rel=1e-3), painter


def test_the_pull_does_not_depend_on_who_else_paints(look: Extractor, pair: Scene) -> None:
    alone = pulls(look, pair, {"sliced": painter_settings(CONFIG, "sliced", 1.0)})
    both = pulls(look, pair, {name: painter_settings(CONFIG, name, 7.0) for name in ("bn", "sliced")})
    assert alone["sliced"] == both["sliced"]
    double = pulls(look, pair, {"sliced": painter_settings(CONFIG, "sliced", 1.0)}, weight=40.0)
    assert double["sliced"].weight == pytest.approx(2 * alone["sliced"].weight)


def test_who_has_no_gradient_keeps_the_weight(look: Extractor, pair: Scene) -> None:
    nothing = painter_settings(CONFIG, "cooccurrence-vector", 1.0).model_copy(update={"threshold": 1e9})  # a gate never open
    found = pulls(look, pair, {"cooccurrence-vector": nothing})["cooccurrence-vector"]
    assert found == Pull(20.0, 0.0)


def test_painters_go_by_loss_and_form() -> None:
    assert chosen_painters(("all",)) == WORKING
    assert "cooccurrence-pairwise" in WORKING
    assert len(FAILING) == 6
    assert chosen_painters(("everything",)) == (*WORKING, *FAILING)
    named = ("bn", "cooccurrence", "bn", "cooccurrence-tensor")
    assert chosen_painters(named) == ("bn", "cooccurrence-pairwise", "cooccurrence-tensor")
    with pytest.raises(ConfigError, match="did you mean sliced"):
        chosen_painters(("slicd",))
    settings = painter_settings(CONFIG, "cooccurrence-gram-vector", 3.0)
    assert (settings.loss, settings.form, settings.style_weight, settings.size) == ("cooccurrence", "gram-vector", 3.0, "48")


@pytest.mark.parametrize("network", ["compact", "vgg16", "vgg19"])
def test_judges_look_where_no_painter_looks(network: str) -> None:
    found = held_out(network)
    assert {"relu1_2", "relu2_2", "relu3_2"} <= set(found)
    assert not set(found) & set(layers(StylizeConfig()))
    assert set(found) <= set(features.NETWORKS[network].layers)


def test_scores_are_zero_at_their_target_and_one_judge_stands_for_equal_statistics(pair: Scene) -> None:
    watch = features.load("compact", [*held_out("compact"), "relu4_2"])
    assert "mmd-polynomial" not in JUDGES
    scores = judge(watch, pair, CONFIG, None)
    same, other = scores(pair.content), judge(watch, Scene(pair.content, pair.content), CONFIG, None)(pair.content)
    distances = [at_distance(distance) for distance in (0, 1, 2, 4, 8, 16)]  # 32 is more than half of the style
    assert list(same) == [*JUDGES, "content distance", "SSIM", *distances]
    assert all(other[distance] == 0 < same[distance] for distance in distances)
    assert same["content distance"] == 0
    assert same["SSIM"] == pytest.approx(1)
    for name in JUDGES:
        assert other[name] == pytest.approx(0, abs=2e-3), name
        assert same[name] > max(10 * abs(other[name]), 1e-3), name


def test_st_lpips_joins_where_its_weights_are_at_hand(pair: Scene) -> None:
    watch = features.load("compact", [*held_out("compact"), "relu4_2"])
    metric = STLPIPS()
    with torch.no_grad():
        for name, weights in metric.named_parameters():
            if name.startswith("lin"):
                _ = weights.abs_()
    scores = judge(watch, pair, CONFIG, metric)
    assert scores(pair.content)["ST-LPIPS"] == 0
    assert scores(noised(pair.content))["ST-LPIPS"] > 0


def test_ssim_is_torchmetrics_ssim() -> None:
    one = to_gray(smooth(60, 44, 3))
    other = (one + 0.1 * torch.randn(one.shape, generator=torch.Generator().manual_seed(4))).clamp(0, 1)
    theirs = structural_similarity_index_measure(other, one, data_range=1.0, return_full_image=True)[1]
    inside = theirs[..., 5:-5, 5:-5].mean()  # torchmetrics averages over its mirrored borders too
    assert float(ssim(other, one)) == pytest.approx(float(inside), abs=1e-5)
    assert float(ssim(one, one)) == pytest.approx(1)
    assert float(ssim(one[..., :8, :4], one[..., :8, :4])) == pytest.approx(1)


def test_a_scene_has_the_size_of_the_result() -> None:
    content, style = Picture(smooth(60, 120, 5)), Picture(smooth(200, 100, 6))
    found = scene(content, style, LabConfig(size="64"))
    assert (found.content.shape[-2:], found.style.shape[-2:]) == ((32, 64), (64, 32))
    assert scene(content, style, LabConfig(size="500")).content.shape[-2:] == (60, 120)
    assert scene(content, style, LabConfig(size="40x48")).content.shape[-2:] == (48, 40)
    assert scene(Picture(smooth(1, 100, 7)), style, LabConfig(size="64")).content.shape[-2:] == (32, 64)
