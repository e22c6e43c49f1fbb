"""Painting with a trained network: what came with the picture stays, and what does not fit says why."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alebrije import features, steps
from alebrije.config import build
from alebrije.core import image
from alebrije.core.image import Picture, to_gray
from alebrije.core.tensorfiles import write_safetensors
from alebrije.errors import AlebrijeError, ConfigError, RunError, WeightsError
from alebrije.events import Done
from alebrije.style.config import StylizeConfig
from alebrije.style.feedforward import adain, apply, nets
from alebrije.style.feedforward.apply import open_network

CPU = {"device": "cpu", "precision": "fp32"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Two networks that nobody has trained, as `alebrije train` writes them."""
    torch.manual_seed(3)
    folder = tmp_path_factory.mktemp("runs")
    fast = nets.Stylizer(4, 1)
    fast.begin_with(torch.rand(1, 3, 32, 32) * torch.tensor([1, 0.5, 0.2]).view(3, 1, 1))
    torch.nn.init.normal_(fast.last.convolution.weight, std=0.02)
    decoder = nets.Decoder(adain.channels(features.load("compact", ["relu3_1"])))
    recipes: dict[str, tuple[dict[str, Any], torch.nn.Module, str]] = {
        "fast": ({"width": 4, "blocks": 1}, fast, "wave.jpg"),
        "adain": ({"features": "compact", "pooling": "avg", "code": "relu3_1"}, decoder, "paintings"),
    }
    for kind, (settings, network, style) in recipes.items():
        header = {"recipe": json.dumps({"recipe": f"style/{kind}"} | settings), "style": json.dumps(style)}
        write_safetensors(folder / f"{kind}.safetensors", {k: v.half() for k, v in network.state_dict().items()}, header)
    return {kind: str(folder / f"{kind}.safetensors") for kind in recipes}


def painted(content: Any, *styles: Any, **options: Any) -> Picture:
    (last,) = [event for event in steps.stylize(content, *styles, **CPU | options) if isinstance(event, Done)]
    picture: Picture = last.result.image
    return picture


def picture(height: int = 40, width: int = 56, seed: int = 0) -> torch.Tensor:
    colours = torch.rand(1, 3, 5, 6, generator=torch.Generator().manual_seed(seed))
    return image.resize(colours, (height, width))


@pytest.mark.parametrize("kind", ["fast", "adain"])
def test_alpha_depth_profile_and_exif_stay(kind: str, runs: dict[str, str]) -> None:
    samples = (np.random.default_rng(0).random((37, 53, 4)) * 65535).astype(np.uint16)
    content = replace(image.load(samples), icc=b"profile", exif=b"exif")
    made = painted(content, *([picture(seed=1)] if kind == "adain" else []), network=runs[kind])
    assert made.size == content.size
    assert made.alpha is not None
    assert content.alpha is not None
    assert torch.allclose(made.alpha, content.alpha, atol=1e-6)
    assert (made.depth, made.icc, made.exif) == (16, b"profile", b"exif")
    assert made.pixels.min() >= 0
    assert made.pixels.max() <= 1
    assert not torch.allclose(made.pixels, content.pixels, atol=0.02)


@pytest.mark.parametrize("size", ["32", "24x40", "100x70"])
@pytest.mark.parametrize("kind", ["fast", "adain"])
def test_the_size_is_the_one_that_was_asked_for(kind: str, size: str, runs: dict[str, str]) -> None:
    made = painted(picture(), *([picture(33, 41, 1)] if kind == "adain" else []), network=runs[kind], size=size)
    wanted = (32, 23) if size == "32" else tuple(map(int, size.split("x")))
    assert made.size == wanted


def test_one_pixel_black_and_grey_do_no_harm(runs: dict[str, str]) -> None:
    for content in (torch.zeros(1, 3, 1, 1), torch.zeros(1, 3, 40, 40), torch.rand(1, 1, 1, 60)):
        assert painted(content, network=runs["fast"]).pixels.isfinite().all()
        assert painted(content, torch.zeros(1, 3, 5, 3), network=runs["adain"]).pixels.isfinite().all()


def test_strength_shares_and_order_of_styles(runs: dict[str, str]) -> None:
    one, other = picture(50, 40, 1), 1 - picture(40, 60, 2)
    both = painted(picture(), one, other, network=runs["adain"], style_weights=(1, 3)).pixels
    turned = painted(picture(), other, one, network=runs["adain"], style_weights=(3, 1)).pixels
    assert torch.allclose(both, turned, atol=1e-4)
    alone = painted(picture(), one, network=runs["adain"]).pixels
    assert torch.allclose(painted(picture(), one, other, network=runs["adain"], style_weights=(1, 0)).pixels, alone, atol=1e-4)
    none = [painted(picture(), style, network=runs["adain"], style_strength=0).pixels for style in (one, other)]
    assert torch.equal(*none)


@pytest.mark.parametrize("kind", ["fast", "adain"])
def test_kept_colours_change_luminance_only(kind: str, runs: dict[str, str]) -> None:
    content = 0.3 + 0.4 * picture()
    made = painted(content, *([picture(seed=1)] if kind == "adain" else []), network=runs[kind], keep_colors=True).pixels
    inside = ((made > 0) & (made < 1)).all(1, keepdim=True)
    chroma = ((made - to_gray(made)) - (content - to_gray(content))) * inside
    assert inside.any()
    assert chroma.abs().max() < 1e-3


