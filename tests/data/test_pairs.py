"""Folders of pairs: what belongs together, what a label means, and one clear line for everything that is wrong."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from alebrije.core.image import save
from alebrije.data.pairs import REFERENCE, Checked, Label, check, load_pair, read_pairs, split_pairs, survey, write_labels
from alebrije.errors import ConfigError, DataError, OutputError, PictureError
from alebrije.events import last

Fill = Callable[..., Path]

sigmas = st.floats(0.01, 500)
LABELS = st.builds(Label, st.sampled_from([0, 1]), sigmas, sigmas)


@pytest.fixture
def fill(tmp_path: Path) -> Fill:
    """Make a folder of small pictures, all different, with the given names, and labels.txt if there is a text for it."""

    def make(*names: str, labels: str | bytes | None = None, size: tuple[int, int] = (12, 10)) -> Path:
        for index, name in enumerate(names):
            Image.new("RGB", size, (index * 10, 200, 90)).save(tmp_path / name)
        if labels is not None:
            (tmp_path / "labels.txt").write_bytes(labels if isinstance(labels, bytes) else labels.encode())
        return tmp_path

    return make


def numbered(count: int) -> list[str]:
    return [f"{number}_{letter}.png" for number in range(1, count + 1) for letter in "ab"]


@settings(deadline=None)
@given(LABELS)
def test_the_mirror_of_a_mirror_is_the_label(label: Label) -> None:
    assert label.mirrored() != label or label.sigma_first == label.sigma_second
    assert label.mirrored().low == 1 - label.low
    assert label.mirrored().mirrored() == label


def test_the_mirror_swaps_the_sigmas_with_the_pictures() -> None:
    assert Label(0, 8.5, 3.25).mirrored() == Label(1, 3.25, 8.5)


def test_a_sigma_grows_with_the_picture() -> None:
    assert Label(1, 7, 3.5).at(224, 448) == Label(1, 14, 7)
    assert Label(1, 8, 4).at(256) == Label(1, 7, 3.5)


def test_names_that_begin_with_the_same_number_are_a_pair(fill: Fill) -> None:
    names = ["10_b.png", "10_a.png", "2_motorcycle.png", "2_bicycle.png", "007-x.png", "7_w.png", "3.png", "03_x.jpg"]
    found = read_pairs(fill(*names))
    told = [(pair.number, pair.first.name, pair.second.name) for pair in found.pairs]
    assert told == [
        (2, "2_bicycle.png", "2_motorcycle.png"),
        (3, "3.png", "03_x.jpg"),
        (7, "007-x.png", "7_w.png"),
        (10, "10_a.png", "10_b.png"),
    ]
    assert {pair.label for pair in found.pairs} == {None}
    assert (found.reference, found.notices) == (REFERENCE, ())


def test_natural_order_decides_which_is_first(fill: Fill) -> None:
    pair = read_pairs(fill("1_view10.png", "1_view9.png")).pairs[0]
    assert (pair.first.name, pair.second.name) == ("1_view9.png", "1_view10.png")


def test_what_has_no_number_is_left_out_with_a_notice(fill: Fill) -> None:
    folder = fill("1_a.png", "1_b.png", "cover.png", *(f"x{k}.png" for k in range(8)))
    (folder / "1_notes.txt").write_text("no picture")
    (folder / "1_more").mkdir()
    (folder / ".1_hidden.png").write_bytes(b"")
    found = read_pairs(folder)
    assert len(found.pairs) == 1
    assert len(found.notices) == 1
    assert "cover.png" in found.notices[0]
    assert "and 4 more" in found.notices[0]


@settings(deadline=None, max_examples=25)
@given(labels=st.lists(st.none() | LABELS, min_size=3, max_size=3), width=st.sampled_from([224, 256, 1000]))
def test_labels_come_back_from_their_file(
    tmp_path_factory: pytest.TempPathFactory, labels: list[Label | None], width: int
) -> None:
    folder = tmp_path_factory.mktemp("pairs")
    for name in numbered(3):
        Image.new("RGB", (8, 8)).save(folder / name)
    path = write_labels(folder, labels, width)
    found = read_pairs(folder)
    assert found.reference == width
    for pair, label in zip(found.pairs, labels, strict=True):
        assert (pair.label is None) == (label is None)
        if pair.label and label:
            assert pair.label.low == label.low
            assert (pair.label.sigma_first, pair.label.sigma_second) == pytest.approx(
                (label.sigma_first, label.sigma_second), rel=1e-5
            )
    before = path.read_bytes()
    write_labels(folder, [pair.label for pair in found.pairs], found.reference)
    assert path.read_bytes() == before


def test_at_224_the_file_is_the_student_reports(tmp_path: Path) -> None:
    path = write_labels(tmp_path, [Label(1, 8.5, 3.25), Label(0, 12, 2)])
    assert path.read_text() == "1 8.5 3.25\n0 12 2\n"
    assert list(tmp_path.iterdir()) == [path]
    write_labels(tmp_path, [Label(1, 8.5, 3.25), None], reference=256)
    assert path.read_text() == "# reference 256\n1 8.5 3.25\n-\n"


def test_comments_stay_where_they_are(fill: Fill) -> None:
    folder = fill(*numbered(2), labels="# reference 256\n# who: me\n0 1 2\n\n# not sure of this one\n1 3 4\n# the end\n")
    write_labels(folder, [Label(1, 5, 6), None], read_pairs(folder).reference)
    kept = "# reference 256\n# who: me\n1 5 6\n# not sure of this one\n-\n# the end\n"
    assert (folder / "labels.txt").read_text() == kept


@pytest.mark.parametrize(
    "text",
    [
        "1 8.5 3.25\n-\n",
        "# who: me\n1,8.5,3.25\n\n-",
        "1.0, 8.5, 3.25\r\n-\r\n",
        b"\xef\xbb\xbf1\t8.5\t3.25\n # reference books are no reference\n-\n",
    ],
)
def test_labels_may_be_written_in_several_ways(text: str | bytes, fill: Fill) -> None:
    found = read_pairs(fill(*numbered(2), labels=text))
    assert [pair.label for pair in found.pairs] == [Label(1, 8.5, 3.25), None]
    assert found.reference == 224


@pytest.mark.parametrize("line", ["# reference 256", "#reference: 256", "# Reference = 256 px"])
def test_a_file_may_name_another_reference_width(line: str, fill: Fill) -> None:
    assert read_pairs(fill(*numbered(1), labels=f"{line}\n0 4 2\n")).reference == 256


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ("0 1 2\n0 1\n", ["labels.txt, line 2", "2 numbers where there should be three"]),
        ("# a\n0 1 2\n0 1 2 3\n", ["line 3", "4 numbers"]),
        ("0 1 2\n1 3,5 4,25\n", ["line 2", "5 numbers"]),
        ("first 1 2\n0 1 2\n", ["line 1", "'first 1 2' is not three numbers", "1 8.5 3.2"]),
        ("2 1 2\n0 1 2\n", ["line 1", "it begins with 2", "0 if the first"]),
        ("0.5 1 2\n0 1 2\n", ["it begins with 0.5"]),
        ("0 0 2\n0 1 2\n", ["line 1", "a sigma of 0", "more than 0"]),
        ("0 1 -2\n0 1 2\n", ["a sigma of -2"]),
        ("0 1 nan\n0 1 2\n", ["a sigma of nan"]),
        ("0 1 inf\n0 1 2\n", ["a sigma of inf"]),
        ("0 1 2\n", ["labels.txt has 1 labels for 2 pairs", "`-`"]),
        ("0 1 2\n" * 3, ["3 labels for 2 pairs"]),
        ("", ["0 labels for 2 pairs"]),
        ("# reference 0\n-\n-\n", ["line 1", "reference width", "not 0"]),
        ("# reference -256\n-\n-\n", ["reference width"]),
        (b"\xff\xfe0 1 2", ["labels.txt", "UTF-8"]),
    ],
)
def test_wrong_labels_are_refused_with_file_and_line(labels: str | bytes, words: list[str], fill: Fill) -> None:
    with pytest.raises(DataError) as error:
        read_pairs(fill(*numbered(2), labels=labels))
    for word in words:
        assert word in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["1_a.png", "1_b.png", "4_cat.png"], ["number 4", "one picture only", "4_cat.png"]),
        (["1_a.png", "1_b.png", "01_c.png"], ["number 1 has 3 pictures", "1_a.png", "1_b.png", "01_c.png"]),
        ([f"2_{k}.png" for k in range(9)], ["number 2 has 9 pictures", "and 4 more"]),
        (["a.png", "b.png"], ["no pairs", "begin the names", "1_dog.png"]),
        ([], ["no picture in"]),
    ],
)
def test_a_number_has_two_pictures(names: list[str], words: list[str], fill: Fill) -> None:
    with pytest.raises(DataError) as error:
        read_pairs(fill(*names))
    for word in words:
        assert word in str(error.value)


def test_a_folder_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none"):
        read_pairs(tmp_path / "none")


def test_all_problems_are_listed_and_the_first_is_raised_with_their_number(fill: Fill) -> None:
    folder = fill("1_a.png", "1_b.png", "2_a.png", "3_a.png", "3_b.png", "3_c.png", labels="7 1 1\n-\nnot a label\n-\n")
    found, problems = survey(folder)
    assert [pair.number for pair in found.pairs] == [1]
    for problem, words in zip(problems, ["number 2", "number 3", "line 1", "line 3", "4 labels for 3 pairs"], strict=True):
        assert words in problem
    with pytest.raises(DataError, match=r"number 2 .*4 more: alebrije pairs check"):
        read_pairs(folder)


@pytest.mark.parametrize("label", [Label(2, 1, 1), Label(0, 0, 1), Label(1, 1, float("nan"))])
def test_a_label_that_could_not_be_read_is_not_written(label: Label, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="pair 2"):
        write_labels(tmp_path, [None, label])
    assert not list(tmp_path.iterdir())


def test_labels_need_a_folder(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="mkdir"):
        write_labels(tmp_path / "none", [None])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("count", [2, 3, 10, 145])
def test_a_split_parts_all_pairs(count: int, seed: int) -> None:
    learned, tested = split_pairs(count, seed=seed)
    assert sorted(learned + tested) == list(range(count))
    assert learned == sorted(learned)
    assert tested
    assert learned
    assert (learned, tested) == split_pairs(count, seed=seed)
    assert abs(len(learned) - 0.8 * count) < 1


def test_of_145_pairs_29_are_for_the_test_as_in_the_report() -> None:
    assert len(split_pairs(145)[1]) == 29
    assert split_pairs(145, seed=0) != split_pairs(145, seed=1)
    state = random.getstate()
    split_pairs(145)
    assert random.getstate() == state


def test_a_split_needs_two_pairs_and_a_share() -> None:
    with pytest.raises(DataError, match="1 pairs"):
        split_pairs(1)
    with pytest.raises(ConfigError, match="share"):
        split_pairs(10, share=1.0)


def test_both_pictures_of_a_pair_get_the_size_of_the_larger(tmp_path: Path) -> None:
    first = torch.rand(1, 3, 20, 30)
    save(first, tmp_path / "1_a.png")
    save(torch.cat([torch.zeros(1, 3, 12, 12), torch.zeros(1, 1, 12, 12)], 1), tmp_path / "1_b.png")
    one, other = load_pair(read_pairs(tmp_path).pairs[0])
    torch.testing.assert_close(one, first, atol=1 / 255, rtol=0)
    torch.testing.assert_close(other, torch.ones(1, 3, 20, 30))  # what is transparent is white


def test_tiny_pictures_are_refused(fill: Fill) -> None:
    with pytest.raises(PictureError, match=r"1_a\.png.*8x8"):
        load_pair(read_pairs(fill("1_a.png", "1_b.png", size=(7, 30))).pairs[0])


def test_check_counts_and_finds_everything(fill: Fill) -> None:
    folder = fill(*numbered(5), "6_lonely.png", "cover.png", labels="0 1 2\n-\n1 2 0\n-\n-\n-\n")
    (folder / "2_a.png").write_bytes(b"")
    (folder / "3_b.png").write_bytes((folder / "3_a.png").read_bytes())
    Image.new("RGB", (4, 40)).save(folder / "4_a.png")
    checked = last(check(folder))
    assert isinstance(checked, Checked)
    assert len(checked.found.pairs) == 5
    assert checked.sizes == {"12x10": 8, "4x40": 1}
    expected = ["number 6", "labels.txt, line 3", "2_a.png: it is empty", "3_b.png are the same", "4_a.png: 4x40"]
    for problem, words in zip(checked.problems, expected, strict=True):
        assert words in problem


def test_a_sound_folder_has_no_problems(fill: Fill) -> None:
    assert last(check(fill(*numbered(2)))).problems == ()
