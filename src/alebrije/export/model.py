"""What RUN names, read: the trained network of a run folder, of a shared model.safetensors, or one that ships."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from alebrije.autoencoder.sampling.kept import weights_of
from alebrije.core import weights
from alebrije.core.tensorfiles import Tensors, read_safetensors
from alebrije.errors import RunError, WeightsError

MODEL = "model.safetensors"
RESTORATION = "weights"  # the folder of the restoration networks that ship, in their package


@dataclass(frozen=True, slots=True)
class Model:
    """A trained network as it lies in the file `path`: `recipe` such as style/fast, the settings that it was trained with, its
    tensors (float16 or float32, on the CPU), and all that its header says, as plain text."""

    name: str
    path: Path
    recipe: str
    settings: Mapping[str, Any]
    tensors: Tensors
    header: Mapping[str, str] = field(default_factory=dict)

    def floats(self) -> Tensors:
        """The weights in float32, without the samplers that lie beside those of autoencoders."""
        weights = weights_of(self.tensors)
        return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}


def shipped() -> dict[str, Path]:
    """The networks that come with the program, by the names that RUN takes, with their files."""
    package = Path(str(resources.files("alebrije")))
    found = {"planner": package / "hybrid" / "planning" / "planner.safetensors", "compact": weights.find("compact")}
    folder = package / "autoencoder" / "restoration" / RESTORATION
    return found | {path.stem: path for path in sorted(folder.glob("*.safetensors"))}


def open_model(run: str) -> Model:
    """Read the network that `run` names. Raises `RunError` if there is none, `WeightsError` if its file is damaged."""
    names = shipped()
    path = names.get(run) or _file(run, names)
    try:
        tensors, header = read_safetensors(path)
    except WeightsError as error:
        raise WeightsError(f"cannot read {path}: {error}") from error
    texts = {name: _plain(text) for name, text in header.items()}
    recipe, settings = _recipe(texts.get("recipe", ""))
    if not recipe:
        raise RunError(f"{path} does not say which recipe made it: name a run folder, its {MODEL}, or one of {', '.join(names)}")
    return Model(run, path, recipe, settings, tensors, texts)


def _file(run: str, names: Mapping[str, Path]) -> Path:
    path = Path(run)
    if path.is_dir():
        if (path / "recipe.yaml").is_file() and not (path / MODEL).is_file():
            raise RunError(f"{run} has no model yet: `alebrije train --resume --run {run}` goes on to its end")
        path = path / MODEL
    if not path.is_file():
        raise RunError(
            f"there is no trained network {run}: name a run folder (see `alebrije runs list`), its {MODEL}, "
            f"or one that ships: {', '.join(names)}"
        )
    return path


def _plain(text: str) -> str:
    """An entry of a header without the quotation marks of JSON, which runs write and networks that ship do not."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, str) else text


def _recipe(text: str) -> tuple[str, dict[str, Any]]:
    """Name and settings of a recipe in a header, JSON or YAML; empty if it is none."""
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError:
        return "", {}
    if not isinstance(values, dict) or not isinstance(values.get("recipe"), str):
        return "", {}
    return values.pop("recipe"), values


Build = Callable[[], Any]


def filled(model: Model, build: Build) -> Any:
    """The network that `build` makes, with the model's tensors, in float32, as it is used. Raises `WeightsError` if they are
    another network's."""
    try:
        network = build()
        network.load_state_dict(model.floats())
    except (KeyError, RuntimeError, TypeError) as error:
        raise WeightsError(f"the tensors of {model.name} are not those of its recipe {model.recipe}: train it again") from error
    return network.requires_grad_(False).eval()
