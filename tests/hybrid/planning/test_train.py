"""Training on labelled pairs: the schedule, the two stages, exact resuming, and what the run folder is left with.

The pictures are 32 pixels a side here, so that a training takes a second; the code is the one that runs at 224.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from alebrije import steps
from alebrije.core import image
from alebrije.core.filters import gaussian_blur
from alebrije.core.tensorfiles import write_safetensors
from alebrije.data.pairs import Label, split_pairs, write_labels
from alebrije.errors import ConfigError, DataError, Interrupted, NumericsError, WeightsError
from alebrije.events import Done, Event, Saved, Step, Warned
from alebrije.features import layouts
from alebrije.hybrid.planning import networks, train
from alebrije.hybrid.planning.answers import SMALLEST
from alebrije.hybrid.planning.config import PairTrainConfig
from alebrije.runs import Run

PAIRS = 10  # 8 to learn from, in both orders, and 2 for the test
FAST: dict[str, Any] = {"epochs": 2, "frozen_epochs": 1, "batch_size": 4, "device": "cpu", "precision": "fp32"}
EPOCH = 2 * 8 // 4


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "SIZE", 32)


@pytest.fixture
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without curves and report, which take longer than these trainings."""
    monkeypatch.setattr(train, "keep_curves", lambda run: [])
    monkeypatch.setattr(train, "write_report", lambda run: run.folder / "report.html")


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Pairs whose labels can be seen: one picture is coarser than the other, and is the low one, with the larger sigma."""
    folder, labels = tmp_path / "pairs", list[Label | None]()
    folder.mkdir()
    for number in range(1, PAIRS + 1):
        low = number % 2
        for place in (0, 1):
            picture = gaussian_blur(torch.rand(1, 3, 32, 32), 2.0 if place == low else 0.4)
            image.save(picture, folder / f"{number}_{place}.png")
        labels.append(Label(low, *((1.0, 4.0) if low else (4.0, 1.0))))
    write_labels(folder, labels, reference=32)
    return folder


def learn(pairs: Path, folder: Path, kind: str = "simple", **settings: Any) -> tuple[list[Event], dict[str, Any]]:
    heard = list(steps.train(f"hybrid/{kind}", run=folder, **FAST | {"data": str(pairs)} | settings))
    done = heard[-1]
    assert isinstance(done, Done)
    return heard, done.result.report


def warnings(heard: list[Event]) -> list[str]:
    return [event.message for event in heard if isinstance(event, Warned)]


def header(folder: Path) -> dict[str, Any]:
    with safe_open(folder / "model.safetensors", "pt") as model:
        return {name: json.loads(value) for name, value in model.metadata().items()}


def body(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if name.startswith("body")}


@pytest.fixture
def pretrained(tmp_path: Path) -> Path:
    """A random network simple as a trained one is kept."""
    save_file(networks.build("simple").state_dict(), tmp_path / "before.safetensors")
    return tmp_path / "before.safetensors"


@pytest.mark.parametrize("count", [5, 10, 33, 400])
def test_one_cycle_is_torchs(count: int) -> None:
    weight = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=1.0)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3.0, total_steps=count, cycle_momentum=False)
    for step in range(count):
        assert 3 * train.one_cycle(step, count) == pytest.approx(scheduler.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        scheduler.step() if step + 1 < count else None


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_very_short_cycles_stay_between_nothing_and_the_peak(count: int) -> None:
    assert all(0 < train.one_cycle(step, count) <= 1 for step in range(count))


def test_each_stage_has_its_own_cycle_and_the_second_half_the_peak() -> None:
    factors = [train.rate_factor("one-cycle", step, 20, 120) for step in range(120)]
    assert factors[:20] == [train.one_cycle(step, 20) for step in range(20)]
    assert factors[20:] == [train.one_cycle(step, 100) / 2 for step in range(100)]
    assert max(factors[20:]) == 0.5
    assert max(train.rate_factor("one-cycle", step, 0, 100) for step in range(100)) == 1  # one stage: the whole rate
    assert [train.rate_factor("constant", step, 2, 4) for step in range(4)] == [1, 1, 0.5, 0.5]


def test_steps_follow_from_epochs_or_are_parted_like_them() -> None:
    config, frozen, notices = train.plan(PairTrainConfig(epochs=30, frozen_epochs=3, batch_size=16), 116, pretrained=True)
    assert (config.steps, frozen, config.log_every, notices) == (33 * 14, 3 * 14, 14, [])
    config, frozen, _ = train.plan(PairTrainConfig(epochs=30, frozen_epochs=3), 116, pretrained=False)
    assert (config.steps, frozen) == (30 * 14, 0)
    config, frozen, _ = train.plan(PairTrainConfig(steps=110, epochs=30, frozen_epochs=3), 116, pretrained=True)
    assert (config.steps, frozen) == (110, 10)
    config, _, notices = train.plan(PairTrainConfig(batch_size=64), 8, pretrained=False)
    assert (config.batch_size, config.steps) == (16, 30)
    assert notices == ["8 pairs in both orders are less than a batch of 64: batches hold 16"]


def test_training_leaves_everything_the_run_folder_promises(pairs: Path, tmp_path: Path) -> None:
    heard, report = learn(pairs, tmp_path / "run")
    folder, figures = tmp_path / "run", {"accuracy", "mae_first", "mae_second", "mae", "median_octave"}
    assert json.loads(json.dumps(report))["steps"] == 2 * EPOCH
    assert set(report["metrics"]) == figures
    saved = {event.path.relative_to(folder).as_posix() for event in heard if isinstance(event, Saved)}
    assert saved >= {"plots/loss.png", "plots/mae.png", "plots/accuracy.png", "model.safetensors", "report.html"}
    assert all((folder / name).is_file() for name in saved)
    assert image.load(folder / "samples" / f"{2 * EPOCH:06d}.png").size == (2 * 32, 2 * 32)
    rows = Run(folder).metrics()
    assert rows["step"] == [EPOCH, 2 * EPOCH]  # a row each epoch, train and test beside each other
    assert set(rows) >= {"loss", "mae", "accuracy", "test_loss", "test_mae", "test_accuracy"}
    kept = header(folder)
    assert (kept["network"], kept["data"], kept["licence"]) == ("simple", str(pairs), "of whoever trained it")
    assert set(kept["metrics"]) >= figures | {"accuracy_interval", "confusion"}
    assert len(kept["data_fingerprint"]) == 64
    _, test = split_pairs(PAIRS, 0.8, 0)
    assert kept["test_pairs"] == [place + 1 for place in test]
    assert sorted(kept["training_pairs"] + kept["test_pairs"]) == list(range(1, PAIRS + 1))
    network = networks.build("simple")
    network.load_state_dict(load_file(folder / "model.safetensors"))


@pytest.mark.usefixtures("_bare")
def test_the_figures_are_those_of_the_network_that_is_kept(pairs: Path, tmp_path: Path) -> None:
    _, report = learn(pairs, tmp_path / "run")
    network = networks.build("simple").eval()
    network.load_state_dict(load_file(tmp_path / "run" / "model.safetensors"))
    errors, right = [], []
    for number in header(tmp_path / "run")["test_pairs"]:
        first, second = (image.load(pairs / f"{number}_{place}.png").pixels for place in (0, 1))
        sigmas, role = network(first, second)
        low = number % 2
        truth = torch.tensor([1.0, 4.0] if low else [4.0, 1.0])
        errors.append((sigmas[0].detach().clamp_min(SMALLEST) - truth).abs())
        right.append(float((float(role.detach()) > 0) == bool(low)))
    first_error, second_error = torch.stack(errors).mean(0).tolist()
    assert report["metrics"]["mae_first"] == pytest.approx(first_error, rel=1e-4)
    assert report["metrics"]["mae_second"] == pytest.approx(second_error, rel=1e-4)
    assert report["metrics"]["accuracy"] == pytest.approx(sum(right) / len(right))


@pytest.mark.usefixtures("_bare")
@pytest.mark.parametrize("stop", [2, EPOCH, EPOCH + 3])  # in the frozen stage, at its end, after it
def test_stopped_and_resumed_equals_undisturbed(stop: int, pairs: Path, pretrained: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"start": str(pretrained), "optimizer": "adamw", "ema_decay": 0.9, "log_every": 3}
    learn(pairs, tmp_path / "whole", **settings)
    begun = steps.train("hybrid/simple", run=tmp_path / "parts", **FAST | {"data": str(pairs)} | settings)
    for event in begun:
        if isinstance(event, Step) and event.index == stop and event.values:
            break
    begun.throw(Interrupted())
    list(begun)
    torch.manual_seed(99)
    pretrained.unlink()  # a run that goes on has its weights
    list(steps.train("", run=tmp_path / "parts", resume=True))
    whole, parts = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(parts[name], whole[name]) for name in whole)
    one, other = (Run(tmp_path / name).metrics() for name in ("whole", "parts"))
    assert {**one, "seconds": 0} == {**other, "seconds": 0}


@pytest.mark.usefixtures("_bare")
def test_the_body_stands_still_in_the_first_stage_and_moves_in_the_second(pairs: Path, pretrained: Path, tmp_path: Path) -> None:
    before = load_file(pretrained)
    # 2 steps of 6 are the frozen stage's
    learn(pairs, tmp_path / "run", start=str(pretrained), steps=6, checkpoint_every=2, keep_checkpoints=9)
    frozen, after = (load_file(tmp_path / "run" / "checkpoints" / name / "tensors.safetensors") for name in ("000002", "000004"))
    for name, tensor in body(before).items():
        assert torch.equal(frozen[f"networks/network/{name}"], tensor), name
        assert not torch.equal(after[f"networks/network/{name}"], tensor), name
    assert not torch.equal(frozen["networks/network/role.weight"], before["role.weight"])


@pytest.mark.usefixtures("_bare")
def test_the_last_steps_see_whole_pictures(pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []
    monkeypatch.setattr(train, "augment", lambda batch, smallest, degrees: seen.append(smallest) or batch)
    learn(pairs, tmp_path / "run", steps=10, whole_share=0.3, smallest_crop=0.5)
    assert seen == [0.5] * 7 + [1.0] * 3
    learn(pairs, tmp_path / "plain", steps=2, augment=False)
    assert len(seen) == 10


@pytest.mark.usefixtures("_bare")
def test_from_scratch_there_is_no_frozen_stage(pairs: Path, tmp_path: Path, cache: Path) -> None:
    heard, report = learn(pairs, tmp_path / "run", "resnet18", steps=1, frozen_epochs=3)
    (told,) = warnings(heard)
    assert "weights fetch resnet18" in told
    assert header(tmp_path / "run")["start"] == "scratch"
    assert report["steps"] == 1


def test_imagenet_weights_are_taken_where_they_are_at_hand(tmp_path: Path, cache: Path) -> None:
    table = {name: torch.rand(shape) for name, shape in layouts.shapes("resnet18").items()}
    (cache / "weights").mkdir()
    write_safetensors(cache / "weights" / "resnet18.safetensors", table, {"network": "resnet18"})
    network = networks.build("siamese")
    assert train.begin(network, "siamese", "auto", Run(tmp_path)) == ("imagenet", [])
    assert all(torch.equal(network.body.state_dict()[name], tensor) for name, tensor in table.items())
    assert train.begin(networks.build("simple"), "simple", "auto", Run(tmp_path)) == ("scratch", [])


def test_where_training_may_begin(tmp_path: Path, cache: Path, pretrained: Path) -> None:
    network, run = networks.build("simple"), Run(tmp_path)
    with pytest.raises(WeightsError, match="alebrije weights fetch resnet18"):
        train.begin(networks.build("siamese"), "siamese", "imagenet", run)
    with pytest.raises(WeightsError, match="no ImageNet weights"):
        train.begin(network, "simple", "imagenet", run)
    with pytest.raises(WeightsError, match=r"cannot start from nowhere: .* start is auto, imagenet, scratch"):
        train.begin(network, "simple", "nowhere", run)
    with pytest.raises(WeightsError, match="it is another network"):
        train.begin(networks.build("siamese"), "siamese", str(pretrained), run)
    train.begin(network, "simple", str(pretrained), run)
    assert all(torch.equal(network.state_dict()[name], tensor) for name, tensor in load_file(pretrained).items())


@pytest.mark.usefixtures("_bare")
def test_it_learns_what_can_be_seen(pairs: Path, tmp_path: Path) -> None:
    learn(pairs, tmp_path / "run", epochs=40, learning_rate=0.03, augment=False)
    rows = Run(tmp_path / "run").metrics()
    assert rows["accuracy"][-1] > 0.9
    assert rows["mae"][-1] < 0.3 * rows["mae"][0]
    assert rows["test_mae"][-1] < 1.0  # always telling 2.5 errs by 1.5


def test_numbers_that_run_away_end_in_one_line(pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(NumericsError, match="lower learning_rate"):
        learn(pairs, tmp_path / "run", optimizer="sgd", learning_rate=1e30, schedule="constant", epochs=20)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"data": ""}, "--data PAIRS"),
        ({"schedule": "onecycle"}, "did you mean one-cycle"),
        ({"head_init": "zero"}, "unknown head_init zero"),
        ({"optimizer": "adan"}, "did you mean adam"),
        ({"batch_size": 1}, "batch_size must be greater than 1"),
        ({"smallest_crop": 0}, "smallest_crop must be greater than 0"),
        ({"weight_decay": -1}, "weight_decay must be 0 or more"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], message: str, pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        learn(pairs, tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()


def test_a_folder_without_pairs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        learn(tmp_path, tmp_path / "run")
