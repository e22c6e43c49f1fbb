"""What a picture is, inside the program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture and what its file said about it.

    `pixels` is float32 [1, 3, H, W], sRGB in [0, 1]; `alpha` [1, 1, H, W] in [0, 1] or None; `depth` 8 or 16 bits;
    `icc` the profile to convert back into, None for sRGB; `exif` bytes without orientation; `gray` whether the file was
    grey; `sha256` of the file; `notices` sentences about what was lost or changed in reading; `dpi` the pixels per inch
    that the file is to say it is printed with, None to say nothing (it is not read from files).
    """

    pixels: Tensor
    alpha: Tensor | None = None
    depth: int = 8
    icc: bytes | None = None
    exif: bytes | None = None
    path: Path | None = None
    sha256: str | None = None
    notices: tuple[str, ...] = ()
    gray: bool = False
    dpi: int | None = None

    @property
    def on_white(self) -> Tensor:
        """The pixels with white beneath transparent places: [1, 3, H, W]."""
        return self.pixels if self.alpha is None else 1 + (self.pixels - 1) * self.alpha

    @property
    def height(self) -> int:
        return self.pixels.shape[-2]

    @property
    def width(self) -> int:
        return self.pixels.shape[-1]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height), as Pillow has it."""
        return self.width, self.height
