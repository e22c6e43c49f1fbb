"""Weights at hand, imported and verified, with VGGs of the true layout and few channels."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from alebrije import features
from alebrije.core import weights
from alebrije.core.tensorfiles import write_safetensors
from alebrije.errors import OutputError, WeightsError
from alebrije.features import layouts

MakeVgg = Callable[..., dict[str, Tensor]]


class Bomb:
    """What a malicious pickle does: run a program as soon as it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def in_cache(cache: Path) -> list[str]:
    return sorted(path.name for path in (cache / "weights").rglob("*"))


def test_what_is_not_at_hand_says_how_to_get_it(cache: Path) -> None:
    assert not weights.at_hand("vgg19")
    with pytest.raises(WeightsError, match="alebrije weights fetch vgg19"):
        weights.find("vgg19")
    with pytest.raises(WeightsError, match="alebrije weights fetch stlpips"):
        weights.load("stlpips")


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(WeightsError, match=r"did you mean vgg19\?"):
        weights.find("vgg-19")


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors"])
@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_our_names_come_back_as_they_went_in_but_for_rounding(
    cache: Path, tmp_path: Path, name: str, suffix: str, slim_vgg: MakeVgg
) -> None:
    tensors, file = slim_vgg(name), tmp_path / f"mine{suffix}"
    save_file(tensors, file) if suffix == ".safetensors" else torch.save(tensors, file)
    assert weights.import_file(file, name) == cache / "weights" / f"{name}.safetensors"
    loaded = weights.load(name)
    assert loaded.keys() == tensors.keys()
    for key, tensor in tensors.items():
        torch.testing.assert_close(loaded[key].float(), tensor, rtol=2**-11, atol=1e-7)
    assert in_cache(cache) == [f"{name}.safetensors"]


def test_torchvisions_names_are_recognised_and_the_classifier_left_out(
    cache: Path, tmp_path: Path, slim_vgg: MakeVgg
) -> None:
    theirs = slim_vgg("vgg19", torchvision=True)
    parallel = {f"module.{key}": tensor for key, tensor in theirs.items()}
    torch.save({"epoch": 3, "state_dict": parallel}, tmp_path / "v.pth")
    assert weights.import_file(tmp_path / "v.pth").stem == "vgg19"
    loaded = weights.load("vgg19")
    assert len(loaded) == 32
    for ours, place in [("conv1_1", 0), ("conv2_2", 7), ("conv3_4", 16), ("conv5_4", 34)]:
        torch.testing.assert_close(loaded[f"{ours}.weight"], theirs[f"features.{place}.weight"].half())


def test_a_networks_answer_stays_the_same_under_another_input_convention(
    cache: Path, tmp_path: Path, slim_vgg: MakeVgg
) -> None:
    """torchvision's VGG-16 sees normalised RGB, ours BGR in 0..255: after the import, relu1_1 must be the same."""
    theirs = slim_vgg("vgg16", torchvision=True)
    torch.save(theirs, tmp_path / "v.pth")
    weights.import_file(tmp_path / "v.pth")
    images = torch.rand(2, 3, 16, 16)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    seen = (images - mean[:, None, None]) / deviation[:, None, None]
    expected = torch.nn.functional.conv2d(seen, theirs["features.0.weight"], theirs["features.0.bias"]).relu()
    found = features.load("vgg16", ["relu1_1"])(images)["relu1_1"]
    # Inside the frame; the border sees zero padding, which means another grey there (see `layouts.change_input`).
    torch.testing.assert_close(found[..., 1:-1, 1:-1], expected, rtol=0, atol=0.02)


def test_caffe_says_that_the_file_has_our_vgg16s_input_already(cache: Path, tmp_path: Path, slim_vgg: MakeVgg) -> None:
    theirs = slim_vgg("vgg16", torchvision=True)
    torch.save(theirs, tmp_path / "v.pth")
    weights.import_file(tmp_path / "v.pth", caffe=True)
    torch.testing.assert_close(weights.load("vgg16")["conv1_1.weight"], theirs["features.0.weight"].half())


