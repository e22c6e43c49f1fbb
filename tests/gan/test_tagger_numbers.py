"""What a tagger reckons with: which tags tell most, what rare ones weigh, how well they are found."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from alebrije.gan import tagging


def column(*places: int, of: int = 100) -> NDArray[np.bool_]:
    """Which of `of` pictures have a tag: those from the first place up to the second, and so on."""
    found = np.zeros(of, np.bool_)
    for start, end in zip(places[::2], places[1::2], strict=True):
        found[start:end] = True
    return found


def test_tags_nearest_to_half_are_chosen_and_not_those_that_all_or_none_have() -> None:
    members = {
        "all": column(0, 100), "none": column(), "rare": column(0, 2), "third": column(0, 17, 50, 67), "half": column(0, 50),
        "most": column(20, 90),
    }  # fmt: skip
    assert tagging.telling(members, 3) == ["half", "third", "most"]
    assert tagging.telling(members, 7) == ["half", "third", "most", "rare"]
    assert tagging.telling({"all": column(0, 100)}, 3) == []
    assert tagging.telling({}, 3) == []


def test_a_tag_that_says_the_same_or_the_opposite_is_left_out() -> None:
    half = column(0, 50)
    members = {"female": half, "woman": column(0, 51), "male": ~half, "tall": column(25, 77)}
    assert tagging.correlation(half, ~half) == pytest.approx(-1)
    assert tagging.telling(members, 5) == ["female", "tall"]
    close = column(0, 47)  # correlation 0.94
    assert tagging.telling({"a": half, "b": close}, 2) == ["a"]
    assert tagging.telling({"a": half, "b": column(0, 44)}, 2) == ["a", "b"]  # 0.89


def test_correlation_is_pearsons() -> None:
    rng = np.random.default_rng(0)
    for share in (0.1, 0.5, 0.8):
        one, other = rng.random(200) < share, rng.random(200) < 0.4
        assert tagging.correlation(one, other) == pytest.approx(np.corrcoef(one, other)[0, 1])
    assert tagging.correlation(one, column(of=200)) == 0


def test_rare_answers_weigh_as_much_more_as_they_are_rarer() -> None:
    shares = {"half": 0.5, "quarter": 0.25, "fifth": 0.2, "most": 0.9, "never": 0.0, "once": 0.01}
    tags = torch.stack([torch.arange(100) < round(100 * share) for share in shares.values()], 1)
    yes, no = tagging.weights(tags)
    assert yes.tolist() == pytest.approx([1, 1, 4, 1, tagging.MOST_WEIGHT, tagging.MOST_WEIGHT])
    assert no.tolist() == pytest.approx([1, 1, 1, 9, 1, 1])
    for place in (2, 3):  # both answers together weigh the same
        assert float(yes[place] * tags[:, place].sum()) == pytest.approx(float(no[place] * (~tags[:, place]).sum()))


def test_the_loss_is_the_cross_entropy_with_its_weights() -> None:
    logits, tags = torch.randn(6, 3), torch.rand(6, 3) > 0.5
    ones = torch.ones(3)
    plain = -torch.where(tags, logits.sigmoid().log(), (-logits).sigmoid().log())
    torch.testing.assert_close(tagging.loss(logits, tags, ones, ones), plain.mean())
    theirs = F.binary_cross_entropy_with_logits(logits, tags.float(), pos_weight=torch.tensor([4.0, 1, 2]))
    torch.testing.assert_close(tagging.loss(logits, tags, torch.tensor([4.0, 1, 2]), ones), theirs)


@pytest.mark.parametrize("levels", [3, 20, 10**6])
def test_average_precision_is_sklearns(levels: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    for _ in range(20):
        scores, wanted = torch.randint(levels, (57,)), torch.rand(57) < torch.rand(1)
        wanted[7] = True
        expected = metrics.average_precision_score(wanted.numpy(), scores.numpy())
        assert tagging.average_precision(scores, wanted) == pytest.approx(expected)


def test_average_precision_where_it_is_known() -> None:
    wanted = torch.tensor([True, True, False, False])
    assert tagging.average_precision(torch.tensor([4, 3, 2, 1]), wanted) == 1
    assert tagging.average_precision(torch.tensor([1, 2, 3, 4]), wanted) == pytest.approx((1 / 3 + 2 / 4) / 2)
    assert tagging.average_precision(torch.zeros(4), wanted) == 0.5
    assert math.isnan(tagging.average_precision(torch.zeros(2), torch.zeros(2, dtype=torch.bool)))


def test_scores_are_sklearns() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    logits, tags = torch.randn(80, 2), torch.rand(80, 2) > 0.6
    for place, score in enumerate(tagging.score(logits, tags, torch.tensor([False, True]))):
        wanted, said = tags[:, place].numpy(), (logits[:, place] > 0).numpy()
        assert score.counts == metrics.confusion_matrix(wanted, said, labels=[True, False]).tolist()
        assert score.precision == pytest.approx(metrics.precision_score(wanted, said))
        assert score.recall == pytest.approx(metrics.recall_score(wanted, said))
        assert score.accuracy == pytest.approx(metrics.accuracy_score(wanted, said))
        assert score.balanced_accuracy == pytest.approx(metrics.balanced_accuracy_score(wanted, said))
        assert score.baseline == pytest.approx(wanted.mean() if place else 1 - wanted.mean())


def test_what_cannot_be_said_is_left_out() -> None:
    (score,) = tagging.score(torch.tensor([[-1.0], [-2.0]]), torch.tensor([[False], [False]]), torch.tensor([False]))
    assert score.row() == {"accuracy": 1, "baseline": 1}
    assert tagging.means([score]) == {"accuracy": 1, "baseline": 1}
