"""The page with sliders: the picture follows them, what is saved says how it was made, and the guard stands."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import torch
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from alebrije import events, steps
from alebrije.config import build
from alebrije.core.generating import GenerateConfig
from alebrije.core.image import load, read_metadata
from alebrije.core.tensorfiles import write_safetensors
from alebrije.errors import ConfigError, RunError
from alebrije.studio.sliders import create_app

Untrained = Callable[..., Path]
TAGS = ("wings", "tail")
ADDRESS = "http://127.0.0.1:8000"


def client(run: Path, **settings: Any) -> TestClient:
    config = build(GenerateConfig, {"device": "cpu", **settings})
    return TestClient(create_app(str(run), config), base_url=ADDRESS, raise_server_exceptions=False)


def picture(page: TestClient, **choice: Any) -> bytes:
    answer = page.get("/picture.png", params=choice)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    return answer.content


def test_what_the_page_is_told(untrained: Untrained) -> None:
    page = client(untrained("style", (3, 16, 24), TAGS), seed=4, tags={"tail": 0.5}, directions=3, truncation=0.7)
    told = page.get("/generator").json()
    assert (told["width"], told["height"], told["seed"], told["truncation"]) == (24, 16, 4, 0.7)
    assert len(told["directions"]) == 3
    assert told["tags"] == [{"name": "wings", "share": 0}, {"name": "tail", "share": 0.5}]
    assert client(untrained("progan128")).get("/generator").json()["truncation"] is None


@pytest.mark.parametrize("kind", ["style", "r3"])
def test_the_picture_follows_the_sliders(kind: str, untrained: Untrained) -> None:
    run = untrained(kind, tags=TAGS)
    page = client(run)
    start = picture(page, seed=3, moves=[0, 0], tags=[1, 0.5])
    assert start == picture(page, seed=3, moves=[0, 0], tags=[1, 0.5])
    drawn = events.last(steps.generate(run, count=1, seed=3, tags={"wings": 1, "tail": 0.5})).images
    shown = load(Image.open(io.BytesIO(start))).pixels
    torch.testing.assert_close(shown, drawn, atol=0.5 / 255 + 1e-4, rtol=0)
    moved: list[dict[str, Any]] = [{"moves": [2, 0]}, {"moves": [0, -2]}, {"tags": [0, 0.5]}, {"tags": [1, 1]}]
    moved += [{"seed": 4}, {"truncation": 0.3}]
    others = [picture(page, **({"seed": 3, "moves": [0, 0], "tags": [1, 0.5]} | change)) for change in moved]
    assert len({start, *others}) == 7


def test_moves_are_those_of_the_sheet(untrained: Untrained) -> None:
    run = untrained("style")
    sheet = events.last(steps.generate(run, directions=2, seed=3)).images
    page = client(run, seed=3)
    for place, move in ((7 + 6, 3.0), (7 + 2, -1.0)):
        shown = load(Image.open(io.BytesIO(picture(page, seed=3, moves=[0, move])))).pixels
        torch.testing.assert_close(shown[0], sheet[place], atol=0.5 / 255 + 1e-4, rtol=0)


def test_what_is_saved_says_how_it_was_made_and_can_be_gone_on_from(untrained: Untrained, tmp_path: Path) -> None:
    run = untrained("style", tags=TAGS)
    choice: dict[str, Any] = {"seed": 3, "moves": [1.5], "tags": [1, 0], "truncation": 0.8}
    page = client(run)
    (tmp_path / "a.png").write_bytes(picture(page, **choice))
    record = read_metadata(tmp_path / "a.png")
    assert record["config"]["sliders"] == choice
    assert (record["verb"], record["seed"], len(record["inputs"][0]["sha256"])) == ("generate", 3, 64)
    (tmp_path / "a.safetensors").write_bytes(page.get("/latent.safetensors", params=choice).content)
    again = client(run, start=str(tmp_path / "a.safetensors"))
    told = again.get("/generator").json()
    assert (told["seed"], told["given"], told["tags_fixed"]) == (None, True, True)
    shown = [load(Image.open(io.BytesIO(content))).pixels for content in (picture(again), picture(page, **choice))]
    torch.testing.assert_close(*shown, atol=1.01 / 255, rtol=0)


def test_a_start_of_other_weights_is_told(untrained: Untrained, tmp_path: Path) -> None:
    made = events.last(steps.generate(untrained("dcgan28"), directions=1))
    write_safetensors(tmp_path / "a.safetensors", made.tensors, made.header)
    said: list[str] = []
    config = build(GenerateConfig, {"start": str(tmp_path / "a.safetensors")})
    create_app(str(untrained("dcgan28", (1, 16, 16))), config, said.append)
    assert ["other weights" in one for one in said] == [True]


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/picture.png?seed=-1", 422),
        ("/picture.png?seed=1&moves=nan", 422),
        ("/picture.png?seed=1&moves=11", 422),
        ("/picture.png?seed=1&tags=2", 422),
        ("/picture.png?seed=1&truncation=0.5&size=9", 422),
        ("/picture.png", 400),
        ("/picture.png?seed=1&tags=0.5", 400),
        ("/picture.png?seed=1" + 9 * "&moves=1", 400),
        ("/nothing", 404),
        ("/openapi.json", 404),
    ],
)
def test_wrong_requests_get_one_line(address: str, status: int, untrained: Untrained) -> None:
    answer = client(untrained("dcgan28")).get(address)
    assert answer.status_code == status
    assert answer.json()["error"]


def test_other_sites_get_nothing(untrained: Untrained) -> None:
    page = client(untrained("dcgan28"))
    assert page.get("/picture.png?seed=1", headers={"Host": "evil.example"}).status_code == 421
    embedded = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    assert page.get("/picture.png?seed=1", headers=embedded).status_code == 403
    assert "default-src 'none'" in page.get("/").headers["content-security-policy"]


def test_the_page_works_under_a_prefix(untrained: Untrained) -> None:
    studio = FastAPI()
    studio.mount("/sliders", create_app(str(untrained("dcgan28")), GenerateConfig(device="cpu")))
    page = TestClient(studio, base_url=ADDRESS)
    html = page.get("/sliders/").text
    named = [name for name in re.findall(r'(?:src|href)="([^"]*)"', html) if not name.startswith("data:")]
    named += re.findall(r'from "\./([^"]*)"', page.get("/sliders/sliders.js").text)
    assert set(named) == {"page.css", "sliders.css", "sliders.js", "sliders_words.js"}
    assert all(page.get(f"/sliders/{name}").status_code == 200 for name in named)
    assert page.get("/sliders/picture.png?seed=1").status_code == 200


def test_what_cannot_be_shown(untrained: Untrained, tmp_path: Path) -> None:
    with pytest.raises(RunError):
        create_app(str(tmp_path), GenerateConfig())
    with pytest.raises(ConfigError, match="6 directions"):
        create_app(str(untrained("style")), GenerateConfig(directions=9))


def test_the_words_of_both_languages_are_used() -> None:
    folder = resources.files("alebrije.studio")
    html, script, text = ((folder / f"sliders{end}").read_text("utf-8") for end in (".html", ".js", "_words.js"))
    table: dict[str, dict[str, str]] = json.loads(text[text.index("= {") + 2 : text.index("\n};") + 2])
    assert list(table["en"]) == list(table["es"])
    for key, english in table["en"].items():
        assert sorted(re.findall(r"\{\w+\}", english)) == sorted(re.findall(r"\{\w+\}", table["es"][key]))
        assert f'"{key}"' in html or f'"{key}"' in script, f"{key} is not used"
    used = re.findall(r'data-(?:word|label|title)="(\w+)"', html) + re.findall(r'\bsay\("(\w+)"', script)
    assert set(used) <= set(table["en"])
