"""Pairs from words: Stable Diffusion paints the first picture, and paints it over into the second, so that their shapes agree.

    # PROMPTS, one pair a line: first | second | what to keep out of both (optional)
    a portrait of a lion | a portrait of an old man | text, frame

The second picture is made by image-to-image (Meng et al., "SDEdit: Guided Image Synthesis and Editing with Stochastic
Differential Equations", ICLR 2022, section 3): the first one, with noise up to `strength`, is denoised towards
the second prompt. Little strength keeps the shapes, much of it the meaning of the second prompt.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from alebrije.config import ComputeConfig
from alebrije.core import files
from alebrije.data.diffusion import Painter, load_painter
from alebrije.errors import DataError, Interrupted
from alebrije.events import Done, Event, Events, Preview, Saved, Started, Step, Warned

RECORD = "prompts.jsonl"
FORM = "write `first prompt | second prompt | negative prompt (optional)`"


class PromptsConfig(ComputeConfig):
    """How to make pairs from prompts."""

    model: str = Field(
        "stable-diffusion-v1-5/stable-diffusion-v1-5",
        description="Stable Diffusion model: a folder in the format of diffusers, or its name on Hugging Face",
        json_schema_extra={"metavar": "NAME|FOLDER"},
    )
    download: bool = Field(False, description="fetch the model from Hugging Face if it is not at hand (several gigabytes)")
    count: int = Field(1, ge=1, le=1000, description="pairs for each line of the prompts")
    size: int = Field(
        512, ge=8, le=4096, multiple_of=8, description="side of the pictures, a multiple of 8",
        json_schema_extra={"metavar": "PX"})  # fmt: skip
    steps: int = Field(30, ge=1, le=1000, description="denoising steps of each picture")
    guidance: float = Field(7.5, ge=0, description="how closely a picture follows its prompt")
    strength: float = Field(
        0.6, gt=0, le=1, description="how far the second picture may leave the first: 1 keeps nothing of it")  # fmt: skip
    negative: str = Field(
        "", description="what to keep out of all pictures, before what a line of the prompts says",
        json_schema_extra={"metavar": "WORDS"})  # fmt: skip

    @model_validator(mode="after")
    def _second_has_steps(self) -> Self:
        if int(self.steps * self.strength) < 1:
            raise ValueError(f"steps times strength must be 1 or more, got {self.steps} times {self.strength:g}")
        return self


@dataclass(frozen=True, slots=True)
class Prompt:
    """One line of a file of prompts, and its number there, from 1."""

    first: str
    second: str
    negative: str
    line: int


@dataclass(frozen=True, slots=True)
class Generated:
    """What `generate_pairs` did: pairs in `folder` made now and found there, and numbers of those that were withheld."""

    folder: Path
    made: int
    kept: int
    withheld: tuple[int, ...]


def read_prompts(path: Path | str) -> list[Prompt]:
    """Read a file of prompts; blank lines and lines beginning with # do not count.

    Raises `DataError`, with the number of the line, for one that is not two or three parts, and for a file without any.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot read the prompts {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"cannot read the prompts {path}: it is not text in UTF-8") from error
    prompts = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        first, *rest = (part.strip() for part in line.split("|"))
        if len(rest) not in (1, 2):
            raise DataError(f"{path}, line {number}: it has {1 + len(rest)} parts where there should be two or three; {FORM}")
        if not first or not rest[0]:
            raise DataError(f"{path}, line {number}: the {'second' if first else 'first'} prompt is empty; {FORM}")
        prompts.append(Prompt(first, rest[0], rest[1] if len(rest) == 2 else "", number))
    if not prompts:
        raise DataError(f"there are no prompts in {path}: {FORM}, one pair a line")
    return prompts


