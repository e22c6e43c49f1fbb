"""The page with sliders: a generator's picture, live, moved along its principal directions and by its tags.

Nothing is kept between requests: each asks for one picture and says all about it. All addresses are relative: the app can be
mounted under any prefix.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Response
from pydantic import Field

import alebrije
from alebrije.config import Config
from alebrije.core.generating import GenerateConfig
from alebrije.core.image import load, save
from alebrije.core.tensorfiles import write_safetensors
from alebrije.gan.latents import live as latents
from alebrije.gan.latents import saved
from alebrije.gan.latents.live import Live
from alebrije.studio.serving import page, show

FILES = {"": "sliders.html", **{name: name for name in ("page.css", "sliders.css", "sliders.js", "sliders_words.js")}}
FARTHEST = 10.0  # standard deviations

Move = Annotated[float, Field(ge=-FARTHEST, le=FARTHEST)]
Share = Annotated[float, Field(ge=0, le=1)]


class Choice(Config):
    """Where the sliders are: `seed` of the start (none: the start that was given), moves in standard deviations, shares of
    tags."""

    seed: int | None = Field(None, ge=0, lt=2**53)  # as far as a browser counts
    truncation: float = Field(1.0, ge=0, le=1)
    moves: list[Move] = Field(default_factory=list, max_length=100)
    tags: list[Share] = Field(default_factory=list)


def serve(
    run: str,
    config: GenerateConfig,
    *,
    port: int = 0,
    open_browser: bool = True,
    announce: Callable[[str], None] | None = None,
    warn: Callable[[str], None] | None = None,
) -> None:
    """Show the page for a run on 127.0.0.1 until Ctrl-C; `announce` is told its address.

    Raises as `create_app`, and `ConfigError` if the port is taken.
    """
    show(create_app(run, config, warn), port=port, open_browser=open_browser, announce=announce)


def create_app(run: str, config: GenerateConfig, warn: Callable[[str], None] | None = None) -> FastAPI:
    """The page and what it asks for, for a run folder or model.safetensors of ``gan/...``. Raises `RunError` and `WeightsError`
    for one that cannot be used, `ConfigError` for a setting that does not fit it."""
    app = page("Alebrije: sliders", FILES)
    app.include_router(_routes(latents.open_live(run, config, warn), Path(run).name))
    return app


def _routes(live: Live, name: str) -> APIRouter:
    router = APIRouter()

    def point(choice: Choice) -> saved.Point:
        return latents.place(live, choice.seed, choice.moves, choice.tags, choice.truncation)

    @router.get("/generator")
    def generator() -> dict[str, Any]:
        return {"name": name, **latents.facts(live)}

    @router.get("/picture.png")
    def picture(choice: Annotated[Choice, Query()]) -> Response:
        image = load(latents.draw(live, point(choice)).expand(-1, 3, -1, -1))
        return _file("picture.png", lambda path: save(image, path, metadata=_record(live, name, choice)))

    @router.get("/latent.safetensors")
    def latent(choice: Annotated[Choice, Query()]) -> Response:
        tensors = saved.tensors(point(choice))
        return _file("latent.safetensors", lambda path: write_safetensors(path, tensors, saved.header(live.space, "sliders")))

    return router


def _file(name: str, write: Callable[[Path], object]) -> Response:
    """What `write` puts into a file of this name, as an answer."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path)
        kind = "image/png" if path.suffix == ".png" else "application/octet-stream"
        return Response(path.read_bytes(), media_type=kind)


def _record(live: Live, name: str, choice: Choice) -> dict[str, Any]:
    """What is written into a picture about its making."""
    return {
        "verb": "generate",
        "config": {**live.config.model_dump(mode="json"), "sliders": choice.model_dump(mode="json")},
        "seed": choice.seed,
        "version": alebrije.__version__,
        "inputs": [{"name": name, "sha256": live.space.model}],
        "report": {"recipe": live.space.opened.recipe},
    }
