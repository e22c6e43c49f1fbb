"""`alebrije upscale`: enlarge pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alebrije.autoencoder.restoration.use_config import UpscaleConfig
from alebrije.cli import new_app
from alebrije.cli.flags import verb
from alebrije.cli.folders import Folders
from alebrije.cli.pictures import PictureFiles, restored
from alebrije.cli.shell import Shell

if TYPE_CHECKING:
    from alebrije.core.image import Picture
    from alebrije.events import Events

app = new_app()


@app.command()
@verb(UpscaleConfig, pictures=True, folders=True)
def upscale(
    shell: Shell,
    config: UpscaleConfig,
    files: PictureFiles,
    folders: Folders,
    source: Annotated[Path, typer.Argument(metavar="IN", help="A picture, or a folder of pictures.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="The picture to write (a folder for a folder).")],
) -> None:
    """Enlarge a picture 2, 3 or 4 times, or to a size.

    The result, reduced again, is the picture it was made from; transparency, 16 bits, colour profile and EXIF are kept.
    """

    def make(inputs: tuple[Path, ...], target: Path) -> tuple[dict[str, Any], bool]:
        def run(picture: Picture) -> Events:
            from alebrije.autoencoder.restoration.apply import upscale as enlarge

            _check_format(picture, target, config, force=shell.force)
            return enlarge(picture, config)

        return restored(files, "upscale", run, config, inputs[0], target)

    folders.work([source], output, make, in_words)


def _check_format(picture: Picture, target: Path, config: UpscaleConfig, *, force: bool) -> None:
    """Raise before the work what saving so large a picture in the format of `target` would end in."""
    from alebrije.autoencoder.restoration.goal import goal_of
    from alebrije.autoencoder.restoration.nets import SCALES
    from alebrije.core.image import check_output

    if config.network is None or config.scale or config.size:  # else only the network knows
        height, width = goal_of((picture.height, picture.width), config, SCALES).size
        check_output(target, (width, height), force=force)


def in_words(report: Mapping[str, Any]) -> list[str]:
    """What the report of an enlarged picture says, for people."""
    width, height = report["size"]
    return [f"{width}x{height} pixels by {report['network']}; {report['seconds']:.1f} s"]
