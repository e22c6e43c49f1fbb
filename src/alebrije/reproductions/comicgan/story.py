"""The report: the evolution as a story, each station with what the thesis found and what came of it here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alebrije.core import page
from alebrije.reproductions.comicgan import table
from alebrije.reproductions.comicgan.claims import thousands, verdict
from alebrije.reproductions.comicgan.compositions import TITLES
from alebrije.reproductions.comicgan.plan import stage_heights
from alebrije.reproductions.comicgan.settings import NETWORKS, ComicganReproduction

WIDE, HALF = 1080, 530
STATIONS = {
    "dense": "The thesis begins with a discriminator of linear layers only, and with small grey pictures. What it drew had the "
    "place and the light of what it learned from, but was blurred and without detail.",
    "dcgan28": "Then convolutions with strides on both sides, as in a DCGAN, at the smallest size: shapes appear, and there is "
    "little room for anything within them.",
    "dcgan48": "The same network with larger pictures, as large as the dense network's, so that these two can be held against "
    "each other.",
    "dcgan64": "Colour and 64 pixels, with a brake on the discriminator: up to a tenth of the generated pictures are called real "
    "while it is always right.",
    "progan": "At last a network that grows. It learns 8x8 pixels first; each stage doubles the size and is faded in over what "
    "was learned before. The thesis found it better, and stabler, than all that went before.",
}


def write(config: ComicganReproduction, folder: Path, results: Mapping[str, Any]) -> Path:
    """Write ``report.html``. It shows what was generated only: figures with pictures that were learned from stay files."""
    figures = folder / "figures"
    parts = [page.heading("From a dense GAN to one that grows", 1), *_opening(results)]
    parts += [page.figures({figures / f"comicgan-{composition}.png": _caption(results, composition)}, WIDE)
              for composition in results["runs"] if composition != "photographs"]  # fmt: skip
    parts += [page.heading("Station by station")]
    for name in NETWORKS:
        parts.append(page.heading(f"{name}: {NETWORKS[name].what}", 3))
        parts += [page.paragraph(STATIONS[name]), page.paragraph(told(results, name))]
    parts += _growing(config, figures, results)
    parts += _photographs(config, figures, results)
    parts += [page.heading("What the thesis found, and what held"), page.paragraph(table.caution(results)), _claims(results)]
    parts += [page.figures({figures / "comicgan-kid.png": "shares with their intervals"}, WIDE)]
    parts += [page.heading("All numbers"), *_numbers(results)]
    parts += [page.heading("Losses"), page.figures({figures / "comicgan-losses.png": "both losses, batch by batch"}, WIDE)]
    parts += [page.heading("Time and energy"), page.paragraph(table.power(results)), page.paragraph(table.devices(results))]
    parts += [page.heading("What the referee said"), *_remarks(results)]
    parts += [page.heading("Settings"), page.table(config.model_dump())]
    return page.write_page(folder / "report.html", "Alebrije: the evolution of a GAN", parts)


def _opening(results: Mapping[str, Any]) -> list[str]:
    several = [table.heading(results, composition) for composition in results["runs"]]
    found = [
        page.paragraph(
            "A thesis taught networks to draw comic characters, each network growing out of the last one's shortcomings. Here "
            "all of them learn again, in the same order and with its settings, from a simple composition and from a varied one."
        ),
        page.paragraph("; ".join(several) + "."),
    ]
    note = "Each picture above the nearest one that was learned from: figures/comicgan-...-nearest-data.png, which stay files."
    return [*found, page.paragraph(note, soft=True)]


def _caption(results: Mapping[str, Any], composition: str) -> str:
    return f"{TITLES[composition]}: {results['titles'][composition]}. Each row is a network, each column always the same latent."


def told(results: Mapping[str, Any], name: str) -> str:
    """A station's numbers in sentences, one for each composition."""
    sentences = []
    for composition, networks in results["runs"].items():
        if name not in networks:
            continue
        numbers = networks[name]
        value, low, high = (1000 * each for each in numbers["kid"])
        sentence = (
            f"{TITLES[composition].capitalize()}: KID x 1000 {thousands(value)} ({thousands(low)} to {thousands(high)}), "
            f"{numbers['share'][0]:.3f} of that of their mean; {numbers['detail']:.2f} of real pictures' detail"
        )
        if numbers["diversity"] is not None:
            sentence += f", {numbers['diversity']:.0%} of their diversity"
        took = f"{numbers['steps']:,} steps in {minutes(numbers['seconds'])}"
        sentences.append(f"{sentence}; {took}; trouble: {table.trouble(numbers)}.")
    return " ".join(sentences)


