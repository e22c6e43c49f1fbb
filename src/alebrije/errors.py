"""Everything that can go wrong in words a user can act on.

AlebrijeError                  the base: one line, says what is wrong and what to do; exit code 1
├── PictureError               a picture cannot be read: missing, damaged, too large, not a picture
├── OutputError                a result cannot be written: exists, no folder, no permission, disk full
├── ConfigError                a setting is unknown, out of range, or does not fit another
├── WeightsError               weights are not at hand, damaged, or of another network
│   └── DownloadError          the network, a proxy or a mirror said no
├── RunError                   a run folder is busy, damaged or of another recipe
├── DataError                  a data set or folder has nothing usable in it
├── NumericsError              NaN or infinity that could not be repaired
└── MissingExtraError          an optional package is needed: names the package to install

Interrupted                    not an error: the user asked to stop; a verb that sees it yields what it has
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AlebrijeError(Exception):
    """Base of all errors a user can cause and mend. The message is one line and names the remedy."""


class PictureError(AlebrijeError):
    """A picture cannot be read."""


class OutputError(AlebrijeError):
    """A result cannot be written."""


class ConfigError(AlebrijeError):
    """A setting is unknown, out of range, or contradicts another."""


class WeightsError(AlebrijeError):
    """Weights are missing, damaged, or belong to another network."""


class DownloadError(WeightsError):
    """A download failed: no network, refused, or the checksum differs."""


class RunError(AlebrijeError):
    """A run folder is busy, damaged, or was made by another recipe."""


class DataError(AlebrijeError):
    """A data set or folder holds nothing that can be used."""


class NumericsError(AlebrijeError):
    """A computation ran to NaN or infinity and could not be repaired."""


class MissingExtraError(AlebrijeError):
    """An optional package is needed. The message names it, and the extra of Alebrije's that has it."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs the package {package}, of the extra {extra}: pip install {package}")


class Interrupted(Exception):  # noqa: N818 - a request, not an error
    """Thrown into a running verb when the user asks it to stop; see `events.drive`."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `` (did you mean X?)`` for the nearest known word, or the list of all of them, for error messages."""
    names = list(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return f" (did you mean {near[0]}?)" if near else f" (choose from {', '.join(names)})"
