"""The labelling page's files: nothing from outside, two languages; and the server that shows them."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from alebrije.errors import ConfigError
from alebrije.hybrid.observer import Viewing
from alebrije.studio.labels import create_app, serve

VIEWING = Viewing(0.2, 0.5, 6.0)
STATIC = [file.name for file in resources.files("alebrije.studio").iterdir() if file.name.endswith((".html", ".css", ".js"))]


@pytest.mark.parametrize("name", STATIC)
def test_the_page_loads_nothing_from_outside(name: str) -> None:
    text = (resources.files("alebrije.studio") / name).read_text(encoding="utf-8")
    assert not re.search(r"https?:|//[a-z]+\.|@import|\beval\b|innerHTML", text)
    if name.endswith(".html"):
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", text)
        for address in re.findall(r'(?:src|href)="([^"]*)"', text):
            assert not address.startswith("/")


def test_the_page_and_all_that_it_names_is_served(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.headers["content-type"].startswith("text/html")
    named = [name for name in re.findall(r'(?:src|href)="([^"]*)"', answer.text) if not name.startswith("data:")]
    named += re.findall(r'from "\./([^"]*)"', client.get("/labels.js").text)
    assert set(named) == {"page.css", "labels.css", "labels.js", "labels_words.js"}
    kinds = {name: client.get(f"/{name}").headers["content-type"].split(";")[0] for name in named}
    scripts = {"labels.js": "text/javascript", "labels_words.js": "text/javascript"}
    assert kinds == {"page.css": "text/css", "labels.css": "text/css"} | scripts


def test_it_works_under_a_prefix(folder: Path) -> None:
    studio = FastAPI()
    studio.mount("/labels", create_app(folder, VIEWING))
    client = TestClient(studio, base_url="http://127.0.0.1:8000")
    assert "labels.js" in client.get("/labels").text  # by way of /labels/, so that relative addresses fit
    assert client.get("/labels/labels.css").status_code == 200
    choice = {"low": "first", "cycles_low": 8.0, "cycles_high": 20.0}
    assert client.put("/labels/pairs/1/label", json={"choice": choice, "seen": None}).status_code == 200
    assert (folder / "labels.txt").read_text().startswith("0 ")


def words() -> dict[str, dict[str, str]]:
    text = (resources.files("alebrije.studio") / "labels_words.js").read_text(encoding="utf-8")
    table: dict[str, dict[str, str]] = json.loads(text[text.index("= {") + 2 : text.index("\n};") + 2])
    return table


def test_both_languages_say_the_same_things() -> None:
    english, spanish = words()["en"], words()["es"]
    assert list(english) == list(spanish)
    for key in english:
        assert spanish[key].strip()
        assert sorted(re.findall(r"\{\w+\}", english[key])) == sorted(re.findall(r"\{\w+\}", spanish[key])), key


def test_every_word_that_is_used_is_in_the_table_and_the_other_way_round() -> None:
    files = {
        name: (resources.files("alebrije.studio") / name).read_text(encoding="utf-8") for name in ("labels.html", "labels.js")
    }
    table = words()["en"]
    of_html = set(re.findall(r'data-(?:word|label|title)="(\w+)"', files["labels.html"]))
    assert of_html <= set(table)
    for key in table:
        assert key in of_html or f'"{key}"' in files["labels.js"], f"{key} is not used"
    for call in re.findall(r'\bsay\("(\w+)"', files["labels.js"]):
        assert call in table


# ---- the server

SCRIPT = """
import sys
from pathlib import Path
from alebrije.hybrid.observer import Viewing
from alebrije.studio.labels import serve
serve(Path(sys.argv[1]), viewing=Viewing(0.2, 0.5, 6.0), open_browser=False, announce=lambda address: print(address, flush=True))
print("ended", flush=True)
"""


@pytest.mark.slow
def test_it_serves_on_this_machine_only_until_ctrl_c(folder: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
        connection = http.client.HTTPConnection("127.0.0.1", int(address.rsplit(":", 1)[1].strip("/")), timeout=20)
        connection.request("GET", "/pairs")
        assert len(json.load(connection.getresponse())["pairs"]) == 3
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert rest == "ended\n"
    assert errors == ""
    assert process.returncode == 0


def test_a_taken_port_is_told_before_anything_is_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    open_page: Callable[[str], None] = opened.append
    monkeypatch.setattr("webbrowser.open", open_page)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConfigError, match="--port"):
        serve(folder, port=taken.getsockname()[1], viewing=VIEWING, announce=open_page)
    assert opened == []
