"""What a GAN says to data, settings and checkpoints that cannot be right, and what it does where memory or numbers fail."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from alebrije import events, steps
from alebrije.core import checkpoint
from alebrije.data.draw import creature, write
from alebrije.errors import ConfigError, DataError, NumericsError, RunError
from alebrije.gan import memory, record, show
from alebrije.gan.nets.dcgan import ConvGenerator
from alebrije.runs import Run

TINY: dict[str, Any] = {"steps": 4, "pictures": 16, "batch_size": 4, "sample_every": 100, "checkpoint_every": 1, "device": "cpu",
                        "precision": "fp32", "size": "16", "latent_dim": 4, "width": 0.03, "hold_out": 0.0}  # fmt: skip


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "draw", lambda *given: [])
    monkeypatch.setattr(show, "keepsakes", lambda *given: [])
    monkeypatch.setattr("alebrije.gan.run.write_report", lambda run: run.folder / "recipe.yaml")


def train(folder: Path, kind: str = "dcgan28", **settings: Any) -> list[str]:
    """The warnings of a tiny training."""
    heard = list(steps.train(f"gan/{kind}", run=folder, **TINY | settings))
    assert isinstance(heard[-1], events.Done)
    return [event.message for event in heard if isinstance(event, events.Warned)]


def resume(folder: Path, **settings: Any) -> list[str]:
    """The warnings of a run that goes on."""
    return [event.message for event in steps.train("", run=folder, resume=True, **settings) if isinstance(event, events.Warned)]


def pictures(folder: Path, count: int, seed: int = 0) -> str:
    """A folder of drawn creatures."""
    list(write(folder, count, size=16, seed=seed))
    return str(folder)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "bcd"}, "unknown loss bcd"),
        ({"augment": "dif"}, r"unknown augmentation dif \(did you mean diff"),
        ({"augment_policy": "colour"}, "did you mean color"),
        ({"batches": "shuffle"}, "unknown batch scheme shuffle"),
        ({"size": "wide"}, "^size: must be one side in pixels"),
        ({"size": "15"}, "both sides must be multiples of 2"),
        ({"max_share": 0.2}, "^max_share must be 0.1 or less"),
        ({"augment_probability": 0.9}, "^augment_probability must be 0.8 or less"),
        ({"tags": (creature(0, 16).tags[0],)}, "cannot be steered by tags"),
        ({"steps": 0}, "say how long to train"),
    ],
)
def test_settings_that_cannot_work(settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        train(tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("style", {"spectral_norm": True}, "gan/style scales its weights itself"),
        ("progan128", {"spectral_norm": True, "stages": 2}, "gan/progan scales its weights itself"),
        ("progan128", {"epochs": 3, "stages": 2}, "^epochs must be 0 or less"),
    ],
)
def test_settings_that_would_do_nothing(kind: str, settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        train(tmp_path / "run", kind, **settings)


def test_a_tag_that_no_creature_has(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no creature has the tag moustache"):
        train(tmp_path / "run", "r3", tags=("moustache",))


def test_one_picture_is_too_few(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(DataError, match="holds 1 picture: a GAN learns what many have in common, give it 8 or more"):
        train(tmp_path / "run", data=pictures(tmp_path / "one", 1))


def test_fewer_pictures_than_a_batch(tmp_path: Path, cache: Path) -> None:
    heard = train(tmp_path / "run", data=pictures(tmp_path / "few", 9), batch_size=64)
    assert "9 pictures are less than a batch of 64: each batch has all of them" in heard
    assert Run(tmp_path / "run").metrics()["epoch"] == [1, 2, 3, 4]


def test_single_pictures_do_not_go_with_a_norm_over_the_batch(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="batches=single gives it nothing to compare"):
        train(tmp_path / "run", "dcgan-mnist", data=None, epochs=0, batches="single")
    train(tmp_path / "run", batches="single")


def test_data_that_changed_are_refused_unless_that_is_meant(tmp_path: Path, cache: Path) -> None:
    folder = pictures(tmp_path / "pictures", 10)
    train(tmp_path / "run", data=folder)
    (tmp_path / "pictures" / "000003.png").unlink()
    (tmp_path / "pictures" / "metadata.jsonl").unlink()
    with pytest.raises(DataError, match=r"changed since this run began \(10 pictures then, 9 now\).*changed_data=data-") as said:
        resume(tmp_path / "run", steps=6)
    mark = str(said.value).rpartition("=")[2]
    with pytest.raises(DataError, match="have changed"):
        resume(tmp_path / "run", steps=6, changed_data="data-00000000")
    heard = resume(tmp_path / "run", steps=6, changed_data=mark)
    assert any("going on with those of now" in message for message in heard)
    assert Run(tmp_path / "run").metrics()["step"] == [1, 2, 3, 4, 5, 6]


def test_a_flipped_bit_in_a_checkpoint_and_the_one_before_is_used(tmp_path: Path) -> None:
    train(tmp_path / "run")
    newest = checkpoint.numbered(tmp_path / "run" / "checkpoints")[-1] / "tensors.safetensors"
    data = bytearray(newest.read_bytes())
    data[-3] ^= 1
    newest.write_bytes(data)
    heard = resume(tmp_path / "run")
    assert heard[0].startswith("checkpoint 000004 is damaged")
    assert Run(tmp_path / "run").metrics()["step"] == [1, 2, 3, 4]


def test_too_little_memory_says_which_batch_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = ConvGenerator.forward

    def greedy(self: ConvGenerator, latents: Tensor, tags: Tensor | None = None) -> Tensor:
        if len(latents) > 5:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory")
        return draw(self, latents, tags)

    monkeypatch.setattr(ConvGenerator, "forward", greedy)
    with pytest.raises(ConfigError, match=r"too little memory for 16 pictures at once; 4 fit: .*--set batch_size=4"):
        train(tmp_path / "run", batch_size=16)
    with pytest.raises(RuntimeError, match="a mistake of ours"):
        memory.guarded(lambda state, batch: mistake(), None)(None, torch.zeros(1))  # type: ignore[arg-type]


def mistake() -> dict[str, float]:
    raise RuntimeError("a mistake of ours")


def test_numbers_that_go_bad_are_taken_back_with_smaller_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw, rates = ConvGenerator.forward, []

    def bad(self: ConvGenerator, latents: Tensor, tags: Tensor | None = None) -> Tensor:
        images = draw(self, latents, tags)
        return images * float("nan") if self.training and not rates else images

    monkeypatch.setattr("alebrije.core.fit.BAD_STEPS_ALLOWED", 1)
    train(tmp_path / "run", steps=2)
    monkeypatch.setattr(ConvGenerator, "forward", bad)
    with pytest.raises(NumericsError, match="smaller steps did not help"):
        resume(tmp_path / "run", steps=8)
    rates.append(1)
    resume(tmp_path / "run", steps=8)
    state = checkpoint.load_latest(tmp_path / "run" / "checkpoints")[1]
    assert state["optimizers"]["generator"]["param_groups"][0]["lr"] == pytest.approx(2e-4 / 8)


def test_one_stage_again_from_the_one_before(tmp_path: Path) -> None:
    growing = {"stages": 3, "stage_steps": 2, "steps": 0}
    train(tmp_path / "whole", "progan128", **growing)
    train(tmp_path / "again", "progan128", **growing, start=str(tmp_path / "whole"), first_stage=16)
    assert Run(tmp_path / "again").metrics()["stage"] == [2, 2]
    with pytest.raises(RunError, match="of another size"):
        train(tmp_path / "other", "progan128", **growing | {"width": 0.06}, start=str(tmp_path / "whole"), first_stage=16)
    with pytest.raises(RunError, match="is not a run folder"):
        train(tmp_path / "none", "progan128", **growing, start=str(tmp_path / "nowhere"), first_stage=8)
    train(tmp_path / "dense", "dense", steps=1)
    with pytest.raises(RunError, match="is a run of gan/dense, which does not grow"):
        train(tmp_path / "none", "progan128", **growing, start=str(tmp_path / "dense"), first_stage=8)
    shutil.rmtree(tmp_path / "whole" / "stages" / "0004")
    with pytest.raises(RunError, match="has not finished its stage of 4 pixels"):
        train(tmp_path / "none", "progan128", **growing, start=str(tmp_path / "whole"), first_stage=8)
    with pytest.raises(ConfigError, match="needs the stage before it"):
        train(tmp_path / "none", "progan128", **growing, first_stage=8)
    shutil.rmtree(tmp_path / "whole")
    resume(tmp_path / "again", steps=3)  # what has begun needs the other run no more
    assert Run(tmp_path / "again").metrics()["stage"] == [2, 2, 2]


def test_spectral_norms_are_at_most_one(tmp_path: Path) -> None:
    from alebrije.gan.nets.dcgan import ConvDiscriminator

    train(tmp_path / "run", spectral_norm=True, steps=4, loss="hinge")
    tree = checkpoint.load_latest(tmp_path / "run" / "checkpoints")[1]
    assert any("parametrizations" in name for name in tree["networks"]["discriminator"])
    network = ConvDiscriminator((1, 16, 16), width=0.1)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.utils.parametrizations.spectral_norm(module, n_power_iterations=50)
            assert torch.linalg.matrix_norm(module.weight.flatten(1), 2) <= 1.01
