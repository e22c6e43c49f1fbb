"""Expressions of tags: what they mean, how they are refused, and why nothing is left."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alebrije.data import index
from alebrije.data.tags import And, Expression, Not, Or, Tag, evaluate, look_up, names, normal, parse, unknown, why_empty, written
from alebrije.errors import ConfigError

NAMES = ("1girl", "or(c)", "(", "solo", "text", "or", "-_-", ":)", "miku_(append)", "rating:s", "not", "(x", "日本", "a,")
tag = st.sampled_from(NAMES).map(Tag)
expressions: st.SearchStrategy[Expression] = st.recursive(
    tag,
    lambda inner: st.builds(Not, inner)
    | st.lists(inner, min_size=2, max_size=3).map(lambda parts: And(tuple(parts)))
    | st.lists(inner, min_size=2, max_size=3).map(lambda parts: Or(tuple(parts))),
    max_leaves=8,
)
collections = st.lists(st.frozensets(st.sampled_from(NAMES)), min_size=1, max_size=12)


def naive(expression: Expression, tags: frozenset[str]) -> bool:
    """Whether one picture is chosen, picture by picture."""
    match expression:
        case Tag(name):
            return name in tags
        case Not(part):
            return not naive(part, tags)
        case And(parts):
            return all(naive(part, tags) for part in parts)
        case Or(parts):
            return any(naive(part, tags) for part in parts)


def counted(rows: Iterable[frozenset[str]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows:
        for name in row:
            found[name] = found.get(name, 0) + 1
    return found


@settings(deadline=None)
@given(expressions, collections)
def test_what_is_chosen_is_what_each_picture_by_itself_says(expression: Expression, rows: list[frozenset[str]]) -> None:
    chosen = evaluate(expression, look_up(rows, names(expression)))
    assert chosen.tolist() == [naive(expression, row) for row in rows]


@settings(deadline=None)
@given(expressions, collections)
def test_what_is_written_is_read_as_the_same(expression: Expression, rows: list[frozenset[str]]) -> None:
    again = parse(written(expression))
    assert [naive(again, row) for row in rows] == [naive(expression, row) for row in rows]


@settings(deadline=None)
@given(expressions, collections)
def test_an_empty_choice_has_a_reason_and_another_one_has_none(expression: Expression, rows: list[frozenset[str]]) -> None:
    members = look_up(rows, names(expression))
    if not evaluate(expression, members).any():
        sentence = why_empty(expression, members, counted(rows))
        assert "something is left" not in sentence
        assert any(word in sentence for word in ("no picture has", "leaves none", "every picture is left out"))


@given(st.text(st.sampled_from('ab ()-"or not,'), max_size=14))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    said = ""
    try:
        assert names(parse(text))
    except ConfigError as error:
        said = str(error)
    assert said == "" or said.startswith("cannot read the tags")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("1girl solo", And((Tag("1girl"), Tag("solo")))),
        ("a and b AND c", And((Tag("a"), Tag("b"), Tag("c")))),
        ("a b or c", Or((And((Tag("a"), Tag("b"))), Tag("c")))),
        ("a (b or c) -d", And((Tag("a"), Or((Tag("b"), Tag("c"))), Not(Tag("d"))))),
        ("a or(b and(c))", Or((Tag("a"), And((Tag("b"), Tag("c")))))),
        ('"or(c)"', Tag("or(c)")),
        ("not a", Not(Tag("a"))),
        ("not not a", Tag("a")),
        ("--a", Tag("a")),
        ("-(a b)", Not(And((Tag("a"), Tag("b"))))),
        ("Miku_(Append)", Tag("miku_(append)")),
        ("(miku_(append))", Tag("miku_(append)")),
        ('"-_-" "Ankle boot" "or"', And((Tag("-_-"), Tag("ankle_boot"), Tag("or")))),
        ("t-shirt", Tag("t-shirt")),
    ],
)
def test_the_grammar(text: str, meaning: Expression) -> None:
    assert parse(text) == meaning


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is no tag in them"),
        ("  ", "there is no tag in them"),
        ("1girl (solo", "the ( at character 7 is never closed"),
        ("1girl solo)", "the ) at character 11 closes nothing"),
        ("a or", "after the or at character 3 a tag is missing"),
        ("or a", "they begin with or"),
        ("a or or b", "between the or at character 3 and the or at character 6"),
        ("a ()", "between the ( at character 3 and the ) at character 4"),
        ("a - b", "the - at character 3 stands alone"),
        ("a, b", "not by commas (character 2)"),
        ('a "b', "the quotation mark at character 3 is never closed"),
        ('a ""', "no tag between the quotation marks at character 3"),
        (":(", "the ( at character 2 is never closed"),
        ("(" * 51 + "a" + ")" * 51, "more than 50 parentheses"),
    ],
)
def test_a_mistake_is_shown_where_it_is(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert words in str(caught.value)


ROWS = [frozenset(row.split()) for row in ("1girl solo", "1girl solo hat", "1girl text", "1boy solo", "1girl solo text")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1gril solo", "no picture has the tag 1gril (did you mean 1girl?)"),
        ("1girl hat text", "text leaves none of the pictures that are 1girl hat (1)"),
        ("1boy 1girl", "1girl leaves none of the pictures that are 1boy (1)"),
        ("zzz or qqq", "no picture has the tag zzz"),
        ("hat -(1girl or 1boy)", "every picture is left out by -(1girl or 1boy)"),
    ],
)
def test_it_says_which_tag_left_nothing(text: str, words: str) -> None:
    expression = parse(text)
    assert words in why_empty(expression, look_up(ROWS, names(expression)), counted(ROWS))


def test_a_tag_that_no_picture_has_is_noticed() -> None:
    assert unknown(parse("1girl -txt"), counted(ROWS)) == ["no picture has the tag txt (did you mean text?)"]
    assert unknown(parse("zzzz"), {}) == ["no picture has the tag zzzz (there are no tags at all)"]


def test_tags_are_kept_in_one_way() -> None:
    assert normal("  Ankle \t boot ") == "ankle_boot"
    assert normal("日本") == "日本"


@settings(deadline=None)
@given(st.integers(1, 400), st.data())
def test_packed_members_are_the_members(count: int, data: st.DataObject) -> None:
    ids = np.array(sorted(data.draw(st.sets(st.integers(0, count - 1)))), np.int64)
    packed = index.pack_members(ids, count)
    assert len(packed) <= -(-count // 8)
    assert np.flatnonzero(index.unpack_members(packed, len(ids), count)).tolist() == ids.tolist()


@settings(deadline=None, max_examples=30)
@given(expressions, collections)
def test_the_index_answers_as_sql_over_its_tables_does(expression: Expression, rows: list[frozenset[str]]) -> None:
    connection = sqlite3.connect(":memory:")
    connection.executescript(index.SCHEMA)
    index.add_tags(connection, ((number, sorted(row)) for number, row in enumerate(rows)))
    connection.executemany("INSERT INTO pictures VALUES (?, '', '', 1, 1, '', x'')", ((number,) for number in range(len(rows))))
    index.count_tags(connection, len(rows))
    condition, values = sql(expression)
    expected = [row[0] for row in connection.execute(f"SELECT id FROM pictures WHERE {condition} ORDER BY id", values)]
    chosen = evaluate(expression, lambda name: index.members(connection, name, len(rows)))
    assert np.flatnonzero(chosen).tolist() == expected
    assert index.tag_counts(connection) == counted(rows)


def sql(expression: Expression) -> tuple[str, list[str]]:
    """An expression as a condition on pictures.id, with its values."""
    if isinstance(expression, Tag):
        query = "id IN (SELECT picture FROM picture_tags JOIN tags ON tags.id = tag WHERE name = ?)"
        return query, [expression.name]
    if isinstance(expression, Not):
        condition, values = sql(expression.part)
        return f"NOT ({condition})", values
    word = " AND " if isinstance(expression, And) else " OR "
    parts = [sql(part) for part in expression.parts]
    return word.join(f"({condition})" for condition, _ in parts), [value for _, values in parts for value in values]
