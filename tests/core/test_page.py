"""Pages hold everything inside, run nothing, and show text as it is."""

from __future__ import annotations

import base64
import html
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alebrije.core import image, page, plots, report
from alebrije.core.fit import TrainConfig
from alebrije.errors import RunError
from alebrije.runs import Run


class Reader(HTMLParser):
    """The tags, the text and the addresses of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words = ""
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href"}]

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return image.save(torch.rand(1, 3, 5, 7), tmp_path / "a picture.png")


def test_a_page_has_its_pictures_inside_and_nothing_from_elsewhere(picture: Path, tmp_path: Path) -> None:
    parts = [page.heading("One"), page.figures({picture: "the <first>"}, 100), page.code("alebrije hybrid a b")]
    text = page.write_page(tmp_path / "page.html", "A & B", parts).read_text(encoding="utf-8")
    found = Reader(text)
    assert [address[:22] for address in found.addresses] == ["data:image/png;base64,"]
    assert base64.b64decode(found.addresses[0].partition(",")[2]) == picture.read_bytes()
    assert "script" not in found.tags
    assert not re.search(r"https?://|@import|url\(", text)
    assert "A & B" in found.words
    assert "the <first>" in found.words


def test_writing_a_page_again_replaces_it(tmp_path: Path) -> None:
    page.write_page(tmp_path / "page.html", "old", [])
    page.write_page(tmp_path / "page.html", "new", [])
    assert "<title>new</title>" in (tmp_path / "page.html").read_text(encoding="utf-8")


@settings(deadline=None)
@given(st.text(), st.sampled_from([page.heading, page.paragraph, page.code]))
def test_text_is_shown_as_it_is(text: str, part: object) -> None:
    made = part(text)  # type: ignore[operator]
    inside = made[made.index(">") + 1 : made.rindex("<")]
    assert html.unescape(inside) == html.unescape(html.escape(text))
    assert "<" not in inside


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.123456, "0.1235"), (3, "3"), (None, "None"), ([1, 2.5], "1, 2.5"), ({"a": 1.0, "b": [2]}, "a 1, b 2"), ("<b>", "<b>")],
)
def test_tables_show_values_for_people(value: object, shown: str) -> None:
    assert Reader(page.table({"name": value})).words == f"name{shown}"


def test_a_plot_is_a_picture_and_needs_no_positive_numbers(tmp_path: Path) -> None:
    columns = {"step": [1.0, 2.0, 3.0], "seconds": [1.0, 2.0, 3.0], "loss": [3.0, 0.0, -1.0], "other": [1.0, 2.0, 3.0]}
    for name in ("new/a.png", "new/a.png"):
        assert min(image.load(plots.curves(columns, tmp_path / name)).size) > 200


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run.create(tmp_path / "my-run")
    run.write_recipe("autoencoder/creatures", TrainConfig(steps=3))
    return run


def test_the_report_of_a_run_shows_numbers_samples_settings_and_environment(run: Run) -> None:
    for step in range(1, 31):
        run.log(step, step / 10, float(step), {"mse": 1 / step})
        image.save(torch.rand(1, 3, 4, 4), run.folder / "samples" / f"{step:06d}.png")
    found = Reader(report.write_report(run).read_text(encoding="utf-8"))
    for words in ("my-run: autoencoder/creatures", "0.03333", "step 1", "step 30", "learning_rate", "git_commit"):
        assert words in found.words
    assert found.tags.count("img") == 1 + report.SAMPLES_SHOWN
    assert all(address.startswith("data:image/") for address in found.addresses)
    report.write_report(run)


def test_a_run_that_has_hardly_begun_has_a_report_too(run: Run) -> None:
    (run.folder / "environment.json").unlink()
    for name in ("plots", "samples", "checkpoints"):
        (run.folder / name).rmdir()
    assert "learning_rate" in Reader(report.write_report(run).read_text(encoding="utf-8")).words


def test_a_damaged_recipe_is_a_clear_error(run: Run) -> None:
    (run.folder / "recipe.yaml").write_text("steps: 3\n")
    with pytest.raises(RunError, match="recipe: NAME"):
        report.write_report(run)
