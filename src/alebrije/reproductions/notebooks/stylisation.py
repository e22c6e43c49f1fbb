"""The page on style: one picture, painted with the network that is nearest to the tutorial's."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

from alebrije import steps
from alebrije.core import weights
from alebrije.core.files import atomic
from alebrije.core.image import save
from alebrije.errors import RunError
from alebrije.events import Event
from alebrije.reproductions.parts import put, within

NETWORKS = ("vgg19", "vgg16", "compact")  # the tutorial's, and what comes next to it
DECIDING = ("content", "style", "features", "size", "style_steps", "seed", "precision")


def check(config: Any, folder: Path) -> None:
    """Raise `RunError` if the picture in `folder` was painted with other settings."""
    place = folder / "pictures" / "style.json"
    if not place.exists():
        return
    before = json.loads(place.read_text(encoding="utf-8"))["settings"]
    for name, value in _settings(config).items():
        if before.get(name) != value:
            raise RunError(f"{folder} has a picture painted with {name} {before.get(name)}: for {value} choose another -o")


def painted(config: Any, folder: Path) -> Generator[Event, None, dict[str, Any]]:
    """Paint the picture, or take the one that is there; returns what is known of it (network, settings, steps, seconds,
    content_distance, style_distance)."""
    target = folder / "pictures" / "style.png"
    record = target.with_suffix(".json")
    if not (target.exists() and record.exists()):
        content, style = inputs(config, folder)
        target.parent.mkdir(exist_ok=True)
        options = {"size": config.size, "steps": config.style_steps, "features": network(config.features), "init": "content"}
        computing = {name: getattr(config, name) for name in ("seed", "device", "precision")}
        result = yield from within(steps.stylize(content, style, **options, **computing))
        save(result.image.pixels, target, force=True)
        facts = {"network": options["features"], "settings": _settings(config), **result.report}
        with atomic(record, force=True) as temporary:
            temporary.write_text(json.dumps(facts, indent=1, default=str), encoding="utf-8")
    found: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
    return found


def network(features: str) -> str:
    """The network to look with: for ``auto`` the one at hand that is nearest to the tutorial's."""
    return next(name for name in NETWORKS if weights.at_hand(name)) if features == "auto" else features


def inputs(config: Any, folder: Path) -> tuple[Path, Path]:
    """Content and style as PNG below `folder`: copies of the files given, or demo pictures. Raises `MissingExtraError` where
    demo pictures are wanted and scikit-image is absent, `PictureError`."""
    paths = (folder / "inputs" / "content.png", folder / "inputs" / "style.png")
    paths[0].parent.mkdir(exist_ok=True)
    put(paths, (config.content, config.style))
    return paths


def _settings(config: Any) -> dict[str, Any]:
    return {name: getattr(config, name) for name in DECIDING}
