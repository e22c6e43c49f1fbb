"""A checkpoint is complete or it does not count, and holds exactly what was put in."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from alebrije.core import checkpoint
from alebrije.errors import RunError

DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.uint8, torch.bool]


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    shape = draw(st.lists(st.integers(0, 3), max_size=4))
    tensor = torch.rand(shape, generator=torch.Generator().manual_seed(draw(st.integers(0, 99)))) * 200
    tensor = tensor.to(draw(st.sampled_from(DTYPES)))
    return tensor.mT if tensor.ndim > 1 and draw(st.booleans()) else tensor


KEYS = st.one_of(st.text(max_size=5), st.integers(-3, 3), st.sampled_from(["a/b", "a", "b", "1", "$tensor", "$dict", ""]))
LEAVES = st.one_of(tensors(), st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5))
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.lists(inner, max_size=3).map(tuple), st.dictionaries(KEYS, inner, max_size=4)
    ),
    max_leaves=12,
)


def same(a: Any, b: Any) -> bool:
    """Whether two trees are equal in values, types, dtypes and shapes; NaN equals NaN."""
    if type(a) is not type(b):
        return False
    if isinstance(a, Tensor):
        return a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


@settings(max_examples=200, deadline=None)
@given(TREES)
def test_any_tree_survives_packing_and_json(tree: Any) -> None:
    found: dict[str, Tensor] = {}
    document = json.loads(json.dumps(checkpoint.pack(tree, found)))
    assert same(checkpoint.unpack(document, found), tree)


@settings(max_examples=15, deadline=None)
@given(tree=TREES)
def test_any_tree_survives_the_disk(tree: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("checkpoints")
    checkpoint.save(folder, 7, tree)
    step, loaded, notices = checkpoint.load_latest(folder)
    assert (step, notices) == (7, [])
    assert same(loaded, tree)


def test_tensors_that_share_memory_are_kept_apart(tmp_path: Path) -> None:
    weight = torch.rand(4, 4)
    tree = {"one": weight, "same": weight, "row": weight[1], "turned": weight.mT}
    checkpoint.save(tmp_path, 1, tree)
    assert same(checkpoint.load_latest(tmp_path)[1], tree)


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.SGD, torch.optim.RMSprop, torch.optim.AdamW])
def test_networks_and_optimizers_come_back(kind: Any, tmp_path: Path) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).to(memory_format=torch.channels_last)
    optimizer = kind(network.parameters(), lr=0.01)
    network(torch.rand(2, 3, 5, 5)).square().mean().backward()
    optimizer.step()
    tree = {"network": dict(network.state_dict()), "optimizer": optimizer.state_dict(), "nan": math.nan, "inf": -math.inf}
    checkpoint.save(tmp_path, 1, tree)
    _, loaded, _ = checkpoint.load_latest(tmp_path)
    assert math.isnan(loaded.pop("nan"))
    del tree["nan"]
    assert same(loaded, tree)
    kind(network.parameters(), lr=1).load_state_dict(loaded["optimizer"])


def test_the_newest_are_kept_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for step in (999_998, 999_999, 1_000_000, 1_000_001):
        checkpoint.save(tmp_path, step, {"step": step}, keep=2)
    assert [path.name for path in checkpoint.numbered(tmp_path)] == ["1000000", "1000001"]
    assert checkpoint.load_latest(tmp_path)[0] == 1_000_001


@pytest.mark.parametrize("name", ["tensors.safetensors", "state.json", "manifest.json"])
def test_one_flipped_bit_anywhere_is_noticed_and_the_one_before_is_used(name: str, tmp_path: Path) -> None:
    for step in (1, 2):
        checkpoint.save(tmp_path, step, {"weight": torch.full((3,), float(step)), "step": step})
    path = tmp_path / "000002" / name
    sound = path.read_bytes()
    positions = range(0, len(sound), max(1, len(sound) // 25))
    for position in positions:
        path.write_bytes(sound[:position] + bytes([sound[position] ^ 4]) + sound[position + 1 :])
        step, tree, notices = checkpoint.load_latest(tmp_path)
        assert step == tree["step"] == (1 if checkpoint.damage(path.parent) else 2)
        assert name == "manifest.json" or step == 1
        assert [notice[:17] for notice in notices] == (["checkpoint 000002"] if step == 1 else [])
    path.write_bytes(sound)
    assert checkpoint.load_latest(tmp_path)[0] == 2


@pytest.mark.parametrize("missing", ["tensors.safetensors", "state.json"])
def test_a_checkpoint_that_lost_a_file_is_passed_over(missing: str, tmp_path: Path) -> None:
    for step in (1, 2):
        checkpoint.save(tmp_path, step, {"step": step, "weight": torch.ones(1)})
    (tmp_path / "000002" / missing).unlink()
    step, _, notices = checkpoint.load_latest(tmp_path)
    assert step == 1
    assert len(notices) == 1


def test_a_checkpoint_without_manifest_was_never_finished(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, {"step": 1})
    (tmp_path / "000005").mkdir()
    (tmp_path / "000005" / "state.json").write_text("{}")
    assert checkpoint.load_latest(tmp_path) == (1, {"step": 1}, [])


def test_an_unfinished_checkpoint_never_drives_out_a_good_one(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, {"step": 1})
    (tmp_path / "000005").mkdir()
    checkpoint.save(tmp_path, 2, {"step": 2}, keep=1)
    assert [path.name for path in tmp_path.iterdir()] == ["000002"]


def test_nothing_intact_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no intact checkpoint"):
        checkpoint.load_latest(tmp_path)
    checkpoint.save(tmp_path, 1, {"step": 1})
    (tmp_path / "000001" / "manifest.json").write_text("[]")
    with pytest.raises(RunError, match="another --run"):
        checkpoint.load_latest(tmp_path)


def test_saving_again_replaces(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, {"value": "old", "weight": torch.ones(1)})
    checkpoint.save(tmp_path, 1, {"value": "new"})
    assert checkpoint.load_latest(tmp_path) == (1, {"value": "new"}, [])


def test_random_numbers_go_on_where_they_were() -> None:
    state = checkpoint.random_state()
    first = torch.rand(3)
    checkpoint.restore_random_state(state)
    assert torch.equal(torch.rand(3), first)


SAVE_FOR_EVER = """
import sys, itertools, torch
from pathlib import Path
from alebrije.core import checkpoint
folder = Path(sys.argv[1])
first = checkpoint.load_latest(folder)[0] if checkpoint.numbered(folder) else 0
for step in itertools.count(first + 1):
    checkpoint.save(folder, step, {"step": step, "weight": torch.full((200_000,), float(step))}, keep=2)
    print(step, flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="POSIX signals")
def test_a_kill_at_any_moment_leaves_a_readable_newest_checkpoint(tmp_path: Path) -> None:
    for milliseconds in (1, 4, 9):
        command = [sys.executable, "-c", SAVE_FOR_EVER, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            finished = [int(process.stdout.readline()) for _ in range(3)]
            time.sleep(milliseconds / 1000)
            process.kill()
        step, tree, notices = checkpoint.load_latest(tmp_path)
        assert notices == []
        assert step >= finished[-1]
        assert torch.equal(tree["weight"], torch.full((200_000,), float(step)))
