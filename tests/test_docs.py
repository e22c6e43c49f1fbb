"""The pages say what is true: their links lead somewhere, their commands are commands, their figures have a place."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from alebrije.cli import load_command

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/**/README.md")])
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
FENCE = re.compile(r"^```(?:sh|bash)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands() -> list[tuple[str, str]]:
    """Every line of a shell block that calls the program, with the page it stands on."""
    found = []
    for page in PAGES:
        for block in FENCE.findall(page.read_text(encoding="utf-8")):
            lines = block.replace("\\\n", " ").splitlines()
            found += [(page.name, line.strip()) for line in lines if line.strip().startswith("alebrije ")]
    return [(page, line) for page, line in found if "[" not in line and "..." not in line]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_pages_show_commands() -> None:
    assert len(commands()) > 30


@pytest.mark.parametrize(("page", "line"), commands())
def test_commands_are_understood(page: str, line: str) -> None:
    name, *arguments = shlex.split(line, comments=True)[1:]
    command = load_command(name)
    if hasattr(command, "commands") and arguments and arguments[0] in command.commands:
        command, arguments = command.commands[arguments[0]], arguments[1:]
    context = command.make_context(name, arguments)
    assert context.params is not None


def test_both_readmes_show_the_same_pictures_and_commands() -> None:
    english, spanish = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.es.md"))
    pictures = [re.findall(r"!\[[^]]*\]\(([^)]+)\)", text) for text in (english, spanish)]
    assert pictures[0] == pictures[1]
    verbs = [[line.split()[1] for block in FENCE.findall(text) for line in block.splitlines() if line.startswith("alebrije ")]
             for text in (english, spanish)]  # fmt: skip
    assert verbs[0] == verbs[1]


def test_every_picture_of_the_docs_says_how_it_was_made() -> None:
    told = (ROOT / "docs" / "pictures" / "README.md").read_text(encoding="utf-8")
    pictures = [path.name for path in (ROOT / "docs" / "pictures").iterdir() if path.suffix in {".png", ".jpg"}]
    assert pictures
    assert [name for name in pictures if name not in told] == []
