"""What `alebrije demo` shows: the pictures it starts from and the commands it runs on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alebrije.cli.pictures import at_most
from alebrije.errors import MissingExtraError

if TYPE_CHECKING:
    from alebrije.core.image import Picture

SIDE = 512
Box = tuple[int, int, int, int]
Given = Callable[[str], str]  # the path of an input by its name

# Photographs that come inside scikit-image: its name, the part of it (left, top, right, bottom; None: all), and what it is.
PHOTOGRAPHS: Mapping[str, tuple[str, Box | None, str]] = {
    "cat": ("chelsea", (95, 0, 395, 300), "Chelsea the cat, by Stefan van der Walt, CC0"),
    "chelsea": ("chelsea", None, "the same cat, the whole photograph"),
    "face": ("astronaut", (180, 75, 262, 157), "Eileen Collins, NASA, public domain (a detail)"),
    "astronaut": ("astronaut", None, "Eileen Collins, NASA, public domain"),
    "camera": ("camera", None, "cameraman, by Lav Varshney, CC0"),
    "coffee": ("coffee", None, "coffee, by Rachel Michetti, CC0"),
    "cup": ("coffee", (85, 0, 485, 400), "the same coffee (a detail)"),
    "retina": ("retina", None, "the inside of an eye, by Mikael Häggström, CC0"),
    "rocket": ("rocket", None, "Falcon 9, SpaceX, CC0"),
}
# Painted by the program: the kind of painting and its seed.
PAINTINGS: Mapping[str, tuple[str, int]] = {
    "night": ("swirl", 11),
    "ember": ("swirl", 0),
    "mosaic": ("mosaic", 11),
    "woodcut": ("woodcut", 4),
}


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One thing the demo shows: the arguments of the command that makes it, the files to look at with captions, and the
    files and folders that the command makes."""

    title: str
    arguments: tuple[str, ...]
    shown: Mapping[Path, str]
    makes: tuple[Path, ...]
    width: int = 320
    run: Path | None = None


@dataclass(frozen=True, slots=True)
class Hall:
    """A chapter of the gallery."""

    title: str
    text: str
    exhibits: tuple[Exhibit, ...]


def check() -> None:
    """Raise `MissingExtraError`, before anything is made or removed, if the demo's photographs are not at hand."""
    _photographs()


def input_paths(output: Path, *, own: bool) -> list[Path]:
    """The files that `gather` writes."""
    return [_input(output, name) for name in (*(["mine"] if own else []), *PHOTOGRAPHS, *PAINTINGS)]


def gather(output: Path, own: Picture | None = None) -> dict[Path, str]:
    """Write the pictures the demo starts from below `output`, the user's own too; returns their paths with captions.

    Raises `MissingExtraError` without scikit-image, and `OutputError` if there is a file of such a name already.
    """
    from alebrije.core.image import load, save
    from alebrije.data.draw import painting

    inputs: dict[Path, str] = {}
    if own is not None:
        name = own.path.name if own.path else "a picture"
        inputs[save(at_most(own.pixels, 2 * SIDE), _input(output, "mine"))] = f"your own: {name}"
    data = _photographs()
    for name, (source, box, caption) in PHOTOGRAPHS.items():
        inputs[save(at_most(load(_cut(getattr(data, source)(), box)).pixels, SIDE), _input(output, name))] = caption
    for name, (kind, seed) in PAINTINGS.items():
        inputs[save(painting(seed, SIDE, kind), _input(output, name))] = f"painted by the program: {kind}, seed {seed}"
    return inputs


def with_options(halls: Sequence[Hall], options: tuple[str, ...]) -> tuple[Hall, ...]:
    """The same halls, made with these options by every command that computes; drawn creatures know none of them."""

    def chosen(exhibit: Exhibit) -> Exhibit:
        if exhibit.arguments[0] == "dataset":
            return exhibit
        return replace(exhibit, arguments=(*exhibit.arguments, *options))

    return tuple(replace(hall, exhibits=tuple(map(chosen, hall.exhibits))) for hall in halls)