def minutes(seconds: float) -> str:
    """A time in words."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} minutes"


def _growing(config: ComicganReproduction, figures: Path, results: Mapping[str, Any]) -> list[str]:
    shown = {figures / f"comicgan-{composition}-stages.png": f"{TITLES[composition]}: the same latents at the end of each stage"
             for composition, networks in results["runs"].items() if "progan" in networks}  # fmt: skip
    rows = [
        [composition, f"{height}x{height}", stage["steps"], minutes(stage["seconds"])]
        for composition, networks in results["runs"].items()
        if "progan" in networks
        for height, stage in zip(stage_heights(config), networks["progan"]["stages"], strict=False)
    ]
    return [page.heading("ProGAN, stage by stage"), page.figures(shown, HALF), page.grid(["", "stage", "steps", "time"], rows)]


def _photographs(config: ComicganReproduction, figures: Path, results: Mapping[str, Any]) -> list[str]:
    head = page.heading("Illustrations against photographs")
    if "photographs" not in results["runs"]:
        return [head, page.paragraph("Left out: no photographs were given (--set photos=FOLDER).")]
    words = (
        f"The network {config.contrast} learned photographs too, as many pieces of them as there are illustrations, in as many "
        "steps. Its share is compared with those above."
    )
    shown = {figures / "comicgan-photographs.png": _caption(results, "photographs")}
    return [head, page.paragraph(words), page.figures(shown, WIDE)]


def _claims(results: Mapping[str, Any]) -> str:
    rows: list[Sequence[Any]] = []
    for found in results["claims"]:
        numbers = "; ".join(f"{where}: {words}" for where, words in found["numbers"].items())
        rows.append([found["claim"], verdict(found), found["rule"], numbers])
    return page.grid(["the thesis found", "here", "decided by", "numbers"], rows)


def _numbers(results: Mapping[str, Any]) -> list[str]:
    parts = []
    for composition, networks in results["runs"].items():
        parts.append(page.heading(table.heading(results, composition), 3))
        for heads, row in ((table.QUALITY, table.quality), (table.EFFORT, table.effort)):
            parts.append(page.grid(heads, [row(name, numbers) for name, numbers in networks.items()]))
    rows = [
        [composition, view, *(f"{1000 * scale[key][0]:.1f}" for key in ("mean", "shuffled"))]
        for composition, views in results["scales"].items()
        for view, scale in views.items()
    ]
    names = ("", "real pictures", "KID x 1000 of their mean again and again", "KID x 1000 of them with their pixels shuffled")
    return [*parts, page.paragraph(table.beside(results), soft=True), page.grid(names, rows)]


def _remarks(results: Mapping[str, Any]) -> list[str]:
    said = [(f"{composition}, {name}", numbers["remarks"])
            for composition, networks in results["runs"].items() for name, numbers in networks.items()]  # fmt: skip
    quiet = [where for where, remarks in said if not remarks]
    parts = [page.details(where, page.grid(["step", "remark"], remarks)) for where, remarks in said if remarks]
    return [*parts, *([page.paragraph(f"Nothing about {'; '.join(quiet)}.")] if quiet else [])]
