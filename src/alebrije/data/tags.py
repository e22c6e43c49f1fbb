"""Choosing pictures by their tags: `1girl solo (full_body or upper_body) -text`.

A space (or ``and``) means both, ``or`` either of them, ``-tag`` (or ``not tag``) without it; parentheses group. ``not`` binds
closer than ``and``, ``and`` closer than ``or``: ``a b or -c`` is ``(a and b) or (not c)``. Tags have no spaces and no capitals,
see `normal`; their own parentheses belong to them if they are closed, as in ``miku_(append)``; a tag that would be read otherwise
stands in double quotes: ``"-_-"``, ``"or"``.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alebrije.errors import ConfigError

DEEPEST = 50  # parentheses inside each other
WORDS = ("and", "or", "not")

Chosen = NDArray[np.bool_]
Members = Callable[[str], Chosen]


@dataclass(frozen=True, slots=True)
class Tag:
    """The pictures that have this tag."""

    name: str


@dataclass(frozen=True, slots=True)
class Not:
    """The pictures that are not in `part`."""

    part: Expression


@dataclass(frozen=True, slots=True)
class And:
    """The pictures that are in all `parts`."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """The pictures that are in at least one of the `parts`."""

    parts: tuple[Expression, ...]


Expression = Tag | Not | And | Or


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text: `kind` is ``(``, ``)``, ``and``, ``or``, ``not``, ``tag`` or ``end``; `at` is its place, from 1."""

    kind: str
    name: str
    at: int


def normal(name: str) -> str:
    """A tag as it is kept: without capitals, underscores for spaces (`Ankle boot` is `ankle_boot`)."""
    return "_".join(name.lower().split())


def parse(text: str) -> Expression:
    """Read an expression. Raises `ConfigError`, with the place of the mistake, counted in characters from 1."""
    tokens = list(_tokens(text))
    expression, place = _either(text, tokens, 0, 0)
    if tokens[place].kind == ")":
        raise _mistake(text, f"the ) at character {tokens[place].at} closes nothing")
    return expression


def names(expression: Expression) -> list[str]:
    """The tags that stand in an expression, each once, in their order."""
    match expression:
        case Tag(name):
            return [name]
        case Not(part):
            return names(part)
        case And(parts) | Or(parts):
            return list(dict.fromkeys(name for part in parts for name in names(part)))


def written(expression: Expression) -> str:
    """The expression as it can be typed; `parse` reads it back."""
    match expression:
        case Tag(name):
            return f'"{name}"' if _needs_quotes(name) else name
        case Not(part):
            return f"-{written(part)}" if isinstance(part, Tag) else f"-({written(part)})"
        case And(parts):
            return " ".join(f"({written(part)})" if isinstance(part, And | Or) else written(part) for part in parts)
        case Or(parts):
            return " or ".join(f"({written(part)})" if isinstance(part, Or) else written(part) for part in parts)


def evaluate(expression: Expression, members: Members) -> Chosen:
    """Which pictures are chosen, bool [N]. `members` gives the pictures of a tag, bool [N], all False for an unknown one."""
    match expression:
        case Tag(name):
            return members(name)
        case Not(part):
            return np.logical_not(evaluate(part, members))
        case And(parts):
            return functools.reduce(np.logical_and, (evaluate(part, members) for part in parts))
        case Or(parts):
            return functools.reduce(np.logical_or, (evaluate(part, members) for part in parts))


def why_empty(expression: Expression, members: Members, counts: Mapping[str, int]) -> str:
    """A sentence on what left no picture over, for an expression that chooses none; `counts` is how many each tag has."""
    match expression:
        case Tag(name):
            return f"no picture has the tag {name}{hint(name, counts)}"
        case Not(part):
            return f"every picture is left out by {written(expression)}: all of them are {written(part)}"
        case Or(parts):
            return "; ".join(why_empty(part, members, counts) for part in parts)
        case And(parts):
            left: Chosen | None = None
            for number, part in enumerate(parts):
                found = evaluate(part, members)
                if not found.any():
                    return why_empty(part, members, counts)
                both = found if left is None else left & found
                if left is not None and not both.any():
                    before = written(And(parts[:number])) if number > 1 else written(parts[0])
                    return f"{written(part)} leaves none of the pictures that are {before} ({int(left.sum())})"
                left = both
            return "something is left"


def unknown(expression: Expression, counts: Mapping[str, int]) -> list[str]:
    """A sentence for each tag of the expression that no picture has."""
    return [f"no picture has the tag {name}{hint(name, counts)}" for name in names(expression) if not counts.get(name)]


def hint(name: str, counts: Mapping[str, int]) -> str:
    """`` (did you mean X?)`` for the nearest tag, the most frequent ones if none is near, nothing if there are no tags at all."""
    usual = sorted(counts, key=lambda tag: -counts[tag])
    near = difflib.get_close_matches(name, usual, n=1, cutoff=0.6)
    if near:
        return f" (did you mean {near[0]}?)"
    return f" (the most frequent tags are {', '.join(usual[:5])})" if usual else " (there are no tags at all)"


