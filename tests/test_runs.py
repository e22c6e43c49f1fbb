"""The run folder: one process at a time, nothing lost, one file to share."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

import alebrije
from alebrije import runs, steps
from alebrije.core.fit import TrainConfig
from alebrije.errors import ConfigError, DataError, OutputError, RunError
from alebrije.runs import Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run.create(tmp_path / "run")
    run.write_recipe("autoencoder/creatures", TrainConfig(steps=7))
    return run


def test_a_new_folder_has_its_rooms(run: Run) -> None:
    rooms = {"samples", "plots", "checkpoints", "recipe.yaml", "environment.json"}
    assert {path.name for path in run.folder.iterdir()} == rooms


def test_the_recipe_is_complete_and_comes_back(run: Run) -> None:
    name, settings = Run.open(run.folder).recipe()
    assert name == "autoencoder/creatures"
    assert TrainConfig(**settings) == TrainConfig(steps=7)
    assert set(settings) == set(TrainConfig.model_fields)


def test_the_environment_says_what_the_result_depends_on(run: Run) -> None:
    (found,) = json.loads((run.folder / "environment.json").read_text())
    assert found["alebrije"] == alebrije.__version__
    assert found["packages"]["torch"] == torch.__version__
    assert {"python", "platform", "processor", "git_commit", "command"} <= set(found)


def test_a_folder_with_a_run_is_not_taken_again(run: Run) -> None:
    run.log(1, 0.1, 1.0, {"loss": 1.0})
    with pytest.raises(RunError, match="--resume"):
        Run.create(run.folder)


def test_a_folder_whose_run_failed_before_its_first_step_is_free(run: Run) -> None:
    assert Run.create(run.folder).folder == run.folder


@pytest.mark.parametrize("name", ["model.safetensors", "checkpoints/000001"])
def test_a_folder_with_anything_learnt_in_it_is_not_free(name: str, run: Run) -> None:
    (run.folder / name).mkdir()
    with pytest.raises(RunError, match="holds a run already"):
        Run.create(run.folder)


def test_what_is_no_run_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a run folder"):
        Run.open(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot make the run folder"):
        Run.create(tmp_path / "file" / "run")


@pytest.mark.parametrize("content", [b"steps: [", b"- a list", b"steps: 3", b"\xff\xfe", b""])
def test_a_damaged_recipe_is_named(content: bytes, run: Run) -> None:
    (run.folder / "recipe.yaml").write_bytes(content)
    with pytest.raises(RunError, match=r"recipe\.yaml") as caught:
        run.recipe()
    assert "\n" not in str(caught.value)


def test_each_time_a_run_goes_on_its_environment_is_added(run: Run) -> None:
    (first,) = run.environments()
    run.write_recipe("autoencoder/creatures", TrainConfig(steps=9))
    assert run.environments()[0] == first
    assert len(run.environments()) == 2
    assert len(Run.create(run.folder).environments()) == 0


@pytest.mark.parametrize(
    ("recipe", "folder"),
    [("features/compact", "runs/features-compact"), ("mine.yaml", "runs/mine"), ("./sub/mine.yml", "runs/mine")],
)
def test_runs_have_a_place_of_their_own(recipe: str, folder: str) -> None:
    assert Run.default_folder(recipe) == Path(folder)


HOLD = """
import sys, time
from pathlib import Path
from alebrije.runs import Run
with Run(Path(sys.argv[1])).locked():
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_refused_and_a_kill_releases(run: Run) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(run.folder)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(RunError, match="in use by another process"), run.locked():
            pytest.fail("two at once")
        process.kill()
    with run.locked():
        pass


def test_the_lock_is_released_when_the_work_fails(run: Run) -> None:
    with pytest.raises(ZeroDivisionError), run.locked():
        raise ZeroDivisionError
    with run.locked():
        pass


def test_a_folder_that_cannot_be_written_to_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write into the run folder"), Run(tmp_path / "none").locked():
        pytest.fail("nothing to lock")


def test_metrics_come_back_as_columns(run: Run) -> None:
    assert run.metrics() == {}
    for step in (1, 2):
        run.log(step, step / 4, step * 1.5, {"loss": 1 / step, "nan": float("inf")})
    columns = Run.open(run.folder).metrics()
    assert columns == {"step": [1, 2], "epoch": [0.25, 0.5], "seconds": [1.5, 3], "loss": [1, 0.5], "nan": [float("inf")] * 2}


def test_another_process_goes_on_with_the_same_columns(run: Run) -> None:
    run.log(1, 0.1, 1.0, {"loss": 1.0, "other": 2.0})
    Run.open(run.folder).log(2, 0.2, 2.0, {"other": 4.0, "loss": 3.0})
    assert run.metrics()["loss"] == [1, 3]
    with pytest.raises(ValueError, match="new"):
        run.log(3, 0.3, 3.0, {"new": 1.0})


