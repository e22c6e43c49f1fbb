"""The sources' experiments: tiny runs learn, resume to the same bits, and leave what they promise."""

from __future__ import annotations

import gzip
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from alebrije import events, steps
from alebrije.autoencoder.collection import collect
from alebrije.autoencoder.config import DenseConfig, LowresConfig
from alebrije.autoencoder.experiments import build_lowres, lowres_task
from alebrije.autoencoder.learning import measure, plan, restore
from alebrije.autoencoder.nets.dense import DenseAutoencoder
from alebrije.autoencoder.sampling import kept
from alebrije.core import image
from alebrije.data import known
from alebrije.errors import ConfigError, DataError, Interrupted
from alebrije.events import Events
from alebrije.runs import Run

CPU = {"precision": "fp32", "device": "cpu"}
GRAY = {**CPU, "validation": 4, "batch_size": 8}
SMALL = {**CPU, "size": 64, "width": 2, "pictures": 24, "batch_size": 4}


def blobs(count: int, size: int, channels: int, seed: int = 0) -> np.ndarray:
    """Bright round spots on a dark ground, at places of chance: uint8 [count, size, size, channels]."""
    chance = np.random.default_rng(seed)
    x = np.arange(size)
    centres = chance.uniform(0.25, 0.75, (count, channels, 2)) * size
    across, down = (np.exp(-(((x - centres[..., k, None]) / (0.2 * size)) ** 2)) for k in (0, 1))
    return (230 * np.einsum("ncx,ncy->nyxc", across, down) + 20).astype(np.uint8)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A data set in MNIST's format: 44 pictures of 8x8 to learn from, 6 to test with."""
    folder = tmp_path_factory.mktemp("digits")
    for names, count in zip(known.IDX_FILES.values(), (44, 6), strict=True):
        for name, array in zip(names, (blobs(count, 8, 1, count)[..., 0], np.arange(count) % 3), strict=True):
            head = bytes([0, 0, 8, array.ndim]) + b"".join(side.to_bytes(4, "big") for side in array.shape)
            (folder / f"{name}.gz").write_bytes(gzip.compress(head + array.astype(np.uint8).tobytes()))
    return str(folder)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder of 26 coloured pictures with tags, the last of them in a folder of its own."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "more").mkdir()
    lines = []
    for number, array in enumerate(blobs(26, 64, 3)):
        name = f"{number}.png" if number < 25 else "more/25.png"
        image.save(torch.from_numpy(array).movedim(-1, 0)[None].float() / 255, folder / name)
        lines.append(json.dumps({"file": name, "tags": ["all", "even" if number % 2 == 0 else "odd"]}))
    (folder / "metadata.jsonl").write_text("\n".join(lines))
    return str(folder)


def train(recipe: str, folder: Path, data: str, **settings: object) -> list[events.Event]:
    common = GRAY if recipe in ("dense", "denoise") else SMALL
    return list(steps.train(f"autoencoder/{recipe}", run=folder, **{**common, "data": data, **settings}))


@pytest.mark.parametrize("recipe", ["dense", "denoise"])
def test_on_a_data_set_they_learn_and_leave_everything(recipe: str, digits: str, tmp_path: Path) -> None:
    extra = {"latent_dim": 16} if recipe == "dense" else {}
    heard = train(recipe, tmp_path / "run", digits, epochs=20, learning_rate=0.02, **extra)
    run, done = Run(tmp_path / "run"), heard[-1]
    assert isinstance(done, events.Done)
    assert done.result.report["steps"] == 20 * (40 // 8)
    logged = run.metrics()
    assert logged["step"] == [5 * epoch for epoch in range(1, 21)]
    assert logged["epoch"] == list(range(1, 21))
    for split in ("train", "validation", "test"):
        assert logged[f"{split}_mse"][-1] < 0.7 * logged[f"{split}_mse"][0]
    metrics = done.result.report["metrics"]
    assert metrics["test_mse"] == pytest.approx(logged["test_mse"][-1], rel=1e-4)
    with safe_open(tmp_path / "run" / "model.safetensors", "pt") as model:
        header = model.metadata()
    assert json.loads(header["metrics"]) == metrics
    assert json.loads(header["data"]) == digits
    assert json.loads(header["recipe"])["recipe"] == f"autoencoder/{recipe}"
    samples = sorted((tmp_path / "run" / "samples").iterdir())
    assert len(samples) == 10
    rows = 2 if recipe == "dense" else 3
    assert image.load(samples[-1]).size == (6 * 56, rows * 56)
    assert (tmp_path / "run" / "report.html").is_file()
    assert (tmp_path / "run" / "plots" / "loss.png").is_file()


@pytest.mark.parametrize("number", [6, *(pytest.param(number, marks=pytest.mark.slow) for number in (1, 2, 3, 4, 5, 7, 8, 9))])
def test_all_nine_recipes_run(number: int, pictures: str, tmp_path: Path) -> None:
    done = train(f"lowres-{number}", tmp_path / "run", pictures, steps=2)[-1]
    assert isinstance(done, events.Done)
    assert done.result.report["steps"] == 2
    assert set(done.result.report["metrics"]) == {"train_mse", "validation_mse", "test_mse"}
    assert all(0 < value < 1 for value in done.result.report["metrics"].values())
    assert image.load(tmp_path / "run" / "samples" / "000002.png").size == (2 * 64, 3 * 64)  # of 4 others 2 are for the test
    network = build_lowres(LowresConfig(**SMALL), number)
    network.load_state_dict(kept.weights_of(load_file(tmp_path / "run" / "model.safetensors")))


@pytest.mark.parametrize("number", [3, pytest.param(5, marks=pytest.mark.slow)])
def test_low_resolution_is_learned(number: int, pictures: str, tmp_path: Path) -> None:
    train(f"lowres-{number}", tmp_path / "run", pictures, epochs=6, learning_rate=0.01)
    losses = Run(tmp_path / "run").metrics()
    assert losses["train_mse"][-1] < 0.6 * losses["train_mse"][0]
    assert losses["test_mse"][-1] < losses["test_mse"][0]


@pytest.mark.parametrize("recipe", ["denoise", "lowres-9"])
def test_a_stopped_training_goes_on_to_the_same_weights(recipe: str, digits: str, pictures: str, tmp_path: Path) -> None:
    data = digits if recipe == "denoise" else pictures
    common = GRAY if recipe == "denoise" else SMALL
    settings = {**common, "data": data, "steps": 8, "log_every": 3}
    list(steps.train(f"autoencoder/{recipe}", run=tmp_path / "whole", **settings))
    begun: Events = steps.train(f"autoencoder/{recipe}", run=tmp_path / "parts", **settings)
    seen = 0
    for event in begun:
        seen += isinstance(event, events.Step) and "train_mse" in event.values
        if seen == 4:
            break
    assert isinstance(begun.throw(Interrupted()), events.Warned)
    assert list(begun)[-1].interrupted  # type: ignore[union-attr]
    list(steps.train("", run=tmp_path / "parts", resume=True))
    whole, parts = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(parts[name], whole[name]) for name in whole)
    logs = [Run(tmp_path / name).metrics() for name in ("whole", "parts")]
    assert {name: values for name, values in logs[0].items() if name != "seconds"} == {
        name: values for name, values in logs[1].items() if name != "seconds"
    }