def test_a_mask_leaves_the_content_where_it_is_black(runs: dict[str, str], tmp_path: Path) -> None:
    mask = torch.zeros(1, 1, 40, 56)
    mask[..., :28] = 1
    image.save(mask, tmp_path / "mask.png")
    settings = {"mask": str(tmp_path / "mask.png"), "network": runs["fast"]}
    made, whole = painted(picture(), **settings).pixels, painted(picture(), network=runs["fast"]).pixels
    assert torch.allclose(made[..., 28:], picture()[..., 28:], atol=1e-6)
    assert torch.allclose(made[..., :28], whole[..., :28], atol=1e-6)
    settings["network"] = runs["adain"]
    one, other = picture(seed=1), picture(seed=2)
    two = painted(picture(), one, other, **settings).pixels
    assert torch.allclose(two[..., :28], painted(picture(), one, network=runs["adain"]).pixels[..., :28], atol=1e-6)
    assert torch.allclose(two[..., 28:], painted(picture(), other, network=runs["adain"]).pixels[..., 28:], atol=1e-6)


def test_there_is_no_frame(runs: dict[str, str]) -> None:
    """Where all rows are equal, they are painted equal, the first and the last like all others."""
    stripes = picture(1, 70).expand(1, 3, 43, 70)
    made = painted(stripes, network=runs["fast"]).pixels
    assert torch.allclose(made, made[:, :, 20:21].expand_as(made), atol=1e-4)
    assert made.std() > 0.01


@pytest.mark.parametrize(
    ("kind", "styles", "options", "message"),
    [
        ("adain", 0, {}, "name one or more STYLE"),
        ("fast", 1, {}, r"has learnt, wave\.jpg: leave STYLE out"),
        ("adain", 2, {"style_weights": (1, 2, 3)}, "3 numbers for 2 style pictures"),
        ("fast", 0, {"style_strength": 0.5}, "--style-strength is settled"),
        ("fast", 0, {"style_scale": 2}, "--style-scale is settled"),
        ("fast", 0, {"color": "histogram"}, "--keep-colors works"),
        ("fast", 0, {"quality": "best"}, "--quality is for the optimiser"),
        ("fast", 0, {"wrap": True}, "--wrap is for the optimiser"),
        ("adain", 1, {"loss": "bn"}, "--loss is for the optimiser"),
    ],
)
def test_what_does_not_go_together_says_so(
    kind: str, styles: int, options: dict[str, Any], message: str, runs: dict[str, str]
) -> None:
    with pytest.raises(ConfigError, match=message):
        painted(picture(), *[picture(seed=1)] * styles, network=runs[kind], **options)


def test_what_belongs_to_a_network_needs_one() -> None:
    with pytest.raises(ConfigError, match="style_strength goes with network"):
        painted(picture(), picture(seed=1), style_strength=0.5)
    with pytest.raises(ConfigError, match="at least one style picture"):
        painted(picture())


def test_runs_that_cannot_be_used_say_why(runs: dict[str, str], tmp_path: Path) -> None:
    tensors = {"a": torch.zeros(1)}
    write_safetensors(tmp_path / "other.safetensors", tensors, {"recipe": json.dumps({"recipe": "autoencoder/creatures"})})
    write_safetensors(tmp_path / "nameless.safetensors", tensors, {})
    recipe = json.dumps({"recipe": "style/fast", "width": 4, "blocks": 1})
    write_safetensors(tmp_path / "torn.safetensors", tensors, {"recipe": recipe})
    (tmp_path / "text.safetensors").write_text("no model")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.yaml").write_text("recipe: style/fast\n")
    for name, kind, message in [
        ("none", RunError, "there is no trained network"),
        ("run", RunError, "has no model yet"),
        ("other.safetensors", RunError, "is a run of autoencoder/creatures: stylize takes those of style/fast and style/adain"),
        ("nameless.safetensors", RunError, "does not say which recipe made it"),
        ("torn.safetensors", WeightsError, "are not those of its recipe"),
        ("text.safetensors", WeightsError, "damaged"),
    ]:
        with pytest.raises(kind, match=message):
            painted(picture(), network=str(tmp_path / name))
    damaged = bytearray(Path(runs["fast"]).read_bytes())
    damaged[-3] ^= 1
    (tmp_path / "bit.safetensors").write_bytes(damaged)
    with pytest.raises(AlebrijeError, match="sha256"):
        painted(picture(), network=str(tmp_path / "bit.safetensors"))


def test_too_large_a_picture_is_refused_before_the_work(runs: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "bytes_free", lambda device: 1000)
    with pytest.raises(ConfigError, match="take a smaller --size"):
        painted(picture(), network=runs["fast"])


def test_a_run_folder_is_as_good_as_its_model(runs: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(Path(runs["fast"]).read_bytes())
    config = build(StylizeConfig, {"network": str(tmp_path)} | CPU)
    network = open_network(str(tmp_path), config, torch.device("cpu"))
    assert (network.kind, network.learnt) == ("style/fast", "wave.jpg")
    assert torch.equal(painted(picture(), network=str(tmp_path)).pixels, painted(picture(), network=runs["fast"]).pixels)
