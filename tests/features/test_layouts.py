"""Names, shapes and conversions, against what is published and against naive twins."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch.nn import functional as F

from alebrije.errors import WeightsError
from alebrije.features import NETWORKS, layouts


def parameters(name: str) -> int:
    return sum(torch.Size(shape).numel() for shape in layouts.shapes(name).values())


def test_networks_have_as_many_parameters_as_their_papers_say() -> None:
    # torchvision: 138,357,544 and 143,667,240, of which the three dense layers are 123,642,856.
    assert parameters("vgg16") == 138_357_544 - 123_642_856
    assert parameters("vgg19") == 143_667_240 - 123_642_856
    # torchvision: 1,235,496, of which the classifier is 512 * 1000 + 1000.
    assert parameters("squeezenet1_1") == 1_235_496 - 513_000


def test_vgg19s_convolutions_are_where_torchvision_has_them() -> None:
    names = layouts.torchvision_names("vgg19")
    assert [names[f"conv{b}_1"] for b in (1, 2, 3, 4, 5)] == [f"features.{place}" for place in (0, 5, 10, 19, 28)]
    assert names["conv5_4"] == "features.34"


@pytest.mark.parametrize(("source", "target"), [("vgg19", "vgg16"), ("vgg16", "vgg19"), ("compact", "squeezenet1_1")])
def test_changing_the_input_convention_changes_no_answer(source: str, target: str) -> None:
    """Without padding the rewritten convolution is the same function of the picture, whatever the two conventions."""
    tensors = {"first.weight": torch.randn(5, 3, 3, 3), "first.bias": torch.randn(5)}
    picture, answers = torch.rand(2, 3, 9, 7, dtype=torch.float64), []
    for name, table in [
        (source, tensors),
        (target, layouts.change_input(tensors, "first", NETWORKS[source], NETWORKS[target])),
    ]:
        network = NETWORKS[name]
        seen = picture.flip(1) if network.channels == "bgr" else picture
        mean, std = (torch.tensor(values, dtype=torch.float64)[:, None, None] for values in (network.mean, network.std))
        answers.append(F.conv2d((seen - mean) / std, table["first.weight"].double(), table["first.bias"].double()))
    torch.testing.assert_close(answers[0], answers[1], rtol=1e-5, atol=1e-4)


def test_the_same_convention_changes_nothing() -> None:
    tensors = {"first.weight": torch.randn(5, 3, 3, 3), "first.bias": torch.randn(5)}
    other = dataclasses.replace(NETWORKS["vgg16"])
    assert layouts.change_input(tensors, "first", NETWORKS["vgg16"], other) == tensors


def published_efficientnet() -> dict[str, torch.Tensor]:
    """Random weights with the published names: convolutions without bias, each followed by a batch normalisation."""
    norms = {"_conv_stem": "_bn0", "_conv_head": "_bn1", "expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}
    table = {"_fc.weight": torch.randn(1000, 1280), "_fc.bias": torch.randn(1000)}
    for name, shape in layouts.shapes("efficientnet-lite0").items():
        place, _, kind = name.rpartition(".")
        if kind != "weight" or place == "classifier":
            continue
        block, _, layer = place.rpartition(".")
        theirs = f"_{block}._{layer}_conv" if block else f"_conv_{layer}"
        norm = f"_{block}.{norms[layer]}" if block else norms[theirs]
        table |= {f"{theirs}.weight": torch.randn(shape), f"{norm}.num_batches_tracked": torch.tensor(7)}
        for part in ("weight", "bias", "running_mean"):
            table[f"{norm}.{part}"] = torch.randn(shape[0])
        table[f"{norm}.running_var"] = torch.rand(shape[0]) + 0.1
    return table


def test_batch_normalisation_folded_in_gives_the_same_numbers() -> None:
    theirs = published_efficientnet()
    ours = layouts.take("efficientnet-lite0", layouts.from_efficientnet(theirs))
    assert len(theirs) == 49 * 6 + 2  # as many tensors as the published file has
    for old, norm, new, groups in [
        ("_conv_stem", "_bn0", "stem", 1),
        ("_blocks.4._depthwise_conv", "_blocks.4._bn1", "blocks.4.depthwise", 240),
        ("_blocks.15._project_conv", "_blocks.15._bn2", "blocks.15.project", 1),
        ("_conv_head", "_bn1", "head", 1),
    ]:
        weight = theirs[f"{old}.weight"]
        x = torch.randn(1, weight.shape[1] * groups, 6, 6)
        plain = F.conv2d(x, weight, groups=groups)
        statistics = (theirs[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        expected = F.batch_norm(plain, *statistics, eps=1e-3)
        found = F.conv2d(x, ours[f"{new}.weight"], ours[f"{new}.bias"], groups=groups)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-3)


def test_stlpips_learnt_tensors_are_renamed_and_its_constants_left_behind() -> None:
    places = {1: "slice1.0", 2: "slice2.5", 3: "slice3.9", 4: "slice4.11", 5: "slice5.13"}
    theirs = {"scaling_layer.shift": torch.zeros(1, 3, 1, 1), "net.slice1.1.filt": torch.zeros(64, 1, 3, 3)}
    for name, shape in layouts.shapes("stlpips").items():
        layer, kind = name.split(".")
        number = int(layer[-1])
        key = f"net.{places[number]}.{kind}" if layer.startswith("conv") else f"lin{number - 1}.model.1.weight"
        theirs[key] = torch.randn(shape)
    ours = layouts.take("stlpips", layouts.from_stlpips(theirs))
    assert len(ours) == len(theirs) - 2
    assert torch.equal(ours["conv4.bias"], theirs["net.slice4.11.bias"])
    assert torch.equal(ours["lin5.weight"], theirs["lin4.model.1.weight"])


def test_what_fits_no_network_is_refused() -> None:
    with pytest.raises(WeightsError, match="none of the networks that can be imported"):
        layouts.recognise({})
    with pytest.raises(WeightsError, match=r"not the weights of vgg16: there is no features\.0\.bias"):
        layouts.recognise({"features.0.weight": torch.zeros(64, 3, 3, 3)})
