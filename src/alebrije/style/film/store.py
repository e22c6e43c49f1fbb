"""Finished frames of a video on the disk, so that none has to stay in memory and stopped work can go on.

One hidden folder beside the result: PNGs of 16 bits, and `state.json` with what they were made of. A frame is always read back
from its file before the next one builds on it, so that work which was stopped ends with the same frames.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

from torch import Tensor

from alebrije.core.files import atomic, sha256
from alebrije.core.image import load, save
from alebrije.errors import OutputError, RunError

STATE = "state.json"


def frames_folder(output: Path) -> Path:
    """Where the frames of the video `output` are kept while it is made: a hidden folder beside it."""
    return output.with_name(f".{output.name}.frames")


@dataclass(slots=True)
class Store(Sequence[Tensor]):
    """The frames so far, each [1, 3, H, W], read when it is asked for; `notes` has an entry for each."""

    folder: Path
    notes: list[dict[str, Any]] = field(default_factory=list)
    results: dict[str, str] = field(default_factory=dict)
    identity: dict[str, Any] = field(default_factory=dict)

    def begin(self, identity: Mapping[str, Any], *, resume: bool) -> None:
        """Make the folder, or with `resume` go on with what is in it. Raises `RunError` if that belongs to other work."""
        if resume:
            self._read()
            _compare(self.identity, identity)
            return
        self.remove()
        try:
            self.folder.mkdir(parents=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {self.folder}: {error.strerror}") from error
        self.notes, self.results, self.identity = [], {}, dict(identity)
        self._write()

    def add(self, frame: Tensor, note: Mapping[str, Any]) -> Tensor:
        """Keep a frame; returns it as it will be read again."""
        save(frame, self._path(len(self.notes)), depth=16, force=True)
        self.notes.append(dict(note))
        self._write()
        return self[-1]

    def remember(self, result: Path) -> None:
        """Note what was written when the work was stopped, so that `owns` knows it again."""
        self.results = {result.name: sha256(result)}
        self._write()

    def owns(self, result: Path) -> bool:
        """Whether `result` is still what the stopped work left there."""
        if not self.folder.is_dir():
            return False
        self._read()
        return result.is_file() and self.results.get(result.name) == sha256(result)

    def remove(self) -> None:
        """The work is done: the folder goes."""
        if (self.folder / STATE).exists() or not any(self.folder.glob("*")):  # never anything that is not ours
            shutil.rmtree(self.folder, ignore_errors=True)

    def __len__(self) -> int:
        return len(self.notes)

    @overload
    def __getitem__(self, index: int) -> Tensor: ...
    @overload
    def __getitem__(self, index: slice) -> list[Tensor]: ...
    def __getitem__(self, index: int | slice) -> Tensor | list[Tensor]:
        places = range(len(self.notes))[index]
        if isinstance(places, range):
            return [self[place] for place in places]
        return load(self._path(places)).pixels

    def _path(self, index: int) -> Path:
        return self.folder / f"{index + 1:06d}.png"

    def _write(self) -> None:
        state = {"identity": self.identity, "frames": self.notes, "results": self.results}
        with atomic(self.folder / STATE, force=True) as temporary:
            temporary.write_text(json.dumps(state), encoding="utf-8")

    def _read(self) -> None:
        try:
            state = json.loads((self.folder / STATE).read_text(encoding="utf-8"))
            self.identity, self.notes, self.results = state["identity"], list(state["frames"]), state["results"]
        except FileNotFoundError as error:
            raise RunError(
                f"there is nothing to resume: no {self.folder.name} beside the result; leave --resume out to begin anew"
            ) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{self.folder} is damaged: remove it, and leave --resume out to begin anew") from error


def _compare(kept: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise `RunError` with the first thing that differs."""
    wanted = json.loads(json.dumps(wanted))
    for name, now in wanted["settings"].items():
        if (before := kept["settings"].get(name)) != now:
            raise RunError(f"the stopped work had another --{name.replace('_', '-')} ({json.dumps(before)[:60]}, not "
                           f"{json.dumps(now)[:60]}): resume it with that, or leave --resume out to begin anew")  # fmt: skip
    for name in ("inputs", "version"):
        if kept[name] != wanted[name]:
            other = "other pictures" if name == "inputs" else f"version {kept[name]} of this program"
            raise RunError(f"the stopped work was done with {other}: leave --resume out to begin anew")
