"""What a camera or a program does to pictures like the user's: measured on a folder, and done again to pictures that teach.

The user's pictures are all there is: they are what is to be restored and the only examples of how it should look. So a network
learns from them as in Shocher, Cohen, Irani, "Zero-shot super-resolution using deep internal learning", CVPR 2018: they are
reduced, and what was lost is learned back. But reducing takes away what the restorer will meet in the pictures themselves:
noise is averaged out, blur gets narrower, the traces of JPEG are cut in pieces. So the reduced picture is blurred, made noisy
and squeezed until it measures as the user's own do:

    input = JPEG(reduce(blur(picture)) + noise)

The noise and the traces that the targets keep do no harm: nothing in the input tells of them, and the mean of what cannot be
told is the clean picture (Lehtinen et al., "Noise2Noise", ICML 2018). They only limit the PSNR that can be reached.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from statistics import median

import torch
from torch import Tensor

from alebrije.autoencoder.restoration import estimators
from alebrije.core.filters import gaussian_blur
from alebrije.core.metrics import luma
from alebrije.data.degrade import imresize, jpeg

LOOKED_AT = 16  # pictures of a folder, at random
UNSEEN_NOISE = 0.8  # levels of 255: what rounding and JPEG leave in a clean picture reads as a third of a level
UNSEEN_BLUR = 0.5  # pixels: as much is told of sharp pictures under JPEG
SIGNAL_SHARE = 0.25  # of the variance at middle grey; a smaller part that grows with brightness is not told from none
FULL_DETAIL = 0.85
BEST_QUALITY = 98  # JPEG above it does not show
MIDDLE = 0.5
LUMA = torch.tensor([65.481, 128.553, 24.966], dtype=torch.float64) / 255  # `core.metrics.luma`'s


@dataclass(frozen=True, slots=True)
class Degradation:
    """What is wrong with pictures.

    `noise`: standard deviation in units of [0, 1] where it is black; `poisson`: how much its variance grows from black to
    white, so that the variance at brightness x is noise² + poisson x; `alike`: the correlation of the noise of red, green and
    blue, 1 in grey pictures; `blur`: the standard deviation, in pixels, of the Gaussian that makes their spectrum of a power
    law, `extra_blur`: of the one that is missing in their reductions; `detail`: the share of their resolution up to which they
    hold detail; `jpeg_quality`: as libjpeg counts it, None for none.
    """

    jpeg_quality: int | None = None
    noise: float = 0.0
    poisson: float = 0.0
    alike: float = 0.0
    blur: float = 0.0
    extra_blur: float = 0.0
    detail: float = 1.0

    @property
    def level(self) -> float:
        """Standard deviation of the noise on middle grey, in levels of 255."""
        return 255 * math.sqrt(self.noise**2 + MIDDLE * self.poisson)

    def describe(self) -> str:
        """One sentence for the user."""
        found = []
        if self.level > 0:
            kind = ", more of it where it is bright" if self.poisson else ""
            found.append(f"noise of {self.level:.1f} levels of 255{kind}")
        if self.jpeg_quality is not None and self.jpeg_quality <= BEST_QUALITY:
            found.append(f"JPEG of quality {self.jpeg_quality}")
        if self.extra_blur > 0:
            found.append(f"a blur of {self.blur:.1f} pixels, {self.extra_blur:.1f} more than pictures that were reduced have")
        if self.detail < FULL_DETAIL:
            found.append(f"fine detail only up to {self.detail:.0%} of the resolution, as if they had been enlarged")
        return f"your pictures have {'; '.join(found)}" if found else "your pictures are clean and sharp: nothing was found"

    def facts(self) -> Mapping[str, float | int | None]:
        """All of it, for headers and reports."""
        return asdict(self)


CLEAN = Degradation()


def estimate(pictures: Sequence[Tensor], qualities: Sequence[int | None], seed: int = 0) -> Degradation:
    """Measure uint8 [3, H, W] pictures and the qualities of their JPEG files (None: another format).

    Of many pictures `LOOKED_AT` are looked at. Each number is the median over them, but for the noise's growth with brightness,
    which is told from all together. The usual quality is told where at least half of the files are JPEG.
    """
    order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(seed))[:LOOKED_AT].tolist()
    looked = [pictures[place][None].float() / 255 for place in order]
    known = [quality for quality in qualities if quality is not None]
    quality = round(median(known)) if known and 2 * len(known) >= len(qualities) else None
    on_luma = [_known(estimators.noise_level(luma(images))) ** 2 for images in looked]
    spectra = [estimators.spectrum(images) for images in looked]
    blurs = [_blurs(*each, quality) for each in zip(looked, spectra, on_luma, strict=True)]
    extra = math.sqrt(max(0.0, _middle(extra for _, extra in blurs)))
    return Degradation(
        jpeg_quality=quality,
        **_noise(looked, median(on_luma)),
        blur=math.sqrt(max(0.0, _middle(blur for blur, _ in blurs))),
        extra_blur=extra if extra > UNSEEN_BLUR else 0.0,
        detail=median(map(estimators.detail, spectra, on_luma)),
    )


def _blurs(images: Tensor, power: Tensor, noise: float, quality: int | None) -> tuple[float, float]:
    """The variance of a picture's blur, and how much of it the same picture halved lacks: both over the same frequencies, since
    no spectrum is a power law all over."""
    half = estimators.spectrum(imresize(images, 1 / 2).clamp(0, 1))
    used = estimators.readable(power, noise, quality)
    blur = estimators.blur_variance(power, used, noise)
    noise = noise * kept_noise(2)
    used = used & estimators.readable(half, noise)
    return blur, blur - estimators.blur_variance(half, used, noise)


def _noise(pictures: Sequence[Tensor], on_luma: float) -> dict[str, float]:
    """The fields `noise`, `poisson` and `alike`, all 0 if what is there is no more than a clean file has."""
    variance = _middle(estimators.noise_level(images) ** 2 for images in pictures)
    if 255 * math.sqrt(variance) < UNSEEN_NOISE:
        return {}
    independent, same = float(LUMA.square().sum()), float(LUMA.sum() ** 2)
    alike = (on_luma / variance - independent) / (same - independent)
    constant, slope = estimators.noise_line(estimators.noise_by_brightness(pictures))
    if not MIDDLE * slope > SIGNAL_SHARE * (constant + MIDDLE * slope):
        constant, slope = variance, 0.0
    return {"noise": math.sqrt(constant), "poisson": slope, "alike": min(1.0, max(0.0, alike))}


def _middle(values: Iterable[float]) -> float:
    """The median of those that are numbers; 0 if none is."""
    found = [value for value in values if math.isfinite(value)]
    return median(found) if found else 0.0


def _known(value: float) -> float:
    return value if math.isfinite(value) else 0.0


@torch.no_grad()
def degrade(images: Tensor, found: Degradation, scale: int = 1, generator: torch.Generator | None = None) -> Tensor:
    """Pictures [B, 3, H, W] in [0, 1] as a camera or program that leaves `found` would give them at a `scale` times lower
    resolution: [B, 3, H / scale, W / scale], rounded to 8 bits. Sides must be multiples of `scale`.

    Noise is added for what is missing, as reducing a noisy picture leaves some: `kept_noise`. Its randomness comes from torch's
    own generator unless one is given. It is Gaussian at every brightness, as Poisson's nearly is where it is no more than
    visible.
    """
    if found.extra_blur:
        images = gaussian_blur(images, found.extra_blur * scale)
    if scale > 1:
        images = imresize(images, 1 / scale).clamp(0, 1)
    if found.level:
        shape = (len(images), 4, *images.shape[-2:])
        chance = torch.randn(shape, generator=generator, device=generator.device if generator else images.device).to(images)
        noise = math.sqrt(found.alike) * chance[:, :1] + math.sqrt(1 - found.alike) * chance[:, 1:]
        missing = 1 - (kept_noise(scale, found.extra_blur) if scale > 1 else 0.0)
        images = (images + noise * (missing * (found.noise**2 + found.poisson * images)).sqrt()).clamp(0, 1)
    if found.jpeg_quality is not None:
        return jpeg(images, found.jpeg_quality)
    return (images * 255).round() / 255


def halved(images: Tensor, found: Degradation) -> Tensor:
    """Pictures [B, 3, H, W] at half their size, and as sharp for their pixels as they were: a sixth of the noise's variance is
    left, and still less if they were blurred. What is to be seen of JPEG is halved as well."""
    if found.extra_blur:
        images = gaussian_blur(images, 2 * found.extra_blur)
    height, width = (side // 2 * 2 for side in images.shape[-2:])
    return imresize(images[..., :height, :width], 1 / 2).clamp(0, 1)


@cache
def kept_noise(scale: int, blur: float = 0.0) -> float:
    """The share of the variance of independent noise that is left after a blur by `scale` x `blur` pixels and a reduction."""
    side = 16 * scale
    impulses = torch.zeros(scale**2, 1, side, side, dtype=torch.float64)
    for place in range(scale**2):
        impulses[place, 0, side // 2 + place // scale, side // 2 + place % scale] = 1
    spread = gaussian_blur(impulses, blur * scale) if blur else impulses
    return float(imresize(spread, 1 / scale).square().sum())
