"""The report on the notebooks: their pictures and ours' numbers, on one page."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alebrije.core import page, plots
from alebrije.runs import Run

SPLITS = ("train", "validation", "test")
TITLES = {
    "dense": "Dense autoencoder",
    "denoise": "Convolutional denoising autoencoder",
    "dcgan": "DCGAN on MNIST",
    "style": "Neural style transfer",
}
ROWS = {
    "dense": "originals above, what was drawn again from {latent_dim} numbers below",
    "denoise": "noisy, denoised, clean, from above",
}
NETWORKS = {
    "vgg19": "the tutorial's network",
    "vgg16": "in the place of the tutorial's VGG-19",
    "compact": "the network that ships, in the place of the tutorial's VGG-19",
}


def write(config: Any, folder: Path, results: Mapping[str, Any]) -> list[Path]:
    """Write the figures and ``report.html`` into `folder`; returns their paths."""
    (folder / "figures").mkdir(exist_ok=True)
    parts = [page.heading("The second source's notebooks, done again", 1)]
    files: list[Path] = []
    for part in config.parts:
        parts.append(page.heading(TITLES[part]))
        if part in ("dense", "denoise") and part in results:
            made, shown = _autoencoder(config, folder, part, results)
        elif part == "dcgan" and part in results:
            made, shown = _dcgan(config, folder, results)
        elif part == "style":
            made, shown = _style(folder, results["style"])
        else:
            made, shown = [], [page.paragraph(f"Not built yet: this version has no recipe {results['not_built_yet'][0]}.")]
        files += made
        parts += shown
    parts += [page.heading("Settings"), page.table(config.model_dump())]
    return [*files, page.write_page(folder / "report.html", "Alebrije: notebooks", parts)]


def _autoencoder(config: Any, folder: Path, part: str, results: Mapping[str, Any]) -> tuple[list[Path], list[str]]:
    numbers, run = results[part], Run(folder / "runs" / part)
    grid = _figure(_sample(run), folder, f"{part}.png")
    curve = plots.curves(
        run.metrics(), folder / "figures" / f"notebooks-{part}-loss.png", x="epoch", names=[f"{name}_mse" for name in SPLITS]
    )
    rows = [["this network", *(numbers[f"{name}_mse"] for name in SPLITS)]]
    rows += [[name, None, None, error] for name, error in results["baselines"][part].items()]
    words = f"{config.epochs} epochs, {numbers['seconds']:.0f} s. Mean square error of pixels in 0 to 1, of the finished network:"
    return [grid, curve], [
        page.paragraph(words),
        page.grid(["", *SPLITS], rows, best=0),
        page.figures({grid: ROWS[part].format(latent_dim=config.latent_dim) + " (test pictures)"}, 720),
        page.figures({curve: "while it learned"}, 480),
    ]


def _dcgan(config: Any, folder: Path, results: Mapping[str, Any]) -> tuple[list[Path], list[str]]:
    run = Run(folder / "runs" / "dcgan")
    epoch = int(run.recipe()[1]["sample_every"])
    shown = {}
    for number in config.dcgan_epochs:
        sample = run.folder / "samples" / f"{number * epoch:06d}.png"
        if sample.exists():
            shown[_figure(sample, folder, f"dcgan-{number:02d}.png")] = f"epoch {number}"
    parts = [page.paragraph(f"The same latents each time. {results['dcgan']['seconds']:.0f} s."), page.figures(shown, 300)]
    films = dict.fromkeys(sorted((run.folder / "plots").glob("*.gif"))[:1], "the training")
    return [*shown], [*parts, *([page.figures(films, 300)] if films else [])]


def _style(folder: Path, found: Mapping[str, Any]) -> tuple[list[Path], list[str]]:
    painted = _figure(folder / "pictures" / "style.png", folder, "style.png")
    looked = NETWORKS.get(found["network"], found["network"])
    words = (
        f"Looked at with {found['network']} ({looked}); {found['steps']} steps of L-BFGS from the content, coarse to fine, where "
        f"the tutorial takes 1000 steps of Adam at full size; {found['seconds']:.0f} s."
    )
    inputs = {folder / "inputs" / f"{name}.png": f"the {name}" for name in ("content", "style")}
    return [painted], [page.paragraph(words), page.figures({**inputs, painted: "the result"}, 340)]


def _sample(run: Run) -> Path:
    """The last sample: the finished network's."""
    return max((run.folder / "samples").glob("*.png"))


def _figure(source: Path, folder: Path, name: str) -> Path:
    """A copy of a picture among the figures."""
    target = folder / "figures" / f"notebooks-{name}"
    shutil.copyfile(source, target)
    return target
