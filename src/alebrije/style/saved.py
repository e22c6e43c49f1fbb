"""A stopped stylisation on the disk: what `alebrije stylize --resume` goes on with.

One hidden file beside the result: tensors in safetensors, everything else as JSON in its header, no pickle. It holds the
picture, the optimiser's memory, the stage and the step, the settings, and the sha256 of all that went in. There is no
random state to keep: nothing is drawn after the start, and the start is drawn by `seed`.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

import alebrije
from alebrije.core.checkpoint import Tree, pack, unpack
from alebrije.core.files import atomic, sha256
from alebrije.core.image import Picture
from alebrije.errors import RunError
from alebrije.style.config import StylizeConfig

EVERY_STEPS, EVERY_SECONDS = 50, 60.0
SHARE = 0.05  # of the time, at most, goes into writing
_FLAGS = {"frames": "--timelapse"}  # settings that the user knows by another name


def state_file(output: Path) -> Path:
    """Where the state of the work on `output` is kept: a hidden file beside it."""
    return output.with_name(f".{output.name}.resume")


@dataclass(slots=True)
class Saved:
    """The state file of one stylisation. With `resume` the work goes on from what is in it.

    It is written anew every 50 steps or every minute, whichever comes first, and never so often that more than a twentieth
    of the time goes into it.
    """

    path: Path
    resume: bool = False
    _step: int = 0
    _spent: float = 0.0
    _since: float = field(default_factory=time.monotonic)

    def check(self) -> None:
        """Raise `RunError` now if the work is to go on and there is nothing that it could go on with."""
        if self.resume:
            _read(self.path)

    def read(self, identity: Mapping[str, Any], device: torch.device) -> Tree | None:
        """The state to go on with, its tensors on `device`, or None if the work is to begin anew.

        Raises `RunError` if there is none, if it is damaged, or if it belongs to other settings or pictures.
        """
        if not self.resume:
            return None
        header, tensors = _read(self.path)
        _compare(header["identity"], identity)
        tree = unpack(header["state"], {name: tensor.to(device) for name, tensor in tensors.items()})
        self._step = tree["steps"]
        return tree

    def due(self, step: int) -> bool:
        """Whether it is time to write again."""
        waited = time.monotonic() - self._since
        return (step >= self._step + EVERY_STEPS or waited >= EVERY_SECONDS) and SHARE * waited >= self._spent

    def write(self, identity: Mapping[str, Any], state: Tree) -> None:
        """Put the state into the file. Raises `OutputError`."""
        began = time.monotonic()
        tensors: dict[str, Tensor] = {}
        document = {"identity": dict(identity), "state": pack(state, tensors), "results": {}}
        _write(self.path, tensors, document)
        self._step, self._since = state["steps"], time.monotonic()
        self._spent = self._since - began

    def remember(self, results: Sequence[Path]) -> None:
        """Note which files were written when the work was stopped, so that `owns` knows them again."""
        header, tensors = _read(self.path)
        _write(self.path, tensors, {**header, "results": {path.name: sha256(path) for path in results}})

    def owns(self, results: Sequence[Path]) -> bool:
        """Whether those of `results` that exist are still what the stopped work left there, and so may be replaced by what
        comes of it."""
        if not self.path.is_file():
            return False
        known = _read(self.path)[0]["results"]
        return all(known.get(path.name) == sha256(path) for path in results if path.is_file())

    def remove(self) -> None:
        """The work is done: the file goes."""
        self.path.unlink(missing_ok=True)


def identity(content: Picture, styles: Sequence[Picture], masks: Sequence[Picture], config: StylizeConfig, network: str) -> Tree:
    """All that decides which picture comes out: settings, program version, network, and the sha256 of every input."""
    settings = config.model_dump(mode="json", exclude={"preview_every"})
    groups = {"content": [content], "style": styles, "mask": masks}
    inputs = [[f"{name} picture {n}", _fingerprint(one)] for name, group in groups.items() for n, one in enumerate(group, 1)]
    return {"settings": settings, "version": alebrije.__version__, "network": network, "inputs": inputs}


def _fingerprint(picture: Picture) -> str:
    """The sha256 of a picture's file, or of its pixels if it came from none."""
    return picture.sha256 or hashlib.sha256(picture.pixels.contiguous().cpu().numpy().tobytes()).hexdigest()


def _compare(kept: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise `RunError` with the first thing that differs."""
    for name in wanted["settings"]:
        before, now = (side["settings"].get(name) for side in (kept, wanted))
        if before != now:
            flag = _FLAGS.get(name, f"--{name.replace('_', '-')}")
            raise RunError(f"the stopped work had another {flag} ({_short(before)}, not {_short(now)}): resume it with that, or "
                           "leave --resume out to begin anew")  # fmt: skip
    for (what, before), (_, now) in zip(kept["inputs"], wanted["inputs"], strict=False):
        if before != now:
            raise RunError(f"{what} is not the one that the stopped work had: give the same, or leave --resume out")
    for name in ("inputs", "network", "version"):
        if kept[name] != wanted[name]:
            before, now = ("other pictures", "these") if name == "inputs" else (kept[name], wanted[name])
            raise RunError(f"the stopped work was done with {before}, not with {now}: leave --resume out to begin anew")


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _write(path: Path, tensors: Mapping[str, Tensor], document: Tree) -> None:
    table = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    places = [one.untyped_storage().data_ptr() for one in table.values()]
    table = {name: one.clone() if places.count(one.untyped_storage().data_ptr()) > 1 else one for name, one in table.items()}
    with atomic(path, force=True) as temporary:
        save_file(table, temporary, {"alebrije": json.dumps(document)})


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if not path.is_file():
        raise RunError(f"there is nothing to resume: no {path.name} beside the result; leave --resume out to begin anew")
    try:
        with safe_open(path, "pt") as file:
            # Copies, because the speed and the last digit of a sum depend on where in memory the numbers lie.
            tensors = {name: torch.clone(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
            header = json.loads(file.metadata()["alebrije"])
        if not {"identity", "state", "results"} <= set(header):
            raise KeyError
    except (OSError, SafetensorError, ValueError, TypeError, KeyError) as error:
        raise RunError(f"{path} is damaged: remove it, and leave --resume out to begin anew") from error
    return header, tensors
