"""What the package promises as a whole: light to import, three verbs, the same verbs as generators."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import ExifTags, Image

import alebrije
from alebrije import errors, events, steps
from alebrije.cli import COMMANDS
from alebrije.core.image import Picture, save

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "numpy", "pydantic", "matplotlib", "PIL", "rich")


def imported_by(program: str) -> set[str]:
    """The modules of `HEAVY` that a fresh Python has imported after running `program`."""
    program += f"\nimport sys; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert imported_by("import alebrije; alebrije.__version__") == set()


def test_the_list_of_commands_needs_nothing_heavy() -> None:
    program = "from alebrije.cli import program; program()(['--help'], standalone_mode=False)"
    assert not imported_by(program) & {"torch", "numpy", "pydantic", "matplotlib", "PIL"}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_needs_no_torch(command: str) -> None:
    program = f"from alebrije.cli import program; program()([{command!r}, '--help'], standalone_mode=False)"
    assert not imported_by(program) & {"torch", "matplotlib", "PIL"}


def test_the_version_is_the_one_that_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "alebrije.__version__"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", alebrije.__version__)


def test_every_verb_has_a_twin_that_yields_events() -> None:
    for name in set(alebrije.__all__) - {"__version__", "steps"}:
        assert inspect.isgeneratorfunction(getattr(steps, name))
        plain, twin = (inspect.signature(getattr(module, name)).parameters for module in (alebrije, steps))
        assert next(iter(plain)) == next(iter(twin))


def test_an_unknown_attribute_is_an_attribute_error() -> None:
    assert alebrije.steps is steps
    with pytest.raises(AttributeError, match="no attribute 'hybridise'"):
        _ = alebrije.hybridise


def test_a_verb_returns_what_its_twin_ends_with() -> None:
    first, second = torch.rand(1, 3, 24, 24), torch.rand(1, 3, 24, 24)
    options = {"sigma_low": 3, "sigma_high": 2, "low": "first"}
    with pytest.warns(UserWarning, match="hardly hide"):  # noise hides nothing
        result = alebrije.hybridize(first, second, **options)
    last = list(steps.hybridize(first, second, **options))[-1]
    assert isinstance(last, events.Done)
    torch.testing.assert_close(result.image.pixels, last.result.image.pixels)
    assert result.report["sigma_low"] == 3


def test_notices_become_python_warnings() -> None:
    with pytest.warns(UserWarning, match="cropped and scaled|hardly hide") as heard:
        alebrije.hybridize(torch.rand(1, 3, 24, 24), torch.rand(1, 3, 32, 24))
    assert "cropped and scaled" in str(heard[0].message)
    assert heard[0].filename == __file__


def test_what_was_noticed_while_reading_is_told(tmp_path: Path) -> None:
    picture = Picture(torch.rand(1, 3, 24, 24), notices=("the profile was left out",))
    with pytest.warns(UserWarning, match="the profile was left out|hardly hide") as heard:
        alebrije.hybridize(picture, torch.rand(1, 3, 24, 24))
    assert "the profile was left out" in str(heard[0].message)
    verb = steps.stylize(torch.rand(1, 3, 24, 24), picture)
    assert next(verb) == events.Warned("the profile was left out")


@pytest.mark.parametrize("verb", [steps.hybridize, steps.stylize])
def test_pictures_that_are_too_large_are_refused(verb: Callable[..., events.Events], tmp_path: Path) -> None:
    save(torch.rand(1, 3, 40, 40), tmp_path / "a.png")
    with pytest.raises(errors.PictureError, match="megapixel"):
        next(verb(tmp_path / "a.png", tmp_path / "a.png", max_megapixels=0.001))


def test_the_place_of_a_photograph_is_kept_where_that_is_asked_for(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    Image.new("RGB", (24, 24)).save(tmp_path / "a.jpg", exif=exif)
    for keep in (False, True):
        done = list(steps.hybridize(tmp_path / "a.jpg", tmp_path / "a.jpg", keep_location=keep))[-1]
        assert isinstance(done, events.Done)
        kept = Image.Exif()
        kept.load(done.result.image.exif or b"")
        assert bool(kept.get_ifd(ExifTags.IFD.GPSInfo)) == keep


def test_the_tree_of_errors_is_the_one_drawn_at_its_top() -> None:
    drawn = set(re.findall(r"^(?:[│ ]*[├└]── )?(\w+Error) ", errors.__doc__ or "", flags=re.MULTILINE))
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.AlebrijeError)}
    assert drawn == kinds


def test_the_missing_extra_names_its_remedy() -> None:
    assert "pip install pillow-heif" in str(errors.MissingExtraError("pillow-heif", "heif", "reading HEIC"))


@pytest.mark.parametrize(
    ("word", "known", "expected"),
    [("grum", ["gram", "cooc"], " (did you mean gram?)"), ("xyz", ["gram", "cooc"], " (choose from gram, cooc)")],
)
def test_the_nearest_word_is_offered_or_all_of_them(word: str, known: list[str], expected: str) -> None:
    assert errors.did_you_mean(word, known) == expected
