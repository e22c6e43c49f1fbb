"""What is written down, what the referee sees and says, and generators at work."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from alebrije import events, steps
from alebrije.config import build
from alebrije.core.generating import GenerateConfig
from alebrije.errors import ConfigError, RunError, WeightsError
from alebrije.gan import generate, growing, nets, record, referee, show, use
from alebrije.gan.config import ProganConfig
from alebrije.gan.data import Pictures, spread
from alebrije.gan.run import KINDS
from alebrije.runs import Run


def test_who_was_right() -> None:
    counts = record.confusion(torch.tensor([1.0, 2, -1]), torch.tensor([-1.0, -2, -3]))
    assert counts == [[2, 1], [0, 3]]
    assert record.accuracy(counts) == pytest.approx(5 / 6)
    assert record.confusion(torch.tensor([10.0, 12]), torch.tensor([8.0, 9]), 9.75) == [[2, 0], [0, 2]]
    assert record.border(torch.tensor([10.0, 12]), torch.tensor([8.0, 9]), absolute=False) == 9.75


def test_lengths_of_gradients_by_layer() -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    network(torch.randn(4, 2)).sum().backward()
    norms = record.layer_norms(network)
    expected = torch.cat([network[0].weight.grad.flatten(), network[0].bias.grad]).norm()  # type: ignore[union-attr]
    assert list(norms) == ["0", "1"]
    assert norms["0"] == pytest.approx(float(expected))
    assert record.sizes(network) == {"0": 9, "1": 4}


@pytest.mark.parametrize(
    ("norms", "sign"),
    [
        ({"a": 1.0, "b": 1.0, "c": 1.0}, None),
        ({"a": 1.0, "b": float("nan"), "c": 1.0}, "exploding gradients"),
        ({"a": 1.0, "b": 500.0, "c": 1.0}, "exploding gradients"),
        ({"a": 1e-9, "b": 1e-9, "c": 1e-9}, "vanishing gradients"),
        ({"a": 1e-6, "b": 1.0, "c": 1.0}, "vanishing gradients"),
    ],
)
def test_signs_of_bad_gradients_have_their_names(norms: dict[str, float], sign: str | None) -> None:
    found = record.signs(norms, [1.0] * 50, dict.fromkeys(norms, 10))
    assert [name for name, _ in found] == ([sign] if sign else [])
    assert sign is None or sign in record.ADVICE


def test_blocks_that_begin_at_zero_raise_no_alarm() -> None:
    steep = {"a": 1e-6, "b": 1.0, "c": 1.0}
    assert record.signs(steep, [1.0] * 2, dict.fromkeys(steep, 10)) == []


def test_the_border_of_logits_that_still_learn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert record.border(torch.ones(3, requires_grad=True), torch.zeros(3, requires_grad=True), absolute=False) == 0.5


def test_gradients_after_none_are_no_division_by_nothing() -> None:
    ((name, seen),) = record.signs({"a": 1.0}, [0.0] * 50, {"a": 10})
    assert name == "exploding gradients"
    assert "times as long as before" in seen


def test_pictures_from_all_over_the_data_stand_for_them() -> None:
    classes = torch.eye(4, dtype=torch.bool).repeat_interleave(300, 0)  # in the order of their classes, as folders are read
    none = torch.zeros(1200, 1, 1, 1, dtype=torch.uint8)
    pictures = Pictures(none, classes, none[:0], classes[:0], ("a", "b", "c", "d"), "", "")
    assert [sum(column) for column in zip(*pictures.tag_rows, strict=True)] == [64] * 4
    assert spread(5, 3).unique().tolist() == [0, 1, 2]
    assert spread(3, 3).tolist() == [0, 1, 2]
    assert Pictures(none, classes[:, :0], none[:0], classes[:0, :0], (), "", "").tag_rows == []


def test_rows_of_gradients_after_a_checkpoint_are_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "gradients.csv"
    for step in (10, 20):
        record.append(path, step, "generator", {"a": 1.5, "b": step})
    before = path.read_text()
    record.append(path, 30, "generator", {"a": 2.0})
    with path.open("a") as file:
        file.write("40,gen")
    record.forget_after(path, 20)
    assert path.read_text() == before
    assert record.by_layer(path, "generator")["b"] == ([10, 20], [10, 20])


def test_means_of_epochs() -> None:
    columns = {"epoch": [0.5, 1.0, 1.5, 2.0], "a": [1.0, 3.0, 5.0, 6.0]}
    assert record.per_epoch(columns, ["a"]) == {"epoch": [1, 2], "a": [2.0, 5.5]}


def test_what_the_referee_measures() -> None:
    images = torch.rand(8, 3, 32, 32)
    assert referee.differences(images[:1].expand(8, -1, -1, -1)) == pytest.approx(0, abs=1e-3)
    assert referee.differences(2 * images) == pytest.approx(2 * referee.differences(images), rel=1e-4)
    high, low = torch.full((4,), 3.0), torch.full((4,), -1.0)
    assert referee.by_heart(high, torch.full((4,), 1.0), low) == pytest.approx(0.5)
    assert referee.by_heart(high, low, low) == 1
    assert referee.by_heart(high, high, low) == 0
    real = torch.rand(64, 3, 8, 8) * 0.2
    spoiled = real + torch.rand(64, 1, 1, 1) * 2 - 1
    assert referee.leaks(real, spoiled, spoiled)["brightness"] == pytest.approx(1)
    assert referee.leaks(real, spoiled, real)["brightness"] == 0


@pytest.mark.parametrize(
    ("findings", "right", "names"),
    [
        (referee.Findings(0.9, 0.1, {}), 0.8, []),
        (referee.Findings(0.1, None, {}), 0.8, ["collapse"]),
        (referee.Findings(0.9, 0.9, {}), 0.8, ["overfitting"]),
        (referee.Findings(0.9, 0.1, {"contrast": 0.2, "brightness": 0.8}), 0.8, ["leaking"]),
        (referee.Findings(0.9, 0.1, {}), 1.0, ["too easy"]),
    ],
)
def test_what_the_referee_says(findings: referee.Findings, right: float, names: list[str]) -> None:
    said = referee.judge(findings, right, 0.4)
    assert [name for name, _ in said] == names
    assert all("brightness" in sentence and "30%" in sentence for name, sentence in said if name == "leaking")
    if names == ["collapse"]:
        assert not referee.judge(findings, right, 0.4, most=0.2)  # it has never been better: that is a beginning


def test_the_referee_does_not_repeat_itself() -> None:
    extra: dict[str, Any] = {"said": {}, "remarks": []}
    heard = [len(referee.heard(extra, step, 10, [("collapse", "it did")])) for step in range(10, 250, 10)]
    assert [step for step, new in enumerate(heard, 1) if new] == [1, 11, 21]
    assert extra["remarks"][0] == [10, "collapse: it did"]


def test_the_timetable_of_growing() -> None:
    config = build(ProganConfig, {"stage_steps": 15_000})
    assert growing.steps(config) == 75_000
    places = [growing.place(config, step) for step in (0, 14_999, 15_000, 20_000, 25_000, 74_999)]
    assert [place.stage for place in places] == [0, 0, 1, 1, 1, 4]
    assert [place.alpha for place in places] == pytest.approx([1, 1, 0.2, 0.6, 1, 1])
    assert [place.begins for place in places] == [True, False, True, False, False, False]
    assert [place.ends for place in places] == [False, True, False, False, False, True]
    assert all(place.discriminator_alpha == 1 for place in places)


def test_grids_have_white_between() -> None:
    sheet = show.grid(-torch.ones(7, 1, 4, 4), 5)
    assert sheet.shape == (1, 3, 16 * (2 * 4 + 2), 16 * (5 * 4 + 4 * 2))
    assert float(sheet[0, 0, 0, 0]) == 0
    assert float(sheet[0, 0, -1, -1]) == 1  # the last row is not full


def test_the_nearest_picture_is_found() -> None:
    learnt = torch.randint(0, 256, (30, 3, 20, 20), dtype=torch.uint8)
    images = learnt[[4, 17]].float() / 127.5 - 1 + 0.01 * torch.randn(2, 3, 20, 20)
    assert show.nearest(images, learnt).tolist() == [4, 17]


def model(folder: Path, kind: str, shape: tuple[int, int, int], tags: tuple[str, ...] = (), **settings: Any) -> Path:
    """A run folder with an untrained generator."""
    network, settings_model = KINDS[kind]
    config = build(settings_model, {"width": 0.05, "latent_dim": 5, "size": f"{shape[2]}x{shape[1]}", "tags": tags, **settings})
    run = Run.create(folder)
    run.write_recipe(f"gan/{kind}", config)
    generator, _ = nets.build(network, config, shape, len(tags))
    run.write_model(generator.state_dict(), {"network": network, "shape": shape, "tags": tags, "stage": 1})
    return folder


@pytest.mark.parametrize(
    ("kind", "shape", "drawn"),
    [("dcgan28", (1, 28, 28), (1, 28, 28)), ("style", (3, 16, 24), (3, 16, 24)), ("progan128", (3, 16, 16), (3, 8, 8))],
)
def test_a_generator_is_opened_and_draws(kind: str, shape: Any, drawn: Any, tmp_path: Path) -> None:
    opened = use.open_generator(model(tmp_path / "run", kind, shape, **({"stages": 3} if kind == "progan128" else {})))
    assert (opened.recipe, opened.shape, opened.tags) == (f"gan/{kind}", drawn, ())
    codes = use.latents(opened, 40, seed=3)
    assert torch.equal(use.latents(opened, 3, seed=3), codes[:3])
    images = use.generate(opened, codes)
    assert images.shape == (40, *drawn)
    assert float(images.min()) >= 0
    assert float(images.max()) <= 1
    torch.testing.assert_close(use.generate(opened, codes[33:34]), images[33:34], atol=1e-5, rtol=0)
    if kind == "progan128":
        with pytest.raises(ConfigError, match="truncation means nothing to it"):
            use.generate(opened, codes, truncation=0.5)
    else:
        assert referee.differences(use.generate(opened, codes, truncation=0.05)) < referee.differences(images)
    with pytest.raises(ConfigError, match="without tags"):
        use.generate(opened, codes, torch.ones(2))


def test_tags_by_name(tmp_path: Path) -> None:
    opened = use.open_generator(model(tmp_path / "run", "r3", (3, 16, 16), ("wings", "tail")))
    wanted = use.chosen_tags(opened, ["tail"])
    assert wanted.tolist() == [0, 1]
    codes = use.latents(opened, 2)
    assert not torch.equal(use.generate(opened, codes, wanted), use.generate(opened, codes))
    with pytest.raises(ConfigError, match="did you mean wings"):
        use.chosen_tags(opened, ["wing"])


@pytest.mark.parametrize(("kind", "tags"), [("dcgan28", ()), ("r3", ("wings", "tail")), ("style", ("wings", "tail"))])
def test_generators_are_sources_of_pictures_and_of_films(kind: str, tags: tuple[str, ...], tmp_path: Path) -> None:
    folder = model(tmp_path / "run", kind, (3, 16, 16), tags)
    films: list[tuple[dict[str, Any], int, int]] = [({"interpolate": 2, "frames": 3}, 1, 6), ({"walk": True, "count": 2}, 2, 64)]
    for options, images, frames in [({"count": 4}, 4, 0), *films]:
        done = list(steps.generate(folder, **options))[-1]
        assert isinstance(done, events.Done)
        assert done.result.images.shape == (images, 3, 16, 16)
        assert len(done.result.frames) == frames
    with pytest.raises(ConfigError, match="--sampler is for autoencoders"):
        list(steps.generate(folder, sampler="gaussian"))
    source = generate.open_source(str(folder), GenerateConfig(truncation=0.0, device="cpu"))
    drawn = source.draw(5, torch.Generator().manual_seed(0))
    assert float(drawn[:, : 5 if kind != "style" else None].std(0).max()) < 1e-6


def test_truncated_numbers_end_and_keep_their_order() -> None:
    codes = torch.randn(5000)
    bent = use.truncated(codes, 0.5)
    assert float(bent.abs().max()) <= 1
    assert torch.equal(bent.argsort(), codes.argsort())
    assert use.truncated(codes, 1.0) is codes


def test_what_is_no_generator(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"has no model\.safetensors"):
        use.open_generator(tmp_path)
    stopped = tmp_path / "mis caras" / "checkpoints" / "000300"
    stopped.mkdir(parents=True)
    (stopped / "manifest.json").write_text("{}")
    with pytest.raises(RunError, match=r"is not finished: go on with .*--run '.*mis caras'.*--set steps=300"):
        use.open_generator(stopped.parent.parent)
    folder = model(tmp_path / "run", "dcgan28", (1, 16, 16))
    data = bytearray((folder / "model.safetensors").read_bytes())
    flipped = data[:-300] + bytes([data[-300] ^ 1]) + data[-299:]
    for damaged in (data[:-9], flipped):
        (folder / "model.safetensors").write_bytes(damaged)
        with pytest.raises(WeightsError, match="damaged"):
            use.open_generator(folder)
    network: dict[str, Tensor] = {"a": torch.zeros(2)}
    run = Run.open(folder)
    run.write_model(network, {"shape": (1, 16, 16)})
    with pytest.raises(WeightsError, match="does not hold the weights"):
        use.open_generator(folder)
