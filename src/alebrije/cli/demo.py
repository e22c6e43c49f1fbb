"""`alebrije demo`: everything the program does, in a few minutes, on real photographs; ends in one page to look at."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from pydantic import Field

from alebrije.cli import new_app
from alebrije.cli.flags import verb
from alebrije.cli.pictures import PictureFiles
from alebrije.cli.shell import Shell
from alebrije.config import Config
from alebrije.errors import AlebrijeError, OutputError

if TYPE_CHECKING:
    from alebrije.cli.exhibition import Hall

app = new_app()

MARKER = ".alebrije-demo"
"""What the demo has made in its folder: paths in it, each with the sha256 of a picture that users may put their own over.
Nothing else in the folder is ever deleted."""


class DemoConfig(Config):
    """What is passed on to the commands that know it, if it is given."""

    seed: int = Field(0, description="starting point of everything random")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="where to compute")
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", description="number format of the networks")


@app.command()
@verb(DemoConfig)
def demo(
    shell: Shell,
    config: DemoConfig,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The folder to fill. [default: demo; demo-mine if --with is given]")
    ] = None,
    own: Annotated[Path | None, typer.Option("--with", metavar="PICTURE", help="A picture of your own to join in.")] = None,
    max_megapixels: Annotated[float, typer.Option("--max-megapixels", help="Refuse a larger picture.")] = 100.0,
) -> None:
    """Make a gallery of everything below: demo/index.html.

    Hybrids, stylised pictures and a small network trained before your eyes, on real photographs; then one page with all of
    it, the settings, the timings and the commands. --force makes it anew: it replaces what an earlier demo has made in the
    folder, and leaves alone whatever else lies there.
    """
    from alebrije.cli import exhibition, gallery

    began = time.monotonic()
    exhibition.check()
    mine = PictureFiles(shell, max_megapixels=max_megapixels).load(own) if own else None
    output = output or Path("demo-mine" if own else "demo")
    halls = exhibition.with_options(exhibition.plan(output, own=own is not None), _given(config))
    page = output / "index.html"
    made = [page, *(path for hall in halls for exhibit in hall.exhibits for path in exhibit.makes)]
    _make_room(output, force=shell.force)
    _mark(output, [*made, *exhibition.input_paths(output, own=own is not None)])
    inputs = exhibition.gather(output, mine)
    _mark(output, made, inputs)

    seconds, failed, interrupted = _make(shell, halls)
    gallery.write(page, halls, seconds, failed, inputs)
    took = time.monotonic() - began
    report = {"page": str(page), "seconds": took, "exhibits": seconds, "failed": failed}
    lines = [f"\n{len(seconds) - len(failed)} exhibits in {took:.0f} s. Open {page} in a browser."]
    shell.finish(report, lines, interrupted=interrupted)
    if failed:
        raise AlebrijeError(f"could not make {', '.join(failed)}; the rest is in {page}")


def _given(config: DemoConfig) -> tuple[str, ...]:
    """The settings that were given, as they are typed."""
    return tuple(word for name in sorted(config.model_fields_set) for word in (f"--{name}", str(getattr(config, name))))


def _make(shell: Shell, halls: Sequence[Hall]) -> tuple[dict[str, float], list[str], bool]:
    """Run the commands; the seconds each took, the titles of those that failed, and whether the user interrupted them."""
    exhibits = [exhibit for hall in halls for exhibit in hall.exhibits]
    flags = ["--quiet"] if shell.quiet or shell.json else []
    seconds: dict[str, float] = {}
    failed: list[str] = []
    for number, exhibit in enumerate(exhibits, 1):
        shell.say(f"[{number}/{len(exhibits)}] {exhibit.title}: alebrije {' '.join(exhibit.arguments)}")
        started = time.monotonic()
        try:
            well = _perform([*exhibit.arguments, *flags])
        except KeyboardInterrupt:
            return seconds, failed, True
        if not well:
            failed.append(exhibit.title)
        seconds[exhibit.title] = time.monotonic() - started
    return seconds, failed, False


def _perform(arguments: Sequence[str]) -> bool:
    """Run the program on `arguments` in this process, just as if they had been typed; whether it went well."""
    from alebrije.cli import program

    try:
        outcome = program()(list(arguments), prog_name="alebrije", standalone_mode=False)
    except typer.Abort as error:
        raise KeyboardInterrupt from error
    if outcome == 130:
        raise KeyboardInterrupt
    return not outcome


def _make_room(folder: Path, *, force: bool) -> None:
    """Make the folder; with `force`, delete in it what an earlier demo has made, and nothing else.

    Raises `OutputError`, before anything is deleted, if there is something in the folder and no demo made it, or if
    somebody has put another picture over one of the demo's inputs.
    """
    try:
        if folder.exists() and any(folder.iterdir()):
            if not (folder / MARKER).is_file():
                raise OutputError(
                    f"{folder} is not empty and was not made by the demo, so it is left alone: choose another folder with -o"
                )
            if not force:
                raise OutputError(f"{folder} holds a demo already: choose another folder with -o, or --force to make it anew")
            for path in _marked(folder):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
        (folder / "inputs").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}") from error


def _mark(folder: Path, made: Iterable[Path], inputs: Mapping[Path, str] | None = None) -> None:
    """Write down that the demo makes all of this in `folder`."""
    from alebrije.core.files import atomic, sha256

    sums = {path: sha256(path) for path in inputs or ()}
    listed = {path.relative_to(folder).as_posix(): digest for path, digest in (dict.fromkeys(made) | sums).items()}
    with atomic(folder / MARKER, force=True) as temporary:
        temporary.write_text(json.dumps(listed, indent=2) + "\n", encoding="utf-8")


def _marked(folder: Path) -> list[Path]:
    """What an earlier demo has made in `folder` and is still as it was made."""
    from alebrije.core.files import sha256

    try:
        listed = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        found = {folder / name: digest for name, digest in listed.items()}
    except (ValueError, AttributeError) as error:
        raise OutputError(f"{folder / MARKER} is damaged: choose another folder with -o") from error
    for path, digest in found.items():
        if folder.resolve() not in path.resolve().parents:
            raise OutputError(f"{folder / MARKER} is damaged: choose another folder with -o")
        if digest and path.exists() and sha256(path) != digest:
            raise OutputError(
                f"{path} is not the picture that the demo put there: give yours another name, or choose another folder with -o"
            )
    return list(found)
