"""Files that are either written completely or not at all, checksums, and the cache folder."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

from alebrije.errors import OutputError

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_PERMISSION = {errno.EACCES, errno.EPERM, errno.EROFS}
_BAD_NAME = {errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ}


@contextlib.contextmanager
def atomic(path: Path | str, *, force: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `path`, with the same suffix; when the block ends well, it becomes `path`.

    The data is on the disk (fsync of the file and of the folder) before anybody sees the new name. If anything goes
    wrong, Ctrl-C included, the temporary file is removed and what was at `path` before is still there.
    Raises `OutputError` if `path` exists and `force` is not given (also if it came into being meanwhile), or if the
    folder is missing, read-only or full.
    """
    path = Path(path)
    check_writable(path, force=force)
    with _explained(path):
        temporary = _make_temporary(path)
    try:
        with _explained(path):
            yield temporary
            _sync(temporary)
            _publish(temporary, path, force=force)
            _sync(path.parent)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def check_writable(path: Path | str, *, force: bool = False) -> None:
    """Raise the `OutputError` that writing to `path` would end in, as far as it can be known before the work starts."""
    path = Path(path)
    with _explained(path):
        if path.is_dir():
            raise OutputError(f"cannot write {path}: it is a folder; give the name of a file in it")
        if _is_taken(path) and not force:
            raise OutputError(f"cannot write {path}: it exists already; take another name, or --force to replace it")
        if not path.parent.exists():
            raise OutputError(f"cannot write {path}: there is no folder {path.parent}; make it with mkdir -p first")
        if not path.parent.is_dir():
            raise OutputError(f"cannot write {path}: {path.parent} is a file, not a folder")
        _make_temporary(path).unlink()


def sha256(path: Path | str) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal. Raises `OSError` as `open` does."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_dir() -> Path:
    """The folder for what can be fetched or made again: ``$ALEBRIJE_CACHE``, or ``alebrije`` in the user's cache.

    It is made if it is missing. Raises `OutputError` if that is impossible.
    """
    path = Path(os.environ.get("ALEBRIJE_CACHE") or _user_cache() / "alebrije").expanduser()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot make the cache folder {path} ({error.strerror}): set ALEBRIJE_CACHE to a folder you may write to"
        ) from error
    return path


def _user_cache() -> Path:
    if sys.platform == "darwin":
        return Path("~/Library/Caches")
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or "~/AppData/Local")
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")


def _is_taken(path: Path) -> bool:
    """Whether there is anything called `path`, a dangling link included; raises for a name that cannot be."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _make_temporary(path: Path) -> Path:
    # Hidden, and short enough for any file system. Made as `open` makes files, so that the umask applies.
    temporary = path.with_name(f".alebrije-{secrets.token_hex(8)}{path.suffix}")
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    return temporary


def _publish(temporary: Path, path: Path, *, force: bool) -> None:
    if force:
        if path.exists():
            temporary.chmod(path.stat().st_mode & 0o777)
        temporary.replace(path)
        return
    try:
        os.link(temporary, path)  # unlike a rename, this fails if somebody else made `path` in the meantime
    except FileExistsError as error:
        raise OutputError(f"cannot write {path}: another program has made it meanwhile; take another name") from error
    except OSError:  # a file system without hard links
        temporary.replace(path)


def _sync(path: Path) -> None:
    if path.is_dir() and sys.platform == "win32":
        return  # Windows cannot open folders
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems cannot fsync a folder; the file itself is safe by then.
        if not (path.is_dir() and error.errno == errno.EINVAL):
            raise
    finally:
        os.close(handle)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn the operating system's errors into an `OutputError` that names `path` and the remedy."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in _NO_SPACE:
            reason = "the disk is full (or a quota is used up); make room, or write somewhere else"
        elif error.errno in _NO_PERMISSION:
            reason = f"no permission to write into {path.parent}; write somewhere else"
        elif error.errno in _BAD_NAME:
            reason = "the file system does not take this name; choose a shorter or plainer one"
        raise OutputError(f"cannot write {path}: {reason}") from error
    except ValueError as error:
        if "null" not in str(error):
            raise
        raise OutputError(f"cannot write {str(path)!r}: the name holds a null character") from error
