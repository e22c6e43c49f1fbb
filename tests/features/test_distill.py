"""The distillation: its losses are zero where they should be, and a step makes the student better."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from alebrije import features
from alebrije.core import image
from alebrije.core.fit import Shuffled, State
from alebrije.core.tensorfiles import read_safetensors, write_safetensors
from alebrije.data.draw import creature
from alebrije.errors import ConfigError
from alebrije.events import Done
from alebrije.features import layouts
from alebrije.features.crops import Crops
from alebrije.features.distill import (
    LAYERS,
    SQUEEZENET,
    TEACHER,
    DistillConfig,
    Student,
    distillation_losses,
    log_distance_error,
    make_step,
    train,
)
from alebrije.features.extractor import Extractor
from alebrije.runs import Run


def teachers() -> tuple[Extractor, Extractor]:
    vgg = features.build("vgg16", None, tuple(TEACHER.values()), pooling="avg")
    return vgg, features.build("squeezenet1_1", None, tuple(SQUEEZENET.values()), pooling="avg")


def test_distances_may_differ_by_one_factor_and_no_more() -> None:
    points = torch.randn(6, 10)
    rotation = torch.linalg.qr(torch.randn(10, 10)).Q
    assert float(log_distance_error(points, 3 * points @ rotation + 1)) < 1e-6
    assert float(log_distance_error(points, torch.randn(6, 10))) > 0.01


def test_pushing_on_the_distance_error_restores_the_distances() -> None:
    theirs, ours = torch.randn(5, 4), torch.randn(5, 4, requires_grad=True)
    optimizer = torch.optim.Adam([ours], lr=0.05)
    for _ in range(400):
        optimizer.zero_grad()
        loss = log_distance_error(ours, theirs)
        loss.backward()
        optimizer.step()
    ratio = torch.pdist(ours.detach()) / torch.pdist(theirs)
    assert float(ratio.std() / ratio.mean()) < 0.02


def test_a_perfect_student_has_no_loss() -> None:
    student = Student(features.build("compact", None, LAYERS, pooling="avg"), *teachers())
    mine = {name: tap.detach() for name, tap in student.compact(torch.rand(4, 3, 64, 64)).items()}
    projected: dict[str, Tensor] = {TEACHER[name]: student.to_vgg[name](mine[name]).detach() for name in LAYERS}
    others = {other: student.to_squeezenet[name](mine[name]).detach() for name, other in SQUEEZENET.items()}
    losses = distillation_losses(student, mine, projected, others)
    for name in ("feature", "gram", "squeezenet"):
        assert float(losses[name].detach()) < 1e-9, name
    assert float(losses["distance"].detach()) > 0  # random projections change distances


def test_a_step_trains_the_student_alone_and_remembers_where_style_transfer_led() -> None:
    vgg, squeezenet = teachers()
    student = Student(features.build("compact", None, LAYERS, pooling="avg"), vgg, squeezenet)
    config = DistillConfig(steps=100, batch_size=4, size=64, visit_every=2, visit_steps=2, precision="fp32")
    crops = Crops([[torch.randint(0, 256, (1, 3, 80, 80), dtype=torch.uint8) for _ in range(8)]], config.size)
    step = make_step(config, crops, vgg, squeezenet, torch.device("cpu"))
    optimizer = torch.optim.Adam(student.parameters(), lr=config.learning_rate)
    state = State({"student": student}, {"student": optimizer}, Shuffled(len(crops), config.batch_size, 0))
    before = {name: value.clone() for name, value in student.state_dict().items()}
    for count in range(1, 4):
        values = step(state, next(state.batches))
        state.step += 1
        assert set(values) == {"feature", "gram", "distance", "squeezenet"}
        assert optimizer.param_groups[0]["lr"] == pytest.approx(config.learning_rate * count / 50)
    assert all(not torch.equal(value, before[name]) for name, value in student.state_dict().items())
    assert all(parameter.grad is None for network in (vgg, squeezenet) for parameter in network.parameters())
    assert state.extra["visited"].shape == (16, 3, 64, 64)


def test_training_needs_pictures(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--data FOLDER"):
        next(train(DistillConfig(), Run.create(tmp_path / "run")))


@pytest.mark.slow
def test_from_a_folder_of_pictures_to_the_file_that_is_shipped(tmp_path: Path, cache: Path) -> None:
    for name in ("vgg16", "squeezenet1_1"):
        shapes = layouts.shapes(name)
        drawn = {key: torch.randn(shape) * (2 / max(1, math.prod(shape[1:]))) ** 0.5 for key, shape in shapes.items()}
        (cache / "weights").mkdir(exist_ok=True)
        write_safetensors(cache / "weights" / f"{name}.safetensors", drawn, {"network": name, "source": "drawn at random"})
    (tmp_path / "pictures" / "drawn").mkdir(parents=True)
    for seed in range(24):
        image.save(creature(seed, 96).image, tmp_path / "pictures" / "drawn" / f"{seed}.png")
    settings = {"steps": 2, "batch_size": 4, "size": 64, "start_crops": 16, "visit_steps": 2, "hold_out": 3}
    config = DistillConfig(data=str(tmp_path / "pictures"), sample_every=2, log_every=1, **settings)
    run = Run.create(tmp_path / "run")
    run.write_recipe("features/compact", config)
    events = list(train(config, run))
    result = events[-1]
    assert isinstance(result, Done)
    assert result.result.report["steps"] == 2
    assert set(result.result.report["metrics"]) >= {"style", "content"}
    weights, header = read_safetensors(run.folder / "compact.safetensors")
    assert layouts.take("compact", weights)
    assert {value.dtype for value in weights.values()} == {torch.float16}
    assert header["network"] == "compact"
    assert "steps: 2" in header["recipe"]
    assert json.loads(header["teachers"]) == {"vgg16": "drawn at random", "squeezenet1_1": "drawn at random"}
    assert len(header["pictures_sha256"]) == 64
    assert (run.folder / "model.safetensors").is_file()
    assert (run.folder / "report.html").is_file()
    assert (run.folder / "samples" / "000002.png").is_file()
