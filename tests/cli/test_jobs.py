"""Which pictures a folder holds, in which order, and what their results are called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alebrije.cli.jobs import FORMATS, KEPT, find, pair, results_of
from alebrije.core.image import PICTURE_SUFFIXES
from alebrije.core.pictures.encode import FORMATS as WRITTEN
from alebrije.errors import ConfigError

NOWHERE = Path("nowhere")


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def found(folder: Path, output: Path = NOWHERE) -> list[str]:
    return [path.as_posix() for path in find(folder, output).pictures]


def test_the_tree_folder_by_folder_in_natural_order(tmp_path: Path) -> None:
    put(tmp_path, "10.png", "2.png", "02.png", "notes.txt", "b/1.JPG", "b/c.txt", "a10/x.png")
    put(tmp_path, "a2/10.webp", "a2/9.tif", "a2/deep/z.gif")
    assert found(tmp_path) == [
        "02.png", "2.png", "10.png", "a2/9.tif", "a2/10.webp", "a2/deep/z.gif", "a10/x.png", "b/1.JPG",
    ]  # fmt: skip


def test_what_is_hidden_and_what_is_no_picture_is_left_out(tmp_path: Path) -> None:
    put(tmp_path, ".hidden.png", ".thumbs/1.png", "a/.alebrije-12.png", "a/1.png", "png", "a.png.txt")
    assert found(tmp_path) == ["a/1.png"]


def test_a_folder_called_like_a_picture_is_a_folder(tmp_path: Path) -> None:
    put(tmp_path, "holiday.png/1.png")
    assert found(tmp_path) == ["holiday.png/1.png"]


def test_the_results_inside_are_not_found_again(tmp_path: Path) -> None:
    put(tmp_path, "1.png", "out/1.png", "out/deep/2.png", "a/out/3.png")
    assert found(tmp_path, tmp_path / "out") == ["1.png", "a/out/3.png"]
    assert found(tmp_path, tmp_path / "a" / ".." / "out") == ["1.png", "a/out/3.png"]
    assert len(found(tmp_path, tmp_path / "none")) == 4


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_links_to_folders_are_named_and_lead_nowhere(tmp_path: Path) -> None:
    """Each of twelve folders holds links to all others, so that there are more ways through them than atoms in the sea."""
    for one in range(12):
        put(tmp_path, f"{one}/x.png")
        for other in range(12):
            (tmp_path / str(one) / f"to-{other}").symlink_to(tmp_path / str(other))
    (tmp_path / "all").symlink_to(tmp_path)
    look = find(tmp_path, NOWHERE)
    assert len(look.pictures) == 12
    assert len(look.links) == 145
    (tmp_path / "way").symlink_to(tmp_path / "3")
    assert found(tmp_path / "way") == ["x.png"]  # a link that was given by name is followed


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_a_link_to_a_picture_is_a_picture_and_one_to_nothing_is_not_passed_over(tmp_path: Path) -> None:
    put(tmp_path, "real/1.png")
    (tmp_path / "2.png").symlink_to(tmp_path / "real" / "1.png")
    (tmp_path / "3.png").symlink_to(tmp_path / "gone.png")
    assert found(tmp_path) == ["2.png", "3.png", "real/1.png"]


@pytest.mark.parametrize("format", [one for one in FORMATS if one != "same"])
def test_results_keep_the_tree_and_get_the_format(format: str) -> None:
    pictures = [Path("a/b.jpg"), Path("a/c/b.png"), Path("b.tif"), Path("v1.2.png")]
    names = [one.as_posix() for one in results_of(pictures, format)]
    assert names == [f"a/b.{format}", f"a/c/b.{format}", f"b.{format}", f"v1.2.{format}"]
    assert f".{format}" in WRITTEN


def test_the_same_format_where_it_is_written() -> None:
    pictures = ["a.jpg", "b.JPG", "c.jpeg", "d.jfif", "e.heic", "f.gif", "g.TIFF", "h.webp", "i.mpo"]
    kept = ["a.jpg", "b.JPG", "c.jpeg", "d.jpg", "e.png", "f.png", "g.TIFF", "h.webp", "i.jpg"]
    assert results_of([Path(one) for one in pictures], "same") == [Path(one) for one in kept]


@pytest.mark.parametrize("suffix", PICTURE_SUFFIXES)
def test_whatever_is_read_has_a_result_that_can_be_written(suffix: str) -> None:
    (result,) = results_of([Path(f"a{suffix}")], "same")
    assert result.suffix in WRITTEN
    assert KEPT.get(suffix, suffix) in {*WRITTEN, *PICTURE_SUFFIXES}
    if suffix in WRITTEN:
        assert result.suffix == suffix


def test_two_of_one_name_keep_their_suffix() -> None:
    pictures = [Path("a/1.jpg"), Path("a/1.png"), Path("b/1.png"), Path("A.png"), Path("a.jpg")]
    names = [one.as_posix() for one in results_of(pictures, "png")]
    assert names == ["a/1.jpg.png", "a/1.png.png", "b/1.png", "A.png.png", "a.jpg.png"]


def test_what_cannot_be_told_apart_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"1\.png\.jpg and 1\.png would both become 1\.png\.png: rename one"):
        results_of([Path("1.png.jpg"), Path("1.png"), Path("1.jpg")], "png")


stems, suffixes = st.sampled_from(["a", "b", "a.png", "A", "1"]), st.sampled_from([".png", ".jpg", ".gif", ".JPG"])
names = st.builds("{}{}".format, stems, suffixes)


@given(st.lists(names, unique=True), st.sampled_from(FORMATS))
def test_no_two_results_have_one_name(pictures: list[str], format: str) -> None:
    try:
        results = results_of([Path(one) for one in pictures], format)
    except ConfigError:
        return
    assert len(set(results)) == len(pictures)


def test_folders_side_by_side_and_a_picture_with_each(tmp_path: Path) -> None:
    put(tmp_path, "a/1.png", "a/s/2.png", "b/x.png", "b/t/y.png", "one.png")
    out = tmp_path / "out"
    jobs, _ = pair([tmp_path / "one.png", tmp_path / "a", tmp_path / "b"], out, "png")
    assert [job.target for job in jobs] == [out / "1.png", out / "s" / "2.png"]
    assert [job.picture for job in jobs] == [tmp_path / "a" / "1.png", tmp_path / "a" / "s" / "2.png"]
    assert jobs[1].inputs == (tmp_path / "one.png", tmp_path / "a" / "s" / "2.png", tmp_path / "b" / "t" / "y.png")
    put(tmp_path, "b/z.png")
    with pytest.raises(ConfigError, match=r"different numbers of pictures \(2, 3\)"):
        pair([tmp_path / "a", tmp_path / "b"], out, "png")
