"""Checkpoints: tensors in safetensors, everything else in JSON, no pickle anywhere.

checkpoints/000500/
  tensors.safetensors   every tensor of the state, by its path: ``networks/generator/conv1.weight``
  state.json            the same tree with its numbers and texts, tensors replaced by their paths
  manifest.json         sha256 of both, written last: a folder without it, or that disagrees with it, does not count

A kill at any moment leaves either the complete new checkpoint or none of it, and the one before untouched.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from alebrije.core.files import atomic, sha256
from alebrije.errors import RunError

Tree = Any
"""Nested dicts (keys: str or int), lists and tuples of tensors, numbers, strings, booleans and None."""

TENSOR, MAPPING, TUPLE = "$tensor", "$dict", "$tuple"


def save(folder: Path, step: int, state: Tree, keep: int = 3) -> Path:
    """Write the checkpoint of `step` below `folder`; returns its folder.

    Of the others the newest are kept, `keep` in all. Those of later steps are removed: whoever saves step 500 goes on
    from there, and has passed over them because they are damaged.
    """
    target = folder / f"{step:06d}"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    tensors: dict[str, Tensor] = {}
    document = pack(state, tensors)
    with atomic(target / "tensors.safetensors") as path:
        save_file({name: own_copy(tensor) for name, tensor in tensors.items()}, path)
    with atomic(target / "state.json") as path:
        path.write_text(json.dumps(document), encoding="utf-8")
    manifest = {name: sha256(target / name) for name in ("tensors.safetensors", "state.json")}
    with atomic(target / "manifest.json") as path:
        path.write_text(json.dumps(manifest, indent=2), encoding="utf-8")
    kept = [path for path in numbered(folder) if int(path.name) <= step][-keep:]
    for path in folder.glob("[0-9]*"):
        if path not in kept:
            shutil.rmtree(path, ignore_errors=True)
    return target


def load_latest(folder: Path) -> tuple[int, Tree, list[str]]:
    """Return step and state of the newest intact checkpoint, and a notice for each damaged one passed over.

    Raises `RunError` if there is none.
    """
    notices: list[str] = []
    for candidate in reversed(numbered(folder)):
        problem = damage(candidate)
        if problem is None:
            return int(candidate.name), load(candidate), notices
        notices.append(f"checkpoint {candidate.name} is {problem}: it is passed over")
    raise RunError(f"no intact checkpoint in {folder}: train anew in another --run")


def load(checkpoint: Path) -> Tree:
    """The state in one checkpoint folder that is not damaged (see `damage`)."""
    tensors = load_file(checkpoint / "tensors.safetensors")
    return unpack(json.loads((checkpoint / "state.json").read_text(encoding="utf-8")), tensors)


def numbered(folder: Path) -> list[Path]:
    """The checkpoint folders that were finished (they have a manifest), oldest first."""
    return sorted((path.parent for path in folder.glob("[0-9]*/manifest.json")), key=lambda path: int(path.name))


def damage(checkpoint: Path) -> str | None:
    """What is wrong with a checkpoint folder, or None if it is intact."""
    try:
        manifest = json.loads((checkpoint / "manifest.json").read_text(encoding="utf-8"))
        changed = [name for name, digest in manifest.items() if sha256(checkpoint / name) != digest]
    except (OSError, ValueError, AttributeError):
        return "incomplete"
    return f"damaged ({changed[0]} differs from its checksum)" if changed else None


def pack(tree: Tree, tensors: dict[str, Tensor], path: str = "") -> Any:
    """Turn a tree into a JSON document, moving its tensors into `tensors` under their paths."""
    if isinstance(tree, Tensor):
        while path in tensors:  # a key may hold a slash, and 1 and "1" are two keys
            path += "'"
        tensors[path] = tree
        return {TENSOR: path}
    if isinstance(tree, dict):
        return {MAPPING: [[key, pack(value, tensors, f"{path}/{key}".lstrip("/"))] for key, value in tree.items()]}
    if isinstance(tree, list | tuple):
        items = [pack(value, tensors, f"{path}/{index}".lstrip("/")) for index, value in enumerate(tree)]
        return {TUPLE: items} if isinstance(tree, tuple) else items
    return tree


def unpack(document: Any, tensors: dict[str, Tensor]) -> Tree:
    """The inverse of `pack`."""
    if isinstance(document, list):
        return [unpack(item, tensors) for item in document]
    if not isinstance(document, dict):
        return document
    ((kind, content),) = document.items()
    if kind == TENSOR:
        return tensors[content]
    if kind == TUPLE:
        return tuple(unpack(item, tensors) for item in content)
    return {key: unpack(value, tensors) for key, value in content}


def own_copy(tensor: Tensor) -> Tensor:
    """The tensor as safetensors wants it: on the CPU, in plain layout, sharing its memory with no other."""
    return tensor.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)


def random_state() -> dict[str, Tensor]:
    """The state of torch's global random generators, to be put back by `restore_random_state`."""
    state = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        state |= {f"cuda{index}": one for index, one in enumerate(torch.cuda.get_rng_state_all())}
    return state


def restore_random_state(state: dict[str, Tensor]) -> None:
    """Put the global random generators back where `random_state` found them."""
    torch.set_rng_state(state["cpu"])
    for name, one in state.items():
        if name.startswith("cuda") and torch.cuda.is_available():
            torch.cuda.set_rng_state(one, int(name.removeprefix("cuda")))