def plan(output: Path, *, own: bool) -> tuple[Hall, ...]:
    """The halls of the gallery, with everything the demo will make below `output`."""
    given = lambda name: str(_input(output, name))  # noqa: E731 - a word used on every line below
    hybrids = [
        _hybrid(output, given, "cat", "face", "Cat and astronaut"),
        _hybrid(output, given, "astronaut", "camera", "Astronaut and cameraman"),
        _hybrid(output, given, "cup", "retina", "A cup and the inside of an eye"),
    ]
    stylised = [
        _stylised(output, given, "coffee", "mosaic", "Coffee in tiles", timelapse=True),
        _stylised(output, given, "chelsea", "night", "A cat in a swirling night"),
        _stylised(output, given, "rocket", "ember", "A launch at dusk"),
    ]
    if own:
        hybrids.insert(0, _hybrid(output, given, "mine", "cat", "You and the cat"))
        stylised.insert(0, _stylised(output, given, "mine", "night", "Your own picture, painted"))
    return (
        Hall("Hybrids", "Two pictures in one. Look from near, then step back (or half close your eyes): it turns into another. "
             "The program chose by itself which one is seen from afar, and both cut-offs.", tuple(hybrids)),
        Hall("Style", "Photographs repainted in the manner of pictures that the program painted itself.", tuple(stylised)),
        Hall("Creatures", "Drawn by the program, as many as you like and free to use, each with its tags and a line drawing: "
             "something to learn from for those who have no pictures of their own.", (_drawn(output),)),
        Hall("A network trained just now", "It learnt to squeeze drawn creatures into 192 numbers and to draw them again, "
             "having seen them only with noise.", (_trained(output),)),
    )  # fmt: skip


def _hybrid(output: Path, given: Given, first: str, second: str, title: str) -> Exhibit:
    target, walk = output / f"hybrid-{first}-{second}.png", output / f"hybrid-{first}-{second}.gif"
    arguments = ("hybrid", given(first), given(second), "-o", str(target), "--previews", "--zoom", str(walk))
    near, far = (target.with_name(f"{target.stem}-{distance}.png") for distance in ("near", "far"))
    shown = {target: "the hybrid, from near", far: "what is left of it from afar", walk: "walking away and back"}
    return Exhibit(title, arguments, shown, (target, near, far, walk))


def _stylised(output: Path, given: Given, content: str, style: str, title: str, *, timelapse: bool = False) -> Exhibit:
    target, film = output / f"style-{content}-{style}.png", output / f"style-{content}-{style}.gif"
    arguments = ("stylize", given(content), given(style), "-o", str(target))
    shown = {target: "the result", Path(given(content)): "the content", Path(given(style)): "the style"}
    if timelapse:
        filmed = {**shown, film: "the work, step by step"}
        return Exhibit(title, (*arguments, "--timelapse", str(film)), filmed, (target, film), 250)
    return Exhibit(title, arguments, shown, (target,))


def _drawn(output: Path) -> Exhibit:
    folder = output / "creatures"
    shown = {}
    for number in (0, 2, 4, 7):
        shown[folder / f"{number:06d}.png"] = f"creature {number}"
        shown[folder / "sketches" / f"{number:06d}.png"] = "its line drawing"
    return Exhibit("Alebrijes", ("dataset", "draw", str(folder), "-n", "12", "--sketches"), shown, (folder,), 200)


def _trained(output: Path) -> Exhibit:
    run = output / "run"
    shown = {
        run / "plots" / "training.gif": "noisy input, what the network made of it, the original",
        run / "plots" / "loss.png": "the loss while it learnt",
        run / "plots" / "walk.gif": "a walk through its latent space",
    }
    return Exhibit("Creatures from 192 numbers", ("train", "autoencoder/creatures", "--run", str(run)), shown, (run,), 340, run)


def _input(output: Path, name: str) -> Path:
    return output / "inputs" / f"{name}.png"


def _photographs() -> Any:
    try:
        import skimage.data
    except ModuleNotFoundError as error:
        raise MissingExtraError("scikit-image", "demo", "the demo's photographs") from error
    return skimage.data


def _cut(pixels: Any, box: Box | None) -> Any:
    """Part of a picture given as an array [H, W(, 3)]."""
    if box is None:
        return pixels
    left, top, right, bottom = box
    return pixels[top:bottom, left:right].copy()
