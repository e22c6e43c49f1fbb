"""`alebrije export`: a trained network for programs that have no PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from alebrije.cli import new_app
from alebrije.cli.flags import verb
from alebrije.cli.shell import Shell, human_bytes

app = new_app()


@app.command()
@verb()
def export(
    shell: Shell,
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder, a model.safetensors, or the name of one that ships.")],
    onnx: Annotated[Path, typer.Option("--onnx", metavar="FILE", help="The file to write; its name ends in .onnx.")],
    part: Annotated[
        str, typer.Option("--part", metavar="whole|encoder|decoder|luma", help="Of an autoencoder, or an upscaler: a part.")
    ] = "whole",
) -> None:
    """Write a trained network as an ONNX file.

    For other programs, phones and browsers. The file is run and compared with the network, on pictures of several sizes, and
    written only if both give the same. Its inputs and outputs, what to do before and after, licence, data and recipe are told
    in its metadata. Ships: planner, compact, and the upscalers and the denoiser. Needs the extra onnx.
    """
    from alebrije.export.run import export as verb

    done = shell.run(verb(run, onnx, part, force=shell.force))
    shell.finish(done.result.report, _in_words(done.result.report), interrupted=done.interrupted)


def _in_words(report: dict[str, Any]) -> list[str]:
    """What goes in and what comes out, and how near it is."""
    lines = [f"{report['recipe']}, {report['part']}: {human_bytes(report['bytes'])}, opset {report['opset']}"]
    for way in ("inputs", "outputs"):
        for port in report[way]:
            lines.append(f"  {way[:-1]:<7}{port['name']} {port['shape']}: {port['meaning']}".replace("'", ""))
    for when in ("before", "after"):
        if report[when] != "none":
            lines.append(f"  {when:<7}{report[when]}")
    parity = report["parity"]
    sizes = len(parity["trials"])
    lines.append(f"  differs from the network by at most {parity['largest_difference']:.1e}, tried at {sizes} sizes")
    return lines
