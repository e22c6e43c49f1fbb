"""The latent tools of `alebrije generate`, as a user types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import Result

from alebrije.core import image

Alebrije = Callable[..., Result]
Untrained = Callable[..., Path]
Paint = Callable[..., Path]


def report(found: Result) -> dict[str, object]:
    assert found.exit_code == 0, found.output
    loaded = json.loads(found.stdout.splitlines()[-1])
    assert isinstance(loaded, dict)
    return loaded


def test_a_sheet_of_mixed_styles(alebrije: Alebrije, untrained: Untrained, work: Path) -> None:
    told = report(alebrije("generate", untrained("style"), "-o", "mixed.png", "--mix", "2x3", "--mix-layer", "1,3", "--json"))
    assert told["files"] == ["mixed.png"]
    assert (told["rows"], told["columns"], told["mix_layer"]) == (2, 3, [1, 3])
    kept = image.read_metadata(work / "mixed.png")
    assert (kept["verb"], kept["config"]["mix"]) == ("generate", "2x3")
    assert not (work / "mixed.safetensors").exists()


def test_a_picture_is_projected_moved_and_filmed(alebrije: Alebrije, untrained: Untrained, paint: Paint, work: Path) -> None:
    run, picture = untrained("style"), paint("me.png", (40, 24))
    found = alebrije("generate", run, "-o", "found.png", "--project", picture, "--steps", 12, "--json")
    told = report(found)
    assert "40x24 pixels" in found.stderr
    assert told["files"] == ["found.png", "found.safetensors"]
    assert told["steps"] == 12
    assert len(image.read_metadata(work / "found.png")["inputs"]) == 2
    told = report(alebrije("generate", run, "-o", "moved.png", "--directions", 2, "--from", "found.safetensors", "--json"))
    assert told["files"] == ["moved.png", "moved.safetensors"]
    film_words = ("--interpolate", 2, "--frames", 2, "--from", "found.safetensors")
    assert report(alebrije("generate", run, "-o", "film.gif", *film_words, "--json"))["frames"] == 4
    with Image.open(work / "film.gif") as film:
        assert film.size == (64, 64)
    refused = alebrije("generate", run, "-o", "moved.png", "--directions", 2)
    assert (refused.exit_code, "--force" in refused.stderr) == (1, True)


def test_tags_are_typed_with_their_shares(alebrije: Alebrije, untrained: Untrained, work: Path) -> None:
    run = untrained("r3", tags=("wings", "tail"))
    found = alebrije("generate", run, "-o", "a.png", "-n", 2, "--tags", "wings,tail=0.5")
    assert found.exit_code == 0, found.output
    assert image.read_metadata(work / "a.png")["config"]["tags"] == {"wings": 1.0, "tail": 0.5}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("dcgan28", "-o", "a.png", "--mix", "2x2"), "has no styles to mix"),
        (("style", "-o", "a.png", "--mix", "two"), "ROWSxCOLUMNS"),
        (("style", "-o", "a.gif", "--mix", "2x2"), "name it .png"),
        (("style", "-o", "a.png", "--directions", "2", "-n", "3"), "leave -n"),
        (("style", "-o", "a.png", "--directions", "2", "--mix", "2x2"), "give one of them"),
        (("style", "-o", "a.png", "--project", "none.png"), "there is no such file"),
        (("style", "-o", "a.png", "--project", "junk.png"), "not a picture"),
        (("style", "-o", "a.png", "--directions", "1", "--from", "none.safetensors"), "cannot read none.safetensors"),
        (("style", "-o", "a.png", "--from", "none.safetensors"), "add --interpolate"),
        (("style", "-o", "a.png", "--tags", "wings"), "does not know the tag wings"),
        (("style", "-o", "a.png", "--sliders"), "--sliders opens a page"),
        (("nowhere", "--sliders"), "nowhere"),
    ],
)
def test_mistakes_are_one_line(
    words: tuple[str, ...], message: str, alebrije: Alebrije, untrained: Untrained, work: Path
) -> None:
    (work / "junk.png").write_bytes(b"junk")
    kind, *rest = words
    found = alebrije("generate", kind if kind == "nowhere" else untrained(kind), *rest)
    assert found.exit_code == 1, found.output
    assert message in found.stderr
    assert len(found.stderr.splitlines()) == 1


def test_where_the_pictures_go_must_be_said(alebrije: Alebrije, untrained: Untrained) -> None:
    found = alebrije("generate", untrained("style"))
    assert (found.exit_code, "-o OUT" in found.stderr) == (2, True)


def test_the_page_is_opened(alebrije: Alebrije, untrained: Untrained, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[int] = []
    monkeypatch.setattr("alebrije.studio.sliders.show", lambda app, port, **_: shown.append(port))
    found = alebrije("generate", untrained("style"), "--sliders", "--port", 8123, "--directions", 3)
    assert found.exit_code == 0, found.output
    assert shown == [8123]
