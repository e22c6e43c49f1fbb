"""The run folder: everything one training leaves behind, and nothing anywhere else.

runs/NAME/
  recipe.yaml          complete and resolved
  environment.json     versions, device, git commit, command line: one entry for each time it was begun or gone on with
  metrics.csv          one row per logged step: step, epoch, seconds, then named columns
  samples/000500.png   pictures made on the way
  plots/*.png          curves
  checkpoints/000500/  see `core.checkpoint`
  model.safetensors    the one file to share: weights, recipe, data, licence and metrics in its header
  report.html          all of it to look at
  evaluation/          what `alebrije evaluate` found out
  data.json, gradients.csv, referee.json, stages/   of a GAN: what it learns from, its gradients, remarks, the end of each stage
  tags.json            of a tagger: the tags it learns, and in the end how well each is found
"""

from __future__ import annotations

import contextlib
import csv
import json
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import yaml

import alebrije
from alebrije.config import RECIPE_SUFFIXES, Config
from alebrije.core.files import atomic
from alebrije.errors import OutputError, RunError

if TYPE_CHECKING:
    from torch import Tensor


ROW = ("step", "epoch", "seconds")
"""The columns of metrics.csv that every run has, before its own numbers."""


@dataclass(slots=True)
class Run:
    """One run folder. Make it with `Run.create` or `Run.open`; write to it only inside `locked()`."""

    folder: Path
    _columns: list[str] = field(default_factory=list)

    @staticmethod
    def default_folder(recipe: str) -> Path:
        """Where a recipe's run goes if nobody says otherwise: ``runs/features-compact``, ``runs/mine`` for mine.yaml."""
        return Path("runs") / (Path(recipe).stem if Path(recipe).suffix in RECIPE_SUFFIXES else recipe.replace("/", "-"))

    @classmethod
    def create(cls, folder: Path) -> Run:
        """Make a new run folder, or take one whose run ended before its first step was logged.

        Raises `RunError` if there is a run in it already, `OutputError` if it cannot be made.
        """
        if cls(folder).begun():
            go_on = f"--resume --run {shlex.quote(str(folder))}"
            raise RunError(f"{folder} holds a run already: go on with {go_on}, or choose another --run")
        try:
            for name in ("samples", "plots", "checkpoints"):
                (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / "environment.json").unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the run folder {folder}: {error.strerror}") from error
        return cls(folder)

    @classmethod
    def open(cls, folder: Path) -> Run:
        """Open an existing run folder; raises `RunError` if it is none."""
        if not (folder / "recipe.yaml").is_file():
            raise RunError(f"{folder} is not a run folder (it has no recipe.yaml): see `alebrije runs list`")
        return cls(folder)

    def begun(self) -> bool:
        """Whether there is anything in the folder that a training came to."""
        return any(any(self.folder.glob(name)) for name in ("metrics.csv", "model.safetensors", "checkpoints/*"))

    def discard(self) -> None:
        """Remove the folder of a run that failed before its first step was logged; one with results stays."""
        if not self.begun():
            shutil.rmtree(self.folder, ignore_errors=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process; a second process is refused with `RunError`. Released even by kill -9."""
        try:
            handle = (self.folder / ".lock").open("w")
        except OSError as error:
            raise OutputError(f"cannot write into the run folder {self.folder}: {error.strerror}") from error
        with handle:
            try:
                _lock(handle)
            except OSError as error:
                raise RunError(f"{self.folder} is in use by another process: wait for it, or choose another --run") from error
            yield

    def recipe(self) -> tuple[str, dict[str, Any]]:
        """The name of the recipe and all its settings, as `write_recipe` left them."""
        try:
            values = yaml.safe_load((self.folder / "recipe.yaml").read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise RunError(f"cannot read {self.folder / 'recipe.yaml'}: {' '.join(str(error).split())}") from error
        if not isinstance(values, dict) or "recipe" not in values:
            raise RunError(f"{self.folder / 'recipe.yaml'} is damaged: it must say `recipe: NAME`")
        return str(values.pop("recipe")), values

    def write_recipe(self, recipe: str, config: Config) -> None:
        """Write recipe.yaml, complete and resolved, and add to environment.json what it is run with now."""
        values = {"recipe": recipe} | config.model_dump(mode="json")
        text = f"# alebrije train {self.folder}/recipe.yaml\n" + yaml.safe_dump(values, sort_keys=False)
        with atomic(self.folder / "recipe.yaml", force=True) as path:
            path.write_text(text, encoding="utf-8")
        with atomic(self.folder / "environment.json", force=True) as path:
            path.write_text(json.dumps([*self.environments(), environment()], indent=2), encoding="utf-8")

    def environments(self) -> list[dict[str, Any]]:
        """What the run was begun with, and what it was gone on with each time after; empty if that is not known."""
        with contextlib.suppress(OSError, ValueError):
            known: list[dict[str, Any]] = json.loads((self.folder / "environment.json").read_text(encoding="utf-8"))
            return known
        return []

    def log(self, step: int, epoch: float, seconds: float, values: Mapping[str, float]) -> None:
        """Append a row to metrics.csv. The first row fixes the columns; a name that comes later is refused."""
        path = self.folder / "metrics.csv"
        if not self._columns:
            self._columns = next(csv.reader(self._rows()), [])
        fresh = not self._columns
        if fresh:
            self._columns = [*ROW, *values]
        row = {"step": step, "epoch": f"{epoch:.4f}", "seconds": f"{seconds:.2f}"} | {k: f"{v:.6g}" for k, v in values.items()}
        with path.open("a", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, self._columns, lineterminator="\n")
            if fresh:
                writer.writeheader()
            writer.writerow(row)

    def forget_after(self, step: int) -> None:
        """Drop the rows of metrics.csv that lie after `step`: a resumed run writes them again."""
        path, rows = self.folder / "metrics.csv", self._rows()
        if path.exists():
            kept = rows[:1] + [row for row in rows[1:] if int(row.partition(",")[0]) <= step]
            with atomic(path, force=True) as temporary:
                temporary.write_text("".join(f"{row}\n" for row in kept), encoding="utf-8")

    def write_model(self, weights: Mapping[str, Tensor], header: Mapping[str, Any]) -> Path:
        """Write model.safetensors, the one file to share; `header` (licence, data, metrics ...) is joined by the recipe.

        safetensors keeps texts only, so every entry of the header is JSON. One is the sha256 of the tensors, by which those who
        read the file know that it is whole.
        """
        from safetensors.torch import save_file

        from alebrije.core.checkpoint import own_copy
        from alebrije.core.tensorfiles import checksum

        recipe, settings = self.recipe()
        full = {"alebrije": alebrije.__version__, "recipe": {"recipe": recipe, **settings}, **header}
        path = self.folder / "model.safetensors"
        tensors = {name: own_copy(tensor) for name, tensor in weights.items()}
        full["sha256"] = checksum(tensors)
        with atomic(path, force=True) as temporary:
            save_file(tensors, temporary, {name: json.dumps(value) for name, value in full.items()})
        return path

    def metrics(self) -> dict[str, list[float]]:
        """metrics.csv as columns of numbers; empty if nothing was logged yet."""
        rows = list(csv.DictReader(self._rows()))
        return {name: [float(row[name]) for row in rows] for name in rows[0]} if rows else {}

    def _rows(self) -> list[str]:
        """The header and the complete rows of metrics.csv; the last one is torn if the process was killed writing it."""
        try:
            text = (self.folder / "metrics.csv").read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        return text[: text.rfind("\n") + 1].splitlines()


def environment() -> dict[str, Any]:
    """What a result depends on besides its settings: versions, processor, git commit, command line."""
    packages = ("torch", "numpy", "pillow", "safetensors", "pydantic")
    return {
        "alebrije": alebrije.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor_name(),
        "packages": {name: metadata.version(name) for name in packages},
        "git_commit": _git_commit(),
        "command": sys.argv,
    }


def processor_name() -> str:
    """What the processor is sold as, or its kind where the system does not tell."""
    with contextlib.suppress(OSError, subprocess.SubprocessError, StopIteration):
        if platform.system() == "Linux":
            lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
            return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
        if platform.system() == "Darwin":
            command = ["sysctl", "-n", "machdep.cpu.brand_string"]
            return subprocess.run(command, capture_output=True, text=True, check=True, timeout=5).stdout.strip()
    return platform.processor() or platform.machine()


def _git_commit() -> str | None:
    """The commit of the checkout this code runs from, or None for an installed copy."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        root = Path(__file__).parents[2]
        if (root / ".git").exists():
            command = ["git", "-C", str(root), "rev-parse", "HEAD"]
            return subprocess.run(command, capture_output=True, text=True, check=True, timeout=5).stdout.strip()
    return None


def _lock(handle: IO[str]) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
