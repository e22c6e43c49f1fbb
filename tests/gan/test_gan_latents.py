"""Style mixing, principal directions and projection, on tiny generators of random weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from alebrije import events, steps
from alebrije.config import build
from alebrije.core.generating import GenerateConfig
from alebrije.core.latents import GAP
from alebrije.core.tensorfiles import write_safetensors
from alebrije.errors import ConfigError, RunError, WeightsError
from alebrije.gan import use
from alebrije.gan.latents import directions, mixing, saved
from alebrije.gan.latents import space as spaces
from alebrije.gan.latents.space import Space

Untrained = Callable[..., Path]
TAGS = ("wings", "tail")
CPU = GenerateConfig(device="cpu")


def opened(run: Path, **settings: Any) -> Space:
    return spaces.open_space(str(run), build(GenerateConfig, {"device": "cpu", **settings}))


def some(space: Space, count: int, seed: int = 0) -> tuple[Tensor, Tensor | None]:
    return spaces.draw(space, count, torch.Generator().manual_seed(seed))


# ---- mixing


def test_mixing_a_style_with_itself_leaves_its_picture(untrained: Untrained) -> None:
    space = opened(untrained("style"))
    points, _ = some(space, 1)
    alone = spaces.pictures(space, points, None)
    for layer in range(space.layers + 1):
        assert torch.equal(spaces.pictures(space, mixing.mixed(points, points, layer)[0], None), alone)


def test_at_the_first_layer_all_is_the_columns_and_at_the_last_the_rows(untrained: Untrained) -> None:
    space = opened(untrained("style"))
    rows, columns = some(space, 2)[0], some(space, 3, 1)[0]
    pictures = [spaces.pictures(space, points, None) for points in (rows, columns)]
    for layer, expected in ((0, pictures[1].repeat(2, 1, 1, 1)), (space.layers, pictures[0].repeat_interleave(3, 0))):
        found = spaces.pictures(space, mixing.mixed(rows, columns, layer).flatten(0, 1), None)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    between = mixing.mixed(rows, columns, 2)[1, 2]
    assert torch.equal(between[:2], rows[1, :2])
    assert torch.equal(between[2:], columns[2, 2:])


def test_the_sheet_of_mixed_styles(untrained: Untrained) -> None:
    run = untrained("style", (3, 64, 64))
    layers = opened(run).layers
    made = events.last(steps.generate(run, mix="2x3", mix_layer=(0, layers), seed=4))
    step, margin = 64 + GAP, mixing.MARGIN
    assert made.image.shape == (1, 3, 64 + 2 * (margin + 2 * step - GAP), 64 + margin + 3 * step - GAP)
    assert made.images.shape == (12, 3, 64, 64)
    assert made.tensors == {}
    assert float(made.image[..., :64, :64].min()) == 1  # the corner
    source = made.image[0, :, :64, 64 + margin + step : 64 + margin + step + 64]  # the second column
    torch.testing.assert_close(made.images[1], source, atol=1e-6, rtol=0)
    torch.testing.assert_close(made.images[4], source, atol=1e-6, rtol=0)
    left = made.image[0, :, 64 + margin + step :, :64][:, :64]  # the second row
    torch.testing.assert_close(made.images[9], left, atol=1e-6, rtol=0)
    again = events.last(steps.generate(run, mix="2x3", mix_layer=(0, layers), seed=4))
    assert torch.equal(made.image, again.image)


def test_usual_layers_lie_inside() -> None:
    assert mixing.usual_layers(11) == (3, 6, 8)
    for layers in range(3, 20):
        found = mixing.usual_layers(layers)
        assert found[0] > 0
        assert found[-1] < layers


# ---- directions


def test_components_are_those_of_a_singular_value_decomposition() -> None:
    generator = np.random.default_rng(0)
    for shape in ((50, 7), (7, 50)):
        data = generator.normal(size=shape) @ np.diag(np.linspace(3, 0.5, shape[1])) + 2
        mean, components, deviations, shares = (found.numpy() for found in directions.principal(torch.from_numpy(data)))
        _, values, vectors = np.linalg.svd(data - data.mean(0), full_matrices=False)
        count = len(shares)
        assert count == min(shape[0] - 1, shape[1])
        np.testing.assert_allclose(mean, data.mean(0))
        np.testing.assert_allclose(deviations, values[:count] / np.sqrt(shape[0] - 1))
        np.testing.assert_allclose(np.abs((components * vectors[:count]).sum(1)), 1)
        np.testing.assert_allclose(shares, values[:count] ** 2 / (values**2).sum())
        assert shares.sum() <= 1 + 1e-9
        assert (np.take_along_axis(components, np.abs(components).argmax(1)[:, None], 1) > 0).all()


def test_numbers_that_never_change_are_no_direction() -> None:
    data = torch.randn(30, 2) @ torch.tensor([[1.0, 0, 2, 0], [0, 1, 0, 0]])
    assert len(directions.principal(data)[3]) == 2
    assert len(directions.principal(torch.ones(30, 4))[3]) == 0


def test_regression_finds_the_latents_behind_a_linear_layer() -> None:
    latents, weight = torch.randn(200, 5, dtype=torch.float64), torch.randn(40, 5, dtype=torch.float64)
    activations = latents @ weight.mT + 3
    mean, components, _, _ = directions.principal(activations)
    coordinates = (activations - mean) @ components.mT
    found = directions.regression(coordinates, latents)
    torch.testing.assert_close(coordinates @ found, latents - latents.mean(0))


@pytest.mark.parametrize("kind", ["dcgan28", "dense", "progan128", "r3"])
def test_directions_of_a_first_layer_are_its_singular_vectors(kind: str, untrained: Untrained) -> None:
    # with normal latents and a linear layer both agree, up to what sampling spoils
    space = opened(untrained(kind, (1, 16, 16), TAGS if kind == "r3" else ()))
    weight = spaces.first_layer(space.opened.network).weight.detach()[:, : space.dim]
    expected = torch.linalg.svd(weight).Vh[0]
    tags = None if kind != "r3" else torch.tensor([1.0, 0])
    found = directions.measure(space, tags, samples=8_000)
    assert float(found.shares.sum()) == pytest.approx(1, abs=1e-3)
    moves = weight @ found.steps[0]
    values = torch.linalg.svdvals(weight)
    assert float(moves.norm()) == pytest.approx(float(values[0]), rel=0.03)  # it moves the layer as much as any unit step can
    if float(values[0]) > 1.2 * float(values[1]):
        assert abs(float(found.steps[0] @ expected)) > 0.97


def test_directions_of_styles_are_their_components(untrained: Untrained) -> None:
    space = opened(untrained("style", tags=TAGS))
    tags = torch.tensor([1.0, 0.5])
    found = directions.measure(space, tags, seed=3, samples=500)
    codes = torch.randn(500, 6, generator=torch.Generator().manual_seed(3))
    styles = spaces.styles(space.opened, codes, tags.expand(500, -1))
    assert torch.allclose(found.steps.norm(dim=1)[0], (styles - styles.mean(0)).double().svd().S[0].float() / 499**0.5, rtol=1e-4)
    assert torch.equal(found.steps, directions.measure(space, tags, seed=3, samples=500).steps)


@pytest.mark.parametrize(("kind", "tags"), [("style", TAGS), ("r3", TAGS), ("dcgan28", ()), ("progan128", ())])
def test_the_sheet_of_directions(kind: str, tags: tuple[str, ...], untrained: Untrained, tmp_path: Path) -> None:
    run = untrained(kind, tags=tags)
    made = events.last(steps.generate(run, directions=3, seed=5))
    assert made.images.shape[:2] == (21, 3)
    start = made.images[3]
    for row in (1, 2):
        assert torch.equal(made.images[7 * row + 3], start)
    assert not torch.equal(made.images[0], start)
    assert made.report["shares"] == sorted(made.report["shares"], reverse=True)
    assert sum(made.report["shares"]) <= 1
    space = opened(run)
    point = saved.Point(made.tensors["latent"], made.tensors.get("tags"))
    moved = point.latent + 3 * made.tensors["directions"][1]
    torch.testing.assert_close(spaces.pictures(space, moved[None], point.tags)[0], made.images[13], atol=1e-5, rtol=0)
    write_safetensors(tmp_path / "start.safetensors", made.tensors, made.header)
    again = events.last(steps.generate(run, directions=1, seed=6, start=str(tmp_path / "start.safetensors")))
    assert torch.equal(again.images[3], start)


# ---- starts and tags


def test_a_latent_that_was_found_is_where_films_begin(untrained: Untrained, tmp_path: Path) -> None:
    for kind, tags in (("style", TAGS), ("r3", TAGS)):
        run = untrained(kind, tags=tags)
        made = events.last(steps.generate(run, directions=1, seed=5))
        layers = opened(run).layers
        made.tensors["latent"] = made.tensors["latent"] + 0.1 * torch.randn(layers, 6)  # a style of its own in each layer
        place = str(tmp_path / f"{kind}.safetensors")
        write_safetensors(Path(place), made.tensors, made.header)
        point = saved.Point(made.tensors["latent"], made.tensors.get("tags"))
        expected = spaces.pictures(opened(run), point.latent[None], point.tags)[0]
        films: list[dict[str, Any]] = [{"interpolate": 2, "count": 2}, {"walk": True, "count": 2}]
        for options in films:
            film = events.last(steps.generate(run, start=place, frames=2, **options))
            assert all(torch.allclose(image, expected, atol=1e-5) for image in film.images)
        with pytest.raises(ConfigError, match="add --interpolate"):
            events.last(steps.generate(run, start=place))


def test_starts_that_do_not_fit(untrained: Untrained, tmp_path: Path) -> None:
    run, other = untrained("style"), untrained("style", (1, 16, 16))
    made = events.last(steps.generate(run, directions=1))
    path = tmp_path / "a.safetensors"
    write_safetensors(path, made.tensors, made.header)
    point, notice = saved.read_point(path, opened(run))
    assert notice == ""
    assert torch.equal(point.latent, made.tensors["latent"])
    assert "other weights" in saved.read_point(path, opened(other))[1]
    with pytest.raises(WeightsError, match="belongs to another generator: this one takes one latent of 6 numbers and 2 tags"):
        saved.read_point(path, opened(untrained("r3", tags=TAGS)))
    for name, content in (("none", None), ("bad", b"junk")):
        if content:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(WeightsError, match=f"cannot read .*{name}"):
            saved.read_point(tmp_path / name, opened(run))
    write_safetensors(path, {"x": torch.zeros(1)}, {})
    with pytest.raises(WeightsError, match="holds no latent"):
        saved.read_point(path, opened(run))


@pytest.mark.parametrize("kind", ["style", "r3"])
def test_tags_mix(kind: str, untrained: Untrained) -> None:
    run = untrained(kind, tags=TAGS)
    asked = [{"wings": share, "tail": 1} for share in (0, 0.5, 1, "")]
    none, half, whole, unsaid = (events.last(steps.generate(run, count=2, seed=1, tags=tags)).images for tags in asked)
    assert torch.equal(whole, unsaid)
    assert not torch.allclose(half, none, atol=1e-4)
    assert not torch.allclose(half, whole, atol=1e-4)
    known = use.open_generator(run)
    codes = torch.randn(2, 6, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(half, use.generate(known, codes, torch.tensor([0.5, 1])), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("dcgan28", {"mix": "2x2"}, "has no styles to mix"),
        ("style", {"mix": "2"}, "ROWSxCOLUMNS"),
        ("style", {"mix": "0x3"}, "ROWSxCOLUMNS"),
        ("style", {"mix": "2x21"}, "ROWSxCOLUMNS"),
        ("style", {"mix": "2x2", "mix_layer": (9,)}, "mix_layer must be 0 to 5"),
        ("style", {"mix": "2x2", "directions": 2}, "--mix and --directions are tools of their own"),
        ("style", {"directions": 7}, "has 6 directions"),
        ("style", {"directions": 2, "sampler": "gaussian"}, "--sampler is for autoencoders"),
        ("style", {"directions": 2, "tags": {"wing": 1}}, "without tags"),
        ("style", {"tags": {"wings": 2}}, "must be 1 or less"),
        ("progan128", {"directions": 2, "truncation": 0.5}, "truncation means nothing"),
    ],
)
def test_mistakes_are_told(kind: str, options: dict[str, Any], message: str, untrained: Untrained) -> None:
    with pytest.raises(ConfigError, match=message):
        events.last(steps.generate(untrained(kind), **options))


def test_other_families_have_no_such_tools(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "model.safetensors", {"a": torch.zeros(1)}, {"recipe": '{"recipe": "autoencoder/vae"}'})
    with pytest.raises(RunError, match="no generator of gan"):
        spaces.open_space(str(tmp_path), CPU)
    with pytest.raises(ConfigError, match=r"--mix is for runs of gan/\.\.\."):
        events.last(steps.generate(tmp_path / "model.safetensors", mix="2x2"))
    with pytest.raises(ConfigError, match="--from is for runs of gan"):
        events.last(steps.generate(tmp_path / "model.safetensors", start="a"))
