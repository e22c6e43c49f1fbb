"""The labelling page: what it shows, that every save is in labels.txt, and that nothing another one wrote is lost."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fastapi.testclient import TestClient
from PIL import Image

from alebrije.core.image import load, to_uint8
from alebrije.data.pairs import Label, load_pair, read_pairs, write_labels
from alebrije.errors import DataError
from alebrije.hybrid.blend import blend, to_sigma
from alebrije.hybrid.observer import Viewing
from alebrije.hybrid.pairs.labelling import observe
from alebrije.studio import labels as page
from alebrije.studio.labels import create_app

VIEWING = Viewing(0.2, 0.5, 6.0)
CHOICE = {"low": "first", "cycles_low": 8.0, "cycles_high": 20.0}
SWAPPED = CHOICE | {"low": "second"}


def save(client: TestClient, number: int, choice: Any, seen: Any = None) -> Any:
    return client.put(f"/pairs/{number}/label", json={"choice": choice, "seen": seen})


def lines(folder: Path) -> list[str]:
    return (folder / "labels.txt").read_text().splitlines()


# ---- what it shows


def test_an_unlabelled_folder_begins_with_the_observers_choice(client: TestClient, folder: Path) -> None:
    overview = client.get("/pairs").json()
    assert [pair["number"] for pair in overview["pairs"]] == [1, 2, 7]
    assert not any(pair["labelled"] for pair in overview["pairs"])
    assert (overview["near"], overview["far"]) == (0.5, 6.0)
    details = client.get("/pairs/7").json()
    assert (details["first"], details["second"], details["label"]) == ("7_a.png", "7_b.png", None)
    first, second = load_pair(read_pairs(folder).pairs[2])
    expected = observe(first, second, VIEWING)
    assert details["observer"]["low"] == ("first", "second")[expected.low]
    low = expected.sigma_first if expected.low == 0 else expected.sigma_second
    assert details["observer"]["cycles_low"] == pytest.approx(0.18739 * 224 / low, rel=0.05)  # it looks at smaller copies


def test_existing_labels_are_shown_in_cycles_whatever_their_reference(client: TestClient, folder: Path) -> None:
    write_labels(folder, [Label(1, 3.0, 6.0), None, None], reference=256)
    label = client.get("/pairs/1").json()["label"]
    assert label["seen"] == {"low": 1, "sigma_first": 3.0, "sigma_second": 6.0}
    assert label["low"] == "second"
    assert to_sigma(label["cycles_low"], 256) == pytest.approx(6.0)
    assert to_sigma(label["cycles_high"], 256) == pytest.approx(3.0)
    assert [pair["labelled"] for pair in client.get("/pairs").json()["pairs"]] == [True, False, False]


@pytest.mark.parametrize("low", ["first", "second"])
def test_the_live_hybrid_is_the_blend_of_the_two(client: TestClient, folder: Path, low: str) -> None:
    answer = client.get("/pairs/1/hybrid.jpg", params=CHOICE | {"low": low})
    assert answer.headers["content-type"] == "image/jpeg"
    shown = np.asarray(Image.open(io.BytesIO(answer.content)), dtype=np.float64)
    big = [torch.nn.functional.interpolate(load(folder / f"1_{name}.png").pixels, 448, mode="bicubic") for name in "ab"]
    if low == "second":
        big.reverse()
    expected = to_uint8(blend(*(picture.clamp(0, 1) for picture in big), to_sigma(8, 448), to_sigma(20, 448)))
    assert shown.shape == (448, 448, 3)
    assert np.abs(shown - expected).mean() < 2.5  # JPEG, and another cubic


def test_originals_are_shown_in_the_frame_of_the_larger(client: TestClient) -> None:
    for role in ("first", "second"):
        assert Image.open(io.BytesIO(client.get(f"/pairs/2/{role}.jpg").content)).size == (448, 448)


def test_a_replaced_picture_is_read_again(client: TestClient, folder: Path) -> None:
    before = client.get("/pairs/1/first.jpg").content
    Image.new("RGB", (64, 64), "red").save(folder / "1_a.png")
    assert client.get("/pairs/1/first.jpg").content != before


# ---- saving


def test_the_whole_flow_ends_in_labels_txt(client: TestClient, folder: Path) -> None:
    answer = save(client, 2, CHOICE).json()
    assert lines(folder) == ["-", "0 5.24694 2.09878", "-"]  # 0.187391 * 224 / 8 and / 20
    assert answer["label"]["low"] == "first"
    save(client, 1, SWAPPED)
    save(client, 7, CHOICE)
    assert [line.split()[0] for line in lines(folder)] == ["1", "0", "0"]
    assert all(pair["labelled"] for pair in client.get("/pairs").json()["pairs"])
    changed = save(client, 2, SWAPPED, seen=answer["label"]["seen"])
    assert changed.status_code == 200
    assert lines(folder)[1] == "1 2.09878 5.24694"
    removed = save(client, 2, None, seen=changed.json()["label"]["seen"])
    assert removed.json() == {"label": None}
    assert lines(folder)[1] == "-"


def test_swapping_mirrors_the_label(client: TestClient, folder: Path) -> None:
    save(client, 1, CHOICE)
    save(client, 2, SWAPPED)
    straight, swapped, _ = (pair.label for pair in read_pairs(folder).pairs)
    assert straight is not None
    assert swapped == straight.mirrored()


def test_what_is_saved_is_shown_again(client: TestClient) -> None:
    saved = save(client, 1, SWAPPED).json()["label"]
    shown = client.get("/pairs/1").json()["label"]
    assert shown == saved
    assert shown["cycles_low"] == pytest.approx(8, rel=1e-5)
    assert shown["cycles_high"] == pytest.approx(20, rel=1e-5)


def test_the_files_reference_width_is_kept(client: TestClient, folder: Path) -> None:
    write_labels(folder, [None, Label(0, 4.0, 2.0), None], reference=256)
    save(client, 1, CHOICE)
    found = read_pairs(folder)
    assert found.reference == 256
    assert found.pairs[0].label is not None
    assert found.pairs[0].label.sigma_first == pytest.approx(to_sigma(8, 256), rel=1e-5)
    assert found.pairs[1].label == Label(0, 4.0, 2.0)


def test_labels_made_elsewhere_meanwhile_stay(client: TestClient, folder: Path) -> None:
    client.get("/pairs/1")
    write_labels(folder, [None, Label(0, 4.0, 2.0), Label(1, 1.0, 3.0)])
    assert save(client, 1, CHOICE).status_code == 200
    assert lines(folder)[1:] == ["0 4 2", "1 1 3"]


@pytest.mark.parametrize("seen", [None, {"low": 0, "sigma_first": 4.0, "sigma_second": 2.5},
                                  {"low": 1, "sigma_first": 4.0, "sigma_second": 2.0}])  # fmt: skip
def test_a_label_changed_elsewhere_is_not_written_over_unseen(client: TestClient, folder: Path, seen: Any) -> None:
    write_labels(folder, [Label(0, 4.0, 2.0), None, None])
    answer = save(client, 1, CHOICE, seen)
    assert answer.status_code == 409
    assert "changed elsewhere" in answer.json()["error"]
    assert lines(folder)[0] == "0 4 2"
    now = client.get("/pairs/1").json()["label"]["seen"]
    assert save(client, 1, CHOICE, now).status_code == 200


# ---- what goes wrong


def test_a_bad_picture_is_named_and_the_others_can_be_labelled(client: TestClient, folder: Path) -> None:
    (folder / "1_b.png").write_bytes(b"junk")
    answer = client.get("/pairs/1")
    assert answer.status_code == 400
    assert "1_b.png" in answer.json()["error"]
    assert save(client, 2, CHOICE).status_code == 200
    assert lines(folder)[0] == "-"


def test_unreadable_labels_stop_saving_and_stay(client: TestClient, folder: Path) -> None:
    (folder / "labels.txt").write_text("0 4 2\nnonsense\n-\n")
    answer = save(client, 1, CHOICE)
    assert answer.status_code == 400
    assert "line 2" in answer.json()["error"]
    assert lines(folder) == ["0 4 2", "nonsense", "-"]


@pytest.mark.parametrize(
    ("method", "address", "body", "status"),
    [
        ("GET", "/pairs/3", None, 404),
        ("GET", "/nothing", None, 404),
        ("GET", "/pairs/../../etc/passwd", None, 404),
        ("GET", "/pairs/one", None, 422),
        ("GET", "/pairs/1/third.jpg", None, 422),
        ("GET", "/pairs/1/hybrid.jpg?low=first&cycles_low=0&cycles_high=3", None, 422),
        ("GET", "/pairs/1/hybrid.jpg?low=first&cycles_low=nan&cycles_high=3", None, 422),
        ("PUT", "/pairs/1/label", {"choice": CHOICE | {"low": "third"}, "seen": None}, 422),
        ("PUT", "/pairs/1/label", {"choice": CHOICE}, 422),
        ("PUT", "/pairs/3/label", {"choice": CHOICE, "seen": None}, 404),
        ("POST", "/pairs", {}, 405),
        ("GET", "/docs", None, 404),
        ("GET", "/openapi.json", None, 404),
    ],
)
def test_wrong_requests_get_one_line(client: TestClient, folder: Path, method: str, address: str, body: Any, status: int) -> None:
    answer = client.request(method, address, json=body)
    assert answer.status_code == status
    reason = answer.json()["error"]
    assert reason
    assert "\n" not in reason
    assert not (folder / "labels.txt").exists()


def test_our_own_faults_are_told_as_json(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(page, "cross", fail)
    answer = client.get("/pairs/1/hybrid.jpg", params=CHOICE)
    assert answer.status_code == 500
    assert "boom" in answer.json()["error"]


def test_a_form_of_another_site_cannot_save(client: TestClient, folder: Path) -> None:
    body = json.dumps({"choice": CHOICE, "seen": None})
    headers = {"Origin": "http://evil.example", "Content-Type": "application/json"}
    assert client.put("/pairs/1/label", content=body, headers=headers).status_code == 403
    assert client.get("/pairs", headers={"Host": "evil.example"}).status_code == 421
    assert not (folder / "labels.txt").exists()


def test_a_folder_without_pairs_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        create_app(tmp_path, VIEWING)