def generate_pairs(prompts: Path, output: Path, config: PromptsConfig) -> Events:
    """Make a folder of pairs, 0001_a.png and 0001_b.png and so on, with prompts.jsonl that says how each was made.

    Pair number k has the seed ``config.seed + k`` and depends on nothing else but its prompts and the settings, so a run
    that was stopped goes on where it was: pictures that are there are kept. Yields `Started`, for each picture `Preview`,
    `Saved` and `Step`, and last `Done(Generated)`; a pair that the model's own safety checker withholds is named and
    left out. Raises `DataError` for bad prompts, or if `output` holds pairs of other prompts or settings;
    `MissingExtraError`, `WeightsError` if the model is not at hand, and `OutputError`.
    """
    wanted = [_record(prompt, number, config) for number, prompt in _numbered(read_prompts(prompts), config.count)]
    _check_folder(output)
    records = _read_records(output)
    for record in wanted:
        _check_same(output, record, records.get(record["number"]))
    missing = [record for record in wanted if not all(path.exists() for path in _paths(output, record["number"]))]
    kept, made, withheld, interrupted = len(wanted) - len(missing), 0, list[int](), False
    try:
        if missing:
            yield Started("loading the model")
            painter = load_painter(config)
            output.mkdir(exist_ok=True)
        yield Started("making pictures", 2 * len(missing))
        for index, record in enumerate(missing):
            # Before the pictures: should this be stopped between the two, the first is known to belong to these prompts.
            records[record["number"]] = record
            _write_records(output, records)
            if (yield from _make_pair(painter, output, record, (2 * index, 2 * len(missing)))):
                made += 1
            else:
                withheld.append(record["number"])
                del records[record["number"]]
                _write_records(output, records)
    except Interrupted:
        interrupted = True
    yield Done(Generated(output, made, kept, tuple(withheld)), interrupted=interrupted)


def _numbered(prompts: list[Prompt], count: int) -> Iterator[tuple[int, Prompt]]:
    """Numbers of pairs, from 1, with their prompts: `count` in a row for each line."""
    return enumerate((prompt for prompt in prompts for _ in range(count)), 1)


def _record(prompt: Prompt, number: int, config: PromptsConfig) -> dict[str, Any]:
    """All that a pair depends on, as prompts.jsonl has it."""
    negative = ", ".join(part for part in (config.negative, prompt.negative) if part)
    settings = {name: getattr(config, name) for name in ("model", "size", "steps", "guidance", "strength")}
    words = {"first": prompt.first, "second": prompt.second, "negative": negative}
    return {"number": number, "seed": config.seed + number, **words, **settings}


def _paths(folder: Path, number: int) -> tuple[Path, Path]:
    return folder / f"{number:04d}_a.png", folder / f"{number:04d}_b.png"


def _check_folder(folder: Path) -> None:
    """Raise the `OutputError` that writing there would end in; the folder need not exist yet."""
    if folder.is_dir():
        files.check_writable(folder / RECORD, force=True)
    else:
        files.check_writable(folder)


def _read_records(folder: Path) -> dict[int, dict[str, Any]]:
    path = folder / RECORD
    if not path.exists():
        return {}
    try:
        found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return {record["number"]: record for record in found}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"cannot read {path}: it is not what was written there; remove it, or take another folder") from error


def _write_records(folder: Path, records: dict[int, dict[str, Any]]) -> None:
    lines = (json.dumps(records[number], ensure_ascii=False) + "\n" for number in sorted(records))
    with files.atomic(folder / RECORD, force=True) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")


def _check_same(folder: Path, wanted: dict[str, Any], found: dict[str, Any] | None) -> None:
    """Raise `DataError` if pictures are there that this run would not have made."""
    there = [path for path in _paths(folder, wanted["number"]) if path.exists()]
    if not there or found == wanted:
        return
    if found is None:
        raise DataError(f"{there[0]} is there, and {RECORD} does not say how it was made: take another folder")
    differing = next(name for name in wanted if found.get(name) != wanted[name])
    what = f"{differing} {found.get(differing)!r}, not {wanted[differing]!r}"
    raise DataError(f"{there[0]} was made with {what}: take another folder, or remove the pictures that are to be made anew")


def _make_pair(painter: Painter, folder: Path, record: dict[str, Any], done: tuple[int, int]) -> Generator[Event, None, bool]:
    """Paint what is missing of one pair, and yield its events; False if the model has withheld a picture."""
    from PIL import Image

    first_path, second_path = _paths(folder, record["number"])
    if first_path.exists():  # stopped between the two
        with Image.open(first_path) as file:
            first: Image.Image | None = file.convert("RGB")
    else:
        first = painter.paint(record)
        if first is not None:
            yield from _keep(first, first_path, record)
    yield Step(done[0] + 1, done[1])
    second = None if first is None else painter.paint_over(record, first)
    if second is None:
        yield Warned(f"pair {record['number']} is left out: the model's safety checker withheld a picture; change its prompts")
        first_path.unlink(missing_ok=True)
    else:
        yield from _keep(second, second_path, record)
    yield Step(done[0] + 2, done[1])
    return second is not None


def _keep(image: Any, path: Path, record: dict[str, Any]) -> Events:
    """Save a Pillow picture, with the record of its making in it."""
    from alebrije import __version__
    from alebrije.core.image import load, save

    picture = load(image)
    save(picture, path, metadata={"verb": "pairs generate", "version": __version__, **record}, force=True)
    yield Preview(picture.pixels, record["number"], path.stem)
    yield Saved(path)
