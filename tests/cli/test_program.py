"""The frame of the program: its list of commands, its help, its flags, its exit codes."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typer.testing import Result

import alebrije as package
from alebrije.autoencoder.restoration.use_config import CleanConfig, UpscaleConfig
from alebrije.cli import COMMANDS, load_command
from alebrije.config import Config
from alebrije.hybrid.config import HybridConfig
from alebrije.style.config import StylizeConfig

Alebrije = Callable[..., Result]


def paths(name: str, command: Any) -> Iterator[tuple[list[str], Any]]:
    yield [name], command
    for below, one in getattr(command, "commands", {}).items():
        yield [name, below], one


EVERYTHING = [found for name in COMMANDS for found in paths(name, load_command(name))]
LEAVES = [(words, command) for words, command in EVERYTHING if not getattr(command, "commands", None)]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_what_the_command_says_of_itself(name: str) -> None:
    assert COMMANDS[name][1] == inspect.cleandoc(load_command(name).help).splitlines()[0]


def test_help_lists_every_command(alebrije: Alebrije) -> None:
    found = alebrije("--help")
    assert found.exit_code == 0
    for name, (_, line) in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(line)}$", found.stdout, re.MULTILINE)


@pytest.mark.parametrize("words", [words for words, _ in EVERYTHING], ids=" ".join)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_has_help(words: list[str], flag: str, alebrije: Alebrije) -> None:
    found = alebrije(*words, flag)
    assert found.exit_code == 0
    assert found.stdout.startswith(f"Usage: alebrije {' '.join(words)} ")


@pytest.mark.parametrize(("words", "command"), LEAVES, ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_every_command_can_speak_to_machines_and_be_silent(words: list[str], command: Any) -> None:
    flags = {flag for parameter in command.params for flag in parameter.opts}
    assert {"--json", "--quiet", "--force", "--debug"} <= flags
    assert all(parameter.help for parameter in command.params if parameter.param_type_name == "option")


@pytest.mark.parametrize(
    ("name", "model"),
    [("hybrid", HybridConfig), ("stylize", StylizeConfig), ("denoise", CleanConfig), ("upscale", UpscaleConfig)],
)
def test_every_setting_has_its_flag_with_its_description(name: str, model: type[Config]) -> None:
    options = {parameter.name: parameter for parameter in load_command(name).params}
    for field, info in model.model_fields.items():
        if info.json_schema_extra and info.json_schema_extra.get("cli") is False:
            assert field not in options
        else:
            assert f"--{field.replace('_', '-')}" in options[field].opts
            assert info.description
            assert options[field].help.lower().startswith(info.description.lower())
    assert {"metadata", "max_megapixels", "keep_location", "output", "skip_existing", "watch", "format"} <= set(options)


@pytest.mark.parametrize("name", ["hybrid", "stylize", "denoise", "upscale", "train"])
def test_every_verb_takes_the_shared_settings(name: str) -> None:
    flags = {flag for parameter in load_command(name).params for flag in parameter.opts}
    assert {"--seed", "--device", "--precision"} <= flags


def test_version(alebrije: Alebrije) -> None:
    found = alebrije("--version")
    assert (found.exit_code, found.stdout) == (0, f"alebrije {package.__version__}\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["hybrd"], "no such command: hybrd (did you mean hybrid?)"),
        (["zzz"], "choose from demo, hybrid"),
        (["--loud"], "--loud"),
        (["hybrid", "a.png", "b.png"], "--output"),
        (["hybrid", "a.png", "-o", "c.png"], "SECOND"),
        (["hybrid", "a.png", "b.png", "-o", "c.png", "--sigma-lo", "3"], "--sigma-low"),
        (["hybrid", "a.png", "b.png", "-o", "c.png", "--sigma-low", "wide"], "'--sigma-low'"),
        (["stylize", "a.png", "b.png", "-o", "c.png", "--steps", "1.5"], "'--steps'"),
        (["dataset", "draw", "x", "-n", "0"], "-n"),
        (["runs", "lst"], "lst"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_wrong(words: list[str], message: str, alebrije: Alebrije) -> None:
    found = alebrije(*words)
    assert found.exit_code == 2
    assert message in " ".join(found.stderr.split())
    assert found.stdout == ""


@pytest.mark.parametrize("group", ["recipes", "runs", "weights"])
def test_a_group_alone_lists(group: str, alebrije: Alebrije) -> None:
    assert alebrije(group).stdout == alebrije(group, "list").stdout != ""
    assert alebrije(group, "--json").stdout == alebrije(group, "list", "--json").stdout
    assert "Commands:" in alebrije(group, "--help").stdout


def test_the_module_is_the_program() -> None:
    done = subprocess.run([sys.executable, "-m", "alebrije", "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"alebrije {package.__version__}\n")