def test_a_file_that_we_wrote_can_be_carried_to_another_machine(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slim_vgg: MakeVgg
) -> None:
    torch.save(slim_vgg("vgg16", torchvision=True), tmp_path / "v.pth")
    first = weights.import_file(tmp_path / "v.pth")
    before = load_file(first)
    shutil.copy(first, tmp_path / "carried.safetensors")
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("ALEBRIJE_CACHE", str(tmp_path / "other"))
    assert weights.import_file(tmp_path / "carried.safetensors").stem == "vgg16"
    assert all(torch.equal(tensor, before[key]) for key, tensor in weights.load("vgg16").items())
    assert weights.header("vgg16")["source"] == "imported from v.pth"


def made_up_compact() -> dict[str, Tensor]:
    return {name: torch.randn(shape).half() for name, shape in layouts.shapes("compact").items()}


@pytest.mark.parametrize("header", [{"network": "compact", "licence": "CC0-1.0"}, {}])
def test_a_compact_of_the_users_own_goes_before_the_shipped_one(cache: Path, tmp_path: Path, header: dict[str, str]) -> None:
    tensors = made_up_compact()
    write_safetensors(tmp_path / "mine.safetensors", tensors, header)
    path = weights.import_file(tmp_path / "mine.safetensors", "compact")
    assert path == weights.find("compact") == cache / "weights" / "compact.safetensors"
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in weights.load("compact").items())
    assert weights.header("compact")["source"] == "imported from mine.safetensors"
    assert [check for check in weights.verify() if check.name == "compact"] == [weights.Check("compact", path, None)]
    path.write_bytes(path.read_bytes()[:-4] + b"????")
    with pytest.raises(WeightsError, match="remove the file, which stands before the one that is shipped"):
        weights.load("compact")


def test_the_shipped_weights_need_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ALEBRIJE_CACHE", str(tmp_path / "file" / "cache"))
    assert weights.load("compact").keys() == layouts.shapes("compact").keys()


@pytest.mark.parametrize("name", ["h.png", "weights.txt", "weights"])
def test_files_of_another_kind_are_not_even_opened(cache: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"picture")
    with pytest.raises(WeightsError, match=r"weights come in files that end in \.pth, \.pt, \.safetensors, \.whl"):
        weights.import_file(tmp_path / name)


def test_code_in_a_pickle_is_refused_and_not_run(cache: Path, tmp_path: Path) -> None:
    torch.save({"conv1_1.weight": Bomb(tmp_path / "ran")}, tmp_path / "bad.pth")
    with pytest.raises(WeightsError, match="code from a file is never run"):
        weights.import_file(tmp_path / "bad.pth")
    assert not (tmp_path / "ran").exists()
    assert in_cache(cache) == []


def damaged(tensors: dict[str, Tensor], kind: str) -> dict[str, Tensor]:
    if kind == "missing":
        del tensors["conv3_2.bias"]
    elif kind == "shape":
        tensors["conv2_1.weight"] = torch.randn(4, 4, 5, 5)
    elif kind == "nan":
        tensors["conv4_1.bias"][2] = float("nan")
    elif kind == "large":
        tensors["conv4_1.bias"][2] = 1e6
    return tensors


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "there is no conv3_2.bias"),
        ("shape", r"conv2_1.weight has the shape \[4, 4, 5, 5\], not \[4, 4, 3, 3\]"),
        ("nan", "conv4_1.bias holds NaN or infinity"),
        ("large", "conv4_1.bias holds NaN or infinity"),  # float16 cannot hold a million
    ],
)
def test_weights_that_do_not_fit_are_refused_by_name(
    cache: Path, tmp_path: Path, kind: str, message: str, slim_vgg: MakeVgg
) -> None:
    torch.save(damaged(slim_vgg("vgg16"), kind), tmp_path / "v.pth")
    with pytest.raises(WeightsError, match=message) as caught:
        weights.import_file(tmp_path / "v.pth")
    assert str(tmp_path / "v.pth") in str(caught.value)
    assert in_cache(cache) == []


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"not weights at all", b"PK\x03\x04 half a zip", b"\x80\x02}q\x00"])
def test_files_that_are_no_weights_are_refused(cache: Path, tmp_path: Path, suffix: str, content: bytes) -> None:
    (tmp_path / f"v{suffix}").write_bytes(content)
    with pytest.raises(WeightsError, match=r"cannot import .*damaged"):
        weights.import_file(tmp_path / f"v{suffix}")


