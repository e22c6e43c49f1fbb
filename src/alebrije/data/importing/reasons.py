"""Why a picture is left out of a data set."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """What is said of these pictures; with a `fault` the import ends with exit code 1."""

    words: str
    fault: bool = False


REASONS = {
    "tags": Reason("not chosen by --tags"),
    "bars": Reason("have black bars"),
    "small": Reason("smaller than the size asked for"),
    "duplicate": Reason("the same file as another picture"),
    "missing": Reason("named in the metadata, and not there", fault=True),
    "metadata": Reason("metadata that cannot be used", fault=True),
    "unreadable": Reason("cannot be read", fault=True),
}
