"""Alebrije makes new pictures out of your own pictures.

    import alebrije
    result = alebrije.hybridize("cat.jpg", "dog.jpg")
    result.image, result.report

Each verb has a generator twin in `alebrije.steps` that yields events while it works. Importing this package does not
import torch; the first verb does.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"
__all__ = ["__version__", "denoise", "generate", "hybridize", "steps", "stylize", "train", "upscale"]


def hybridize(first: Any, second: Any, middle: Any = None, **options: Any) -> Any:
    """Cross two pictures, or three, into one hybrid; see `alebrije.steps.hybridize` for the arguments.

    Returns a result with `.image` (a `core.image.Picture`) and `.report` (a dict). Notices become Python warnings.
    """
    from alebrije import events, steps

    return events.last(steps.hybridize(first, second, middle, **options))


def stylize(content: Any, *styles: Any, **options: Any) -> Any:
    """Repaint `content` in the manner of `styles`; see `alebrije.steps.stylize` for the arguments.

    Returns a result with `.image` (a `core.image.Picture`) and `.report` (a dict). Notices become Python warnings.
    """
    from alebrije import events, steps

    return events.last(steps.stylize(content, *styles, **options))


def upscale(picture: Any, **options: Any) -> Any:
    """Enlarge a picture; see `alebrije.steps.upscale` for the arguments.

    Returns a result with `.image` (a `core.image.Picture`) and `.report` (a dict). Notices become Python warnings.
    """
    from alebrije import events, steps

    return events.last(steps.upscale(picture, **options))


def denoise(picture: Any, **options: Any) -> Any:
    """Take the noise out of a picture; see `alebrije.steps.denoise` for the arguments.

    Returns a result with `.image` (a `core.image.Picture`) and `.report` (a dict). Notices become Python warnings.
    """
    from alebrije import events, steps

    return events.last(steps.denoise(picture, **options))


def generate(run: Any, **options: Any) -> Any:
    """Draw new pictures with a trained network; see `alebrije.steps.generate` for the arguments.

    Returns a result with `.images` (a tensor [N, C, H, W] in [0, 1]) and `.report` (a dict).
    """
    from alebrije import events, steps

    return events.last(steps.generate(run, **options))


def train(recipe: str, **options: Any) -> Any:
    """Train a recipe in a run folder; see `alebrije.steps.train` for the arguments.

    Returns a result with `.run` (the folder) and `.report` (a dict). Notices become Python warnings.
    """
    from alebrije import events, steps

    return events.last(steps.train(recipe, **options))


def __getattr__(name: str) -> Any:
    if name == "steps":
        import importlib

        return importlib.import_module("alebrije.steps")
    raise AttributeError(f"module 'alebrije' has no attribute {name!r}")