def test_other_networks_missing_files_and_wrong_names_are_refused(
    cache: Path, tmp_path: Path, slim_vgg: MakeVgg
) -> None:
    torch.save({"layer1.0.conv1.weight": torch.randn(4, 4, 3, 3)}, tmp_path / "resnet.pth")
    with pytest.raises(WeightsError, match=r"none of the networks .*layer1\.0\.conv1\.weight"):
        weights.import_file(tmp_path / "resnet.pth")
    torch.save([torch.randn(3)], tmp_path / "list.pth")
    with pytest.raises(WeightsError, match="no table of tensors"):
        weights.import_file(tmp_path / "list.pth")
    with pytest.raises(WeightsError, match="check the name of the file"):
        weights.import_file(tmp_path / "nothing.pth")
    torch.save(slim_vgg("vgg16"), tmp_path / "v.pth")
    with pytest.raises(WeightsError, match="holds the weights of vgg16, not of vgg19"):
        weights.import_file(tmp_path / "v.pth", "vgg19")


def test_a_flipped_bit_in_the_cache_is_found(cache: Path, tmp_path: Path, slim_vgg: MakeVgg) -> None:
    torch.save(slim_vgg("vgg16"), tmp_path / "v.pth")
    path = weights.import_file(tmp_path / "v.pth")
    assert [(check.name, check.problem) for check in weights.verify() if check.path == path] == [("vgg16", None)]
    data = bytearray(path.read_bytes())
    data[-7] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=r"sha256 .* run `alebrije weights fetch vgg16` to replace it"):
        weights.load("vgg16")
    problem = next(check.problem for check in weights.verify() if check.name == "vgg16")
    assert problem is not None
    assert "sha256" in problem


def test_files_under_a_wrong_name_are_found(cache: Path, tmp_path: Path, slim_vgg: MakeVgg) -> None:
    torch.save(slim_vgg("vgg16"), tmp_path / "v.pth")
    path = weights.import_file(tmp_path / "v.pth")
    shutil.copy(path, path.with_stem("vgg19"))
    shutil.copy(path, path.with_stem("wgg16"))
    with pytest.raises(WeightsError, match="holds the weights of vgg16, not of vgg19"):
        weights.load("vgg19")
    problems = {check.name: check.problem for check in weights.verify() if check.path.parent == cache / "weights"}
    assert problems["vgg16"] is None
    assert problems["vgg19"] is not None
    assert problems["wgg16"] is not None


def test_the_header_names_network_source_licence_and_checksums(cache: Path, tmp_path: Path, slim_vgg: MakeVgg) -> None:
    torch.save(slim_vgg("vgg16"), tmp_path / "v.pth")
    header = weights.header(weights.import_file(tmp_path / "v.pth").stem)
    assert header["network"] == "vgg16"
    assert header["source"] == "imported from v.pth"
    assert {len(header[key]) for key in ("sha256", "made_from_sha256")} == {64}
    assert json.dumps(header)


def test_a_cache_that_cannot_be_written_says_which(tmp_path: Path, cache: Path, slim_vgg: MakeVgg) -> None:
    torch.save(slim_vgg("vgg16"), tmp_path / "v.pth")
    (cache / "weights").write_text("a file where the folder should be")
    with pytest.raises(OutputError, match="set ALEBRIJE_CACHE to a folder you may write to"):
        weights.import_file(tmp_path / "v.pth")


def test_every_source_says_what_it_is() -> None:
    for name, source in weights.SOURCES.items():
        assert source.purpose, name
        assert source.licence, name
        assert source.origin, name
        assert bool(source.sha256) == bool(source.url or source.wheel), name
        assert len(source.sha256) in (0, 64), name
        assert source.url.startswith("https://") or not source.url, name
    for name in ("vgg19", "squeezenet1_1", "resnet18"):  # torchvision's rule: a name ends in the first digits of its sha256
        assert weights.SOURCES[name].sha256.startswith(Path(weights.SOURCES[name].url).stem.partition("-")[2])
    assert set(features.NETWORKS) <= set(weights.SOURCES)
