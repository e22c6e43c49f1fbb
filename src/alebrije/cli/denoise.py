"""`alebrije denoise`: take the noise out of pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from alebrije.autoencoder.restoration.use_config import CleanConfig
from alebrije.cli import new_app
from alebrije.cli.flags import verb
from alebrije.cli.folders import Folders
from alebrije.cli.pictures import PictureFiles, restored
from alebrije.cli.shell import Shell

app = new_app()


@app.command()
@verb(CleanConfig, pictures=True, folders=True)
def denoise(
    shell: Shell,
    config: CleanConfig,
    files: PictureFiles,
    folders: Folders,
    source: Annotated[Path, typer.Argument(metavar="IN", help="A picture, or a folder of pictures.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="The picture to write (a folder for a folder).")],
) -> None:
    """Take the noise out of a photograph or a drawing.

    Grain, and the blocks of strong JPEG compression. The result keeps size, transparency, 16 bits, colour profile and EXIF.
    """

    def make(inputs: tuple[Path, ...], target: Path) -> tuple[dict[str, Any], bool]:
        from alebrije.autoencoder.restoration.apply import denoise as run

        return restored(files, "denoise", lambda picture: run(picture, config), config, inputs[0], target)

    folders.work([source], output, make, in_words)


def in_words(report: Mapping[str, Any]) -> list[str]:
    """What the report of a cleaned picture says, for people."""
    taken = f"took out noise of {report['noise']:.1f} levels of 255 (standard deviation)"
    return [f"{taken if report['noise'] else 'took nothing out'}; {report['seconds']:.1f} s"]