TABLE = "step,epoch,seconds,loss\n10,0.1,1.0,0.5\n20,0.2,2.0,0.25\n30,0.3,3.0,0.125\n"


@pytest.mark.parametrize("torn", ["", "4", "40", "40,0.4,4.", "40,0.4,4.0,0.0"])
def test_a_torn_last_row_does_not_count(torn: str, run: Run) -> None:
    path = run.folder / "metrics.csv"
    path.write_text(TABLE + torn)
    assert run.metrics()["loss"] == [0.5, 0.25, 0.125]
    run.forget_after(1000)
    assert path.read_text() == TABLE


def test_rows_after_a_step_are_forgotten(run: Run) -> None:
    path = run.folder / "metrics.csv"
    path.write_text(TABLE)
    run.forget_after(20)
    assert run.metrics()["step"] == [10, 20]
    run.forget_after(0)
    assert run.metrics() == {}
    run.log(1, 0.1, 1.0, {"loss": 7.0})
    assert run.metrics()["loss"] == [7]


def test_a_torn_header_is_written_anew(run: Run) -> None:
    (run.folder / "metrics.csv").write_text("step,epo")
    run.forget_after(0)
    run.log(1, 0.1, 1.0, {"loss": 7.0})
    assert run.metrics() == {"step": [1], "epoch": [0.1], "seconds": [1], "loss": [7]}


def test_forgetting_where_nothing_was_logged_makes_no_file(run: Run) -> None:
    run.forget_after(10)
    assert not (run.folder / "metrics.csv").exists()


def test_the_file_to_share_says_where_it_comes_from(run: Run) -> None:
    weight = torch.rand(3, 4, 5, 6).to(memory_format=torch.channels_last)
    tied = {"weight": weight, "same": weight, "half": torch.ones(2, dtype=torch.bfloat16)}
    path = run.write_model(tied, {"licence": "Apache-2.0", "metrics": {"mse": 0.1}, "data": "drawn creatures"})
    with safe_open(path, "pt") as model:
        header = {name: json.loads(text) for name, text in model.metadata().items()}
        assert torch.equal(model.get_tensor("weight"), weight)
        assert torch.equal(model.get_tensor("same"), weight)
        assert model.get_tensor("half").dtype == torch.bfloat16
    assert header["alebrije"] == alebrije.__version__
    assert header["recipe"]["recipe"] == "autoencoder/creatures"
    assert header["recipe"]["steps"] == 7
    assert (header["licence"], header["metrics"], header["data"]) == ("Apache-2.0", {"mse": 0.1}, "drawn creatures")


@pytest.mark.parametrize(
    ("recipe", "settings", "message"),
    [
        ("autoencoder/creature", {}, "did you mean autoencoder/creatures"),
        ("autoencoder/creatures", {"stepz": 3}, "did you mean steps"),
        ("autoencoder/creatures", {"steps": 0}, "steps must be"),
        ("autoencoder/creatures", {"seed": 2**64}, "seed must be"),
        ("autoencoder/creatures", {"batch_size": 1}, "batch_size must be"),
    ],
)
def test_a_mistake_in_the_settings_leaves_no_folder(recipe: str, settings: dict[str, int], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        next(steps.train(recipe, run=tmp_path / "run", **settings))
    assert not (tmp_path / "run").exists()


def test_a_run_that_fails_before_its_first_step_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        list(steps.train("autoencoder/creatures", run=tmp_path / "run", data=str(tmp_path / "nowhere")))
    assert not (tmp_path / "run").exists()


def test_a_folder_that_was_there_before_stays(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    with pytest.raises(DataError):
        list(steps.train("autoencoder/creatures", run=tmp_path / "run", data=str(tmp_path / "nowhere")))
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"


def test_results_are_never_discarded(run: Run) -> None:
    run.log(1, 0.1, 1.0, {"loss": 1.0})
    run.discard()
    assert run.metrics()["loss"] == [1]


def test_two_recipes_of_the_users_own_have_a_run_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text("recipe: autoencoder/creatures\nsize: 16\n")
        training = steps.train(f"{name}.yaml")
        next(training)
        assert Run.open(Path("runs") / name).recipe()[0] == "autoencoder/creatures"


def test_a_run_that_goes_on_stays_what_it_was(run: Run) -> None:
    with pytest.raises(ConfigError, match=r"learning_rate of a run that goes on stays 0\.001"):
        next(steps.train("", run=run.folder, resume=True, learning_rate=0.5))
    with pytest.raises(RunError, match=r"is a run of autoencoder/creatures, not of features/compact"):
        next(steps.train("features/compact", run=run.folder, resume=True))
    with pytest.raises(RunError, match="not a run folder"):
        next(steps.train("", run=run.folder / "none", resume=True))


def test_an_installed_copy_has_no_commit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(runs, "__file__", str(tmp_path / "a" / "b" / "c.py"))
    assert runs.environment()["git_commit"] is None