def look_up(rows: Iterable[Iterable[str]], wanted: Iterable[str]) -> Members:
    """`members` of pictures whose tags are at hand as sets or lists, for the tags `wanted`."""
    listed = [frozenset(row) for row in rows]
    found = {name: np.fromiter((name in row for row in listed), np.bool_, len(listed)) for name in wanted}
    return found.__getitem__


def _mistake(text: str, what: str) -> ConfigError:
    shown = text if len(text) <= 120 else f"{text[:117]}..."
    return ConfigError(f"cannot read the tags '{shown}': {what}")


def _either(text: str, tokens: list[Token], place: int, depth: int) -> tuple[Expression, int]:
    """Parts with ``or`` between them; the expression and the place behind it."""
    parts = []
    while True:
        part, place = _both(text, tokens, place, depth)
        parts.append(part)
        if tokens[place].kind != "or":
            return (parts[0] if len(parts) == 1 else Or(tuple(parts))), place
        place += 1


def _both(text: str, tokens: list[Token], place: int, depth: int) -> tuple[Expression, int]:
    """Parts with nothing or ``and`` between them."""
    parts = []
    while True:
        part, place = _one(text, tokens, place, depth)
        parts.append(part)
        if tokens[place].kind == "and":
            place += 1
        elif tokens[place].kind not in {"tag", "not", "("}:
            return (parts[0] if len(parts) == 1 else And(tuple(parts))), place


def _one(text: str, tokens: list[Token], place: int, depth: int) -> tuple[Expression, int]:
    """A tag or a group, with or without ``not``."""
    negated = False
    while tokens[place].kind == "not":
        negated, place = not negated, place + 1
    token = tokens[place]
    if token.kind == "tag":
        found: Expression = Tag(token.name)
    elif token.kind == "(":
        if depth == DEEPEST:
            raise _mistake(text, f"more than {DEEPEST} parentheses inside each other")
        found, place = _either(text, tokens, place + 1, depth + 1)
        if tokens[place].kind != ")":
            raise _mistake(text, f"the ( at character {token.at} is never closed")
    else:
        raise _mistake(text, _missing(tokens, place))
    return (Not(found) if negated else found), place + 1


def _missing(tokens: list[Token], place: int) -> str:
    """What is wrong where a tag should stand."""
    token = tokens[place]
    if len(tokens) == 1:
        return "there is no tag in them"
    if place == 0:
        return f"they begin with {token.kind}, where a tag should stand (character {token.at})"
    before = tokens[place - 1]
    if token.kind == "end":
        return f"after the {before.kind} at character {before.at} a tag is missing"
    return f"between the {before.kind} at character {before.at} and the {token.kind} at character {token.at} a tag is missing"


def _tokens(text: str) -> Iterator[Token]:
    place = 0
    while place < len(text):
        letter = text[place]
        at = place + 1
        if letter.isspace():
            place += 1
        elif letter in "()":
            yield Token(letter, letter, at)
            place += 1
        elif letter == '"':
            end = text.find('"', at)
            if end < 0:
                raise _mistake(text, f"the quotation mark at character {at} is never closed")
            if not normal(text[at:end]):
                raise _mistake(text, f"there is no tag between the quotation marks at character {at}")
            yield Token("tag", normal(text[at:end]), at)
            place = end + 1
        elif letter == "-":
            if at == len(text) or text[at].isspace() or text[at] == ")":
                raise _mistake(text, f"the - at character {at} stands alone: write it before a tag, as in -text")
            yield Token("not", "-", at)
            place += 1
        else:
            place = _end_of_word(text, place)
            word = text[at - 1 : place].lower()
            if word.endswith(",") and len(word) > 1:
                raise _mistake(text, f"tags are parted by spaces, not by commas (character {place})")
            yield Token(word if word in WORDS else "tag", word, at)
    yield Token("end", "end", len(text) + 1)


def _end_of_word(text: str, start: int) -> int:
    """Where a bare tag ends: at a space, or at a parenthesis that closes none of its own."""
    opened: list[int] = []
    place = start
    while place < len(text) and not text[place].isspace():
        if text[place] == "(":
            if text[start:place].lower() in WORDS:
                break
            opened.append(place + 1)
        elif text[place] == ")":
            if not opened:
                break
            opened.pop()
        place += 1
    if opened:
        raise _mistake(text, f"the ( at character {opened[0]} is never closed (a tag that has one stands in quotation marks)")
    return place


def _needs_quotes(name: str) -> bool:
    """Whether a tag would be read as something else if it stood bare."""
    if name.partition("(")[0] in {*WORDS, ""} or name[0] in '-)"' or name.endswith(","):
        return True
    depth = 0
    for letter in name:
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            return True
    return depth != 0
