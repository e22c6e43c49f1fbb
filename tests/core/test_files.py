"""Files are written completely or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from alebrije.core import files, image
from alebrije.errors import OutputError

posix = pytest.mark.skipif(os.name != "posix", reason="permissions and limits of POSIX systems")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def ordinary_user() -> Iterator[Path]:
    """A folder of somebody whom permissions bind; the administrator becomes nobody for the length of the test."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    administrator = os.geteuid() == 0
    if administrator:
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if administrator:
            os.seteuid(0)
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o777)
        shutil.rmtree(folder)


def test_the_target_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    with files.atomic(target) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".png"
        temporary.write_bytes(b"half")
        assert not target.exists()
        temporary.write_bytes(b"whole")
    assert target.read_bytes() == b"whole"
    assert names(tmp_path) == ["out.png"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ZeroDivisionError, SystemExit])
def test_a_failure_leaves_everything_as_it_was(tmp_path: Path, failure: type[BaseException]) -> None:
    target = tmp_path / "out.png"
    target.write_bytes(b"before")

    def fail_half_way() -> None:
        with files.atomic(target, force=True) as temporary:
            temporary.write_bytes(b"half")
            raise failure

    with pytest.raises(failure):
        fail_half_way()
    assert target.read_bytes() == b"before"
    assert names(tmp_path) == ["out.png"]


def test_nothing_is_overwritten_without_force(tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    target.write_bytes(b"before")
    with pytest.raises(OutputError, match="--force"):
        files.check_writable(target)
    with pytest.raises(OutputError, match="--force"), files.atomic(target):
        pytest.fail("must not begin")
    with files.atomic(target, force=True) as temporary:
        temporary.write_bytes(b"after")
    assert target.read_bytes() == b"after"


def test_a_file_made_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "out.png"

    def be_too_late() -> None:
        with files.atomic(target) as temporary:
            temporary.write_bytes(b"ours")
            target.write_bytes(b"theirs")

    with pytest.raises(OutputError, match="meanwhile"):
        be_too_late()
    assert target.read_bytes() == b"theirs"
    assert names(tmp_path) == ["out.png"]


def test_a_dangling_link_counts_as_existing(tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(OutputError, match="exists"):
        files.check_writable(tmp_path / "link.png")


def test_folders_that_are_missing_or_none(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="mkdir -p"):
        files.check_writable(tmp_path / "none" / "out.png")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="not a folder"):
        files.check_writable(tmp_path / "file" / "out.png")
    with pytest.raises(OutputError, match="is a folder"):
        files.check_writable(tmp_path, force=True)
    with pytest.raises(OutputError, match="shorter"):
        files.check_writable(tmp_path / ("x" * 300 + ".png"))
    with pytest.raises(OutputError, match="null"):
        files.check_writable("a\0b.png")
    assert names(tmp_path) == ["file"]


def test_the_longest_possible_name_works(tmp_path: Path) -> None:
    target = tmp_path / ("ñ" * 125 + ".png")
    with files.atomic(target) as temporary:
        temporary.write_bytes(b"x")
    assert target.exists()


@posix
def test_a_read_only_folder(ordinary_user: Path) -> None:
    ordinary_user.joinpath("locked").mkdir(mode=0o555)
    with pytest.raises(OutputError, match="permission"):
        files.check_writable(ordinary_user / "locked" / "out.png")
    with pytest.raises(OutputError, match="permission"):
        image.save(torch.rand(1, 3, 4, 4), ordinary_user / "locked" / "out.png")
    assert names(ordinary_user / "locked") == []


@posix
def test_the_file_gets_the_usual_permissions_or_keeps_its_own(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    reference = tmp_path / "reference.txt"
    reference.touch()
    with files.atomic(target) as temporary:
        temporary.write_text("a")
    assert stat.S_IMODE(target.stat().st_mode) == stat.S_IMODE(reference.stat().st_mode)
    target.chmod(0o640)
    with files.atomic(target, force=True) as temporary:
        temporary.write_text("b")
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


@posix
@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("unshare"), reason="needs Linux namespaces")
def test_a_full_disk_for_real(tmp_path: Path) -> None:
    """A file system of 64 kB of its own, in a mount namespace that ends with the command."""
    disk = tmp_path / "disk"
    disk.mkdir()
    program = (
        "import sys; from alebrije.core import files; from alebrije.errors import OutputError\n"
        "from pathlib import Path; disk = Path(sys.argv[1])\n"
        "try:\n"
        "    for name, size in (('small.png', 100), ('out.png', 200_000)):\n"
        "        with files.atomic(disk / name) as temporary: temporary.write_bytes(b'x' * size)\n"
        "except OutputError as error: print(error, sorted(path.name for path in disk.iterdir()))\n"
    )
    script = 'mount -t tmpfs -o size=64k tmpfs "$1" && exec "$2" -c "$3" "$1"'
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh", str(disk), sys.executable, program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip("this machine lets nobody mount a small disk")
    assert "the disk is full" in done.stdout, done.stderr
    assert "out.png" in done.stdout
    assert done.stdout.rstrip().endswith("['small.png']")


@posix
def test_a_file_size_limit_counts_as_a_full_disk(tmp_path: Path) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(OutputError, match="full"):
            image.save(torch.rand(1, 3, 128, 128), tmp_path / "out.png")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert names(tmp_path) == []


def test_a_disk_that_fills_up_at_the_last_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="full"), files.atomic(tmp_path / "out.png") as temporary:
        temporary.write_bytes(b"x")
    assert names(tmp_path) == []


def test_data_reaches_the_disk_before_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out.png"
    seen: list[bool] = []
    really = os.fsync

    def watch(handle: int) -> None:
        seen.append(target.exists())
        really(handle)

    monkeypatch.setattr(os, "fsync", watch)
    with files.atomic(target) as temporary:
        temporary.write_bytes(b"x")
    assert seen == ([False, True] if os.name == "posix" else [False])


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert files.sha256(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


def test_the_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALEBRIJE_CACHE", str(tmp_path / "new" / "cache"))
    assert files.cache_dir() == tmp_path / "new" / "cache"
    assert files.cache_dir().is_dir()
    (tmp_path / "file").touch()
    monkeypatch.setenv("ALEBRIJE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OutputError, match="ALEBRIJE_CACHE"):
        files.cache_dir()
    monkeypatch.delenv("ALEBRIJE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    if sys.platform == "linux":
        assert files.cache_dir() == tmp_path / "xdg" / "alebrije"