def test_the_collection_is_dealt_by_the_seed_and_knows_its_categories(pictures: str) -> None:
    def taken(seed: int, count: int = 26) -> list[list[int]]:
        collection = events.last(_with_result(collect(LowresConfig(data=pictures, size=16, pictures=count, seed=seed))))
        assert sum(len(part) for part in collection.splits().values()) == count
        assert {tag: len(places) for tag, places in collection.categories().items()} == {"even": 13, "odd": 13} or count < 26
        return [part.float().mean((1, 2, 3)).tolist() for part in collection.splits().values()]

    first, again, other = taken(0), taken(0), taken(1)
    assert first == again != other
    assert [len(part) for part in first] == [22, 2, 2]
    assert sorted(itertools.chain(*first)) == sorted(itertools.chain(*other))
    assert len([*itertools.chain(*taken(0, 20))]) == 20


def _with_result(generator: object) -> Events:
    """A generator that returns something as a verb that ends with it."""
    result = yield from generator  # type: ignore[misc,attr-defined]
    yield events.Done(result)


def test_the_test_is_always_the_same_and_is_the_definition(pictures: str) -> None:
    config = LowresConfig(data=pictures, **SMALL)
    network = build_lowres(config, 3)
    task = lowres_task(network, events.last(_with_result(collect(config))), config, 3)
    images = task.pictures["train"][:5]
    given, restored = restore(task, images, 0)
    assert given[:, :, :4, :4].amax((2, 3)).sub(given[:, :, :4, :4].amin((2, 3))).abs().max() == 0  # squares of 4x4
    wanted = (restored - images.float() / 255).square().mean().item()
    assert measure(task, images, 0) == pytest.approx(wanted, rel=1e-5) == measure(task, images, 0)


def test_epochs_become_steps() -> None:
    planned, notices = plan(DenseConfig(epochs=20, batch_size=32), 812)
    assert (planned.steps, planned.log_every, planned.sample_every, planned.checkpoint_every) == (500, 25, 50, 100)
    assert notices == []
    planned, notices = plan(DenseConfig(epochs=2, batch_size=32), 10)
    assert (planned.steps, planned.batch_size, planned.log_every) == (2, 10, 1)
    assert "10 pictures are less than a batch of 32" in notices[0]
    assert plan(DenseConfig(steps=3), 812)[0].steps == 3


@pytest.mark.parametrize(
    ("recipe", "settings", "message"),
    [
        ("dense", {"latent_dim": 64}, "squeezes nothing: a picture has only 64 numbers"),
        ("dense", {"validation": 44}, "44 pictures to learn from"),
        ("dense", {"data": "fashion-mnst"}, "did you mean fashion-mnist"),
        ("lowres-1", {"size": 66}, "cannot be reduced 4 times"),
        ("lowres-6", {"size": 32}, "too small for this network"),
        ("lowres-8", {"size": 12, "width": 1}, "size must be 16 or more"),
        ("lowres-3", {"reduction": "areal"}, "did you mean area"),
        ("lowres-3", {"unpool": "max"}, "unknown unpooling max"),
        ("lowres-3", {"data": "nowhere"}, "there is no folder nowhere"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_learned(
    recipe: str, settings: dict[str, object], message: str, digits: str, tmp_path: Path
) -> None:
    with pytest.raises((ConfigError, DataError), match=message):
        train(recipe, tmp_path / "run", **{"data": digits, **settings})  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()


def test_the_dense_network_fits_what_it_reads(digits: str) -> None:
    data = known.load(digits)
    assert DenseAutoencoder(tuple(data.images.shape[1:]), 5)(data.images.float() / 255).shape == data.images.shape  # type: ignore[arg-type]
