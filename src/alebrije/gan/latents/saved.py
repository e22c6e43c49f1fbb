"""What a latent tool makes, and points in files: found by one tool, moved by another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

import alebrije
from alebrije.core.tensorfiles import read_safetensors
from alebrije.errors import WeightsError
from alebrije.gan.latents.space import Space

LATENT, TAGS = "latent", "tags"


@dataclass(frozen=True, slots=True)
class Point:
    """A point [layers, dim] of a generator, and the tags [T] of its picture (None if the generator knows none)."""

    latent: Tensor
    tags: Tensor | None


@dataclass(frozen=True, slots=True)
class Made:
    """What a latent tool ends with: `image` [1, 3, H, W], the sheet; `images` [N, C, H, W], its pictures one by one, all in
    [0, 1]; `tensors` and `header` of the file beside the sheet, empty if there is none; `report` as `--json` prints it."""

    image: Tensor
    images: Tensor
    report: dict[str, Any]
    tensors: dict[str, Tensor] = field(default_factory=dict)
    header: dict[str, str] = field(default_factory=dict)


def tensors(point: Point, **others: Tensor) -> dict[str, Tensor]:
    """A point, and whatever else belongs to it, as the tensors of a file."""
    return {LATENT: point.latent.clone(), **({} if point.tags is None else {TAGS: point.tags.clone()}), **others}


def header(space: Space, tool: str) -> dict[str, str]:
    """What the file of a point says about where it comes from: texts, which are JSON."""
    facts = {"alebrije": alebrije.__version__, "tool": tool, "recipe": space.opened.recipe, "model": space.model,
             "points": "styles" if space.styled else "latents", "tag_names": list(space.opened.tags)}  # fmt: skip
    return {name: json.dumps(value) for name, value in facts.items()}


def read_point(path: Path | str, space: Space) -> tuple[Point, str]:
    """The point in a file that --project or --directions left, and a notice ("" if there is nothing to say).

    Raises `WeightsError` if the file cannot be read, holds no point, or holds one that does not fit this generator.
    """
    try:
        found, texts = read_safetensors(Path(path))
    except WeightsError as error:
        raise WeightsError(f"cannot read {path}: {error}") from error
    if LATENT not in found:
        raise WeightsError(f"{path} holds no latent: name a file that --project or --directions has left")
    latent, tags = found[LATENT].float(), found.get(TAGS)
    names = len(space.opened.tags)
    if latent.shape != (space.layers, space.dim) or (0 if tags is None else len(tags)) != names:
        wanted = f"{space.layers} styles of {space.dim} numbers" if space.styled else f"one latent of {space.dim} numbers"
        raise WeightsError(f"{path} belongs to another generator: this one takes {wanted}{f' and {names} tags' * bool(names)}")
    same = _text(texts, "model") == space.model
    notice = "" if same else f"{Path(path).name} was found with other weights: its picture may be another one here"
    return Point(latent, None if tags is None else tags.float()), notice


def _text(texts: Mapping[str, str], name: str) -> str:
    try:
        return str(json.loads(texts.get(name, "null")))
    except ValueError:
        return ""
