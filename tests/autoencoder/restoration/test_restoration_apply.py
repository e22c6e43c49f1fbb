"""Enlarging and denoising: what came with the picture stays, and what cannot be says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import alebrije
from alebrije import steps
from alebrije.autoencoder.restoration import nets, store
from alebrije.autoencoder.restoration.engine import Careful
from alebrije.autoencoder.restoration.hidden import filled
from alebrije.core.image import Picture, load
from alebrije.core.metrics import luma, psnr
from alebrije.data.degrade import gaussian_noise, imresize
from alebrije.errors import AlebrijeError, ConfigError, NumericsError
from alebrije.events import Done, Event, Started, Step, Warned

CPU = {"device": "cpu", "precision": "fp32"}


def picture(height: int = 40, width: int = 56, seed: int = 0) -> Tensor:
    colours = torch.rand(1, 3, 7, 9, generator=torch.Generator().manual_seed(seed))
    return imresize(colours, size=(height, width)).clamp(0, 1)


def ran(verb: Any, source: Any, **options: Any) -> tuple[list[Event], Any]:
    found = list(verb(source, **options))
    assert isinstance(found[-1], Done)
    return found, found[-1].result


def events(verb: Any, source: Any, network: Path, **options: Any) -> tuple[list[Event], Any]:
    return ran(verb, source, network=str(network), **CPU | options)


def upscaled(source: Any, folder: Path, name: str = "fast-x2", **options: Any) -> Picture:
    image: Picture = events(steps.upscale, source, folder / f"{name}.safetensors", **options)[1].image
    return image


def denoised(source: Any, folder: Path, **options: Any) -> Picture:
    image: Picture = events(steps.denoise, source, folder / "denoise.safetensors", **options)[1].image
    return image


def warnings(found: list[Event]) -> list[str]:
    return [event.message for event in found if isinstance(event, Warned)]


def test_colours_are_luma_by_the_network_and_the_rest_bicubic(networks: Path) -> None:
    source = 0.3 + 0.4 * picture()
    network = store.open_network(str(networks / "fast-x2.safetensors"))
    found = upscaled(source, networks, corrections=0).pixels
    plain, inner = imresize(source, 2), slice(30, -30)  # where zero padding at the border has no part in it
    with torch.no_grad():
        assert torch.allclose(luma(found)[..., inner, inner], network(luma(source))[..., inner, inner], atol=1e-5)
    chroma = [image[:, 0] - image[:, 2] for image in (found, plain)]
    assert torch.allclose(chroma[0], chroma[1], atol=1e-5)


def test_alpha_depth_profile_and_exif_stay(networks: Path) -> None:
    alpha = (picture(seed=1)[:, :1] > 0.5).float()
    source = Picture(picture(), alpha, 16, b"profile", b"Exif\0\0data", Path("a.png"), "sha", ("notice",))
    for found, scale in ((upscaled(source, networks), 2), (denoised(source, networks), 1)):
        assert (found.depth, found.icc, found.exif, found.gray) == (16, b"profile", b"Exif\0\0data", False)
        assert (found.path, found.sha256, found.notices) == (None, None, ())
        assert found.alpha is not None
        assert found.alpha.shape == (1, 1, 40 * scale, 56 * scale)
        assert found.pixels.shape == (1, 3, 40 * scale, 56 * scale)


def test_opaque_stays_opaque_and_clear_stays_clear(networks: Path) -> None:
    alpha = torch.zeros(1, 1, 40, 56)
    alpha[..., 20:] = 1
    found = upscaled(Picture(picture(), alpha), networks).alpha
    assert found is not None
    assert (found[..., 44:] == 1).all()
    assert (found[..., :36] == 0).all()
    everywhere = upscaled(Picture(picture(), torch.ones_like(alpha)), networks).alpha
    assert everywhere is not None
    assert (everywhere == 1).all()


@pytest.mark.parametrize("wrap", [False, True])
def test_colours_that_nobody_sees_leave_no_trace(wrap: bool, networks: Path) -> None:
    alpha = torch.zeros(1, 1, 40, 56)
    alpha[..., 5:25, 7:40] = 1
    seen = alpha.repeat_interleave(2, -1).repeat_interleave(2, -2) > 0
    found = []
    for hidden in (0.0, 1.0, picture(seed=3)):
        pixels = torch.where(alpha > 0, picture(), torch.as_tensor(hidden))
        found.append(upscaled(Picture(pixels, alpha), networks, wrap=wrap).pixels * seen)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
    shown = [denoised(Picture(torch.where(alpha > 0, picture(), torch.tensor(v)), alpha), networks).pixels for v in (0.0, 1.0)]
    assert torch.equal(shown[0] * alpha, shown[1] * alpha)
    assert (shown[1] * (1 - alpha) == 1 - alpha).all()  # what nobody sees is left as it is


def test_what_is_filled_in_is_a_mean_of_what_is_seen() -> None:
    alpha = torch.zeros(1, 1, 9, 9)
    alpha[..., 4, 4] = 1
    found = filled(torch.full((1, 3, 9, 9), 0.3), alpha, 3)
    assert torch.allclose(found[..., 1:8, 1:8], torch.tensor(0.3))
    assert (found[..., 0, :] == 0).all()


def test_grey_stays_grey_and_is_what_it_is_in_colour(networks: Path) -> None:
    pixels = picture()[:, :1].expand(-1, 3, -1, -1)
    for work in (upscaled, denoised):
        grey, coloured = (work(Picture(pixels, gray=gray), networks) for gray in (True, False))
        assert grey.gray
        assert torch.equal(grey.pixels[:, 0], grey.pixels[:, 2])
        if work is upscaled:
            assert torch.allclose(grey.pixels, coloured.pixels, atol=1e-5)


@pytest.mark.parametrize(("size", "scale"), [("80x60", 2), ("112x80", 2), ("150x107", 3), ("224x160", 4), ("300", 4)])
def test_a_size_is_exact_by_the_smallest_scale_that_reaches_it(
    size: str, scale: int, networks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "SHIPPED", networks)
    found, result = ran(steps.upscale, picture(), size=size, **CPU)
    report = result.report
    assert report["scale"] == scale
    assert result.image.size == tuple(report["size"])
    assert report["size"] == ([int(side) for side in size.split("x")] if "x" in size else [300, 214])
    assert any("bicubic" in message for message in warnings(found)) is (size == "300")
    assert any("distorted" in message for message in warnings(found)) is (size == "80x60")


def test_scales_that_there_are_not_are_named(networks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "SHIPPED", networks)
    with pytest.raises(ConfigError, match="no network for scale 5: choose from 2, 3 and 4"):
        ran(steps.upscale, picture(), scale=5, **CPU)
    with pytest.raises(ConfigError, match="enlarges 2 times and not 3"):
        upscaled(picture(), networks, scale=3)
    with pytest.raises(ConfigError, match="56x40 pixels are no more than the picture's own"):
        upscaled(picture(), networks, size="56x40")


@pytest.mark.parametrize(
    ("verb", "options", "message"),
    [
        (steps.upscale, {"scale": 2, "size": "10x10"}, "not both"),
        (steps.upscale, {"scale": 0}, "1 or more"),
        (steps.upscale, {"size": "big"}, "size"),
        (steps.upscale, {"tile": 3}, "from 16"),
        (steps.upscale, {"quality": "bset"}, "best"),
        (steps.denoise, {"strength": 101}, "0 to 100"),
        (steps.denoise, {"strength": "-1"}, "0 to 100"),
        (steps.denoise, {"strength": "strong"}, "0 to 100"),
        (steps.denoise, {"strength": float("nan")}, "0 to 100"),
    ],
)
def test_wrong_settings_say_what_would_be_right(verb: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        list(verb(picture(8, 8), **CPU | options))
    assert "\n" not in str(caught.value)


def test_a_result_that_memory_does_not_hold_is_refused_before_the_work(networks: Path) -> None:
    with pytest.raises(ConfigError, match="GB of memory"):
        upscaled(picture(), networks, size="999999x999999")


def test_the_noise_in_the_report_is_what_was_taken_out(networks: Path) -> None:
    _, result = events(steps.denoise, picture(), networks / "denoise.safetensors", tile=16)
    removed = 255 * (result.image.pixels - picture())
    assert result.report["noise"] == pytest.approx(float(removed.square().mean().sqrt()), abs=1e-3)
    assert result.report["strength"] == "auto"


def test_strength_0_leaves_the_picture_as_it_is(networks: Path) -> None:
    _, result = events(steps.denoise, picture(), networks / "denoise.safetensors", strength=0)
    assert torch.equal(result.image.pixels, picture())
    assert result.report["noise"] == 0


def test_a_strength_is_told_to_the_network(networks: Path) -> None:
    weak, strong, blind = (denoised(picture(), networks, strength=level).pixels for level in (5, "60", "auto"))
    assert not torch.allclose(weak, strong, atol=1e-4)
    assert not torch.allclose(blind, strong, atol=1e-4)


class Overflowing(nn.Module):
    """Repeats pixels; NaN in bfloat16 wherever a window has a pixel above a threshold."""

    scale, halo, multiple = 2, 1, 1

    def __init__(self, always: bool = False) -> None:
        super().__init__()
        self.gain, self.always = nn.Parameter(torch.ones(1)), always

    def forward(self, images: Tensor) -> Tensor:
        narrow = self.gain.dtype is torch.bfloat16
        found = (images * self.gain).repeat_interleave(2, -1).repeat_interleave(2, -2)
        return found * torch.nan if (narrow and bool((images > 0.9).any())) or self.always else found


def test_a_tile_of_nan_is_done_again_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "open_for", lambda *_: Overflowing().requires_grad_(False))
    source = torch.full((1, 3, 40, 40), 0.5)
    source[..., 2, 2] = 1
    options = {"network": "x", "device": "cpu", "tile": 20}
    found, result = ran(steps.upscale, source, precision="bf16", **options)
    _, exact = ran(steps.upscale, source, precision="fp32", **options)
    assert result.report["repaired"] == 1
    assert sum("done again in float32" in message for message in warnings(found)) == 1
    assert torch.equal(result.image.pixels[..., :40, :40], exact.image.pixels[..., :40, :40])


def test_what_is_nan_in_float32_too_is_an_error() -> None:
    with pytest.raises(NumericsError, match="train it again"):
        Careful(Overflowing(always=True), torch.bfloat16)(torch.rand(1, 1, 4, 4))


def test_bfloat16_rounds_only_what_the_network_adds() -> None:
    """Half a level of 255 would be lost at white if the picture itself went through it."""
    network = nets.PlainUpscaler(2).requires_grad_(False)
    image = luma(picture())
    exact, rounded = (Careful(network, dtype)(image) for dtype in (torch.float32, torch.bfloat16))
    assert (exact - rounded).abs().max() < 0.1 / 255


def test_events_are_a_start_steps_and_the_end(networks: Path) -> None:
    found, _ = events(steps.upscale, picture(), networks / "fast-x2.safetensors", tile=20)
    kinds = [type(event) for event in found if not isinstance(event, Warned)]
    assert kinds == [Started, *[Step] * 6, Done]
    assert [event.index for event in found if isinstance(event, Step)] == [1, 2, 3, 4, 5, 6]


def test_the_public_verbs_return_the_result(networks: Path) -> None:
    result = alebrije.denoise(picture(), network=str(networks / "denoise.safetensors"), **CPU)
    assert result.image.size == (56, 40)
    result = alebrije.upscale(picture(), network=str(networks / "fast-x2.safetensors"), corrections=9, **CPU)
    assert result.image.size == (112, 80)


@pytest.mark.parametrize("scale", nets.SCALES)
@pytest.mark.parametrize("quality", ["fast", "best"])
def test_the_networks_that_come_along_are_better_than_bicubic(quality: str, scale: int, assets: Path) -> None:
    if scale not in store.scales("fast"):
        pytest.skip("not trained yet")
    sharp = load(next((assets / "restoration" / "Set5").glob("*butterfly*"))).pixels
    sharp = sharp[..., : sharp.shape[-2] // scale * scale, : sharp.shape[-1] // scale * scale]
    small = (imresize(sharp, 1 / scale).clamp(0, 1) * 255).round() / 255
    _, result = ran(steps.upscale, small, scale=scale, quality=quality, device="cpu")
    ours, plain = (float(psnr(luma(each), luma(sharp), scale)) for each in (result.image.pixels, imresize(small, scale)))
    assert ours > plain + 1
    assert result.report["fidelity_dB"] > 40


def test_the_denoiser_that_comes_along_takes_noise_out(assets: Path) -> None:
    if not (store.SHIPPED / "denoise.safetensors").is_file():
        pytest.skip("not trained yet")
    clean = load(next((assets / "restoration" / "Set5").glob("*baby*"))).pixels[..., 100:300, 100:300]
    noisy = gaussian_noise(clean, 25 / 255, torch.Generator().manual_seed(0))
    for strength in ("auto", 25):
        _, result = ran(steps.denoise, noisy, strength=strength, device="cpu")
        assert float(psnr(result.image.pixels, clean)) > float(psnr(noisy, clean)) + 7
        assert 20 < result.report["noise"] < 27


def test_errors_are_one_line(networks: Path) -> None:
    for name in ("nothing", str(networks), str(networks / "denoise.safetensors")):
        with pytest.raises(AlebrijeError) as caught:
            ran(steps.upscale, picture(), network=name, **CPU)
        assert "\n" not in str(caught.value)
