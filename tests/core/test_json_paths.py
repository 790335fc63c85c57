"""JSONPath queries are bounded, whatever the query and the document are."""

import resource
import time
from typing import Any

import pytest

from authprobe.core.json_paths import MAX_STEPS, Steps, find_in_json


def deep() -> Any:
    """Return a text in 90 objects and lists, one in another; the objects share their parts."""
    value: Any = "end"
    for _ in range(17):  # 2.7 million characters, if written as JSON
        value = {"a": value, "b": [value]}
    for _ in range(73):
        value = [value]
    return value


@pytest.fixture(scope="module")
def documents() -> dict[str, Any]:
    """Large documents by name, made for the tests that want them: that takes seconds."""
    long = [{"a": [{"b": n}]} for n in range(200_000)]
    nested = deep()
    return {
        "long": long,
        "deep": nested,
        "deep, in a list": [nested],
        "long, in a list": [long],
        "patterns": [{"text": "a" * 1000, "pattern": f"(a?){{900}}{n}"} for n in range(50_000)],
        "texts": ["a" * 10_000] * 400,
    }


@pytest.fixture(scope="module")
def visiting(documents: dict[str, Any]) -> float:
    """Seconds of processor time, about one, of a query that takes every step that it may."""
    return seconds_of("$..nothing", documents["long"])


def seconds_of(path: str, document: Any) -> float:
    """Return the seconds of processor time in which a query finds nothing."""
    began = time.process_time()
    assert find_in_json(path, document) is None
    return time.process_time() - began


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("$..[?@..[?@..nothing]]", "long"),
        ("$[?$[?@.a[?@.b == 'nothing']]]", "long"),
        ("$..*..*..*..*..nothing", "deep"),
        ("$[?@..*..*..*..*..nothing]", "deep, in a list"),
        ("$[?count(@..*..*..*) == 1]", "long, in a list"),
        ("$[?match(@.text, @.pattern)]", "patterns"),
        ("$[?search(@, '(a?){900}b')]", "texts"),
    ],
)
def test_a_query_ends_in_seconds(
    path: str, name: str, documents: dict[str, Any], visiting: float
) -> None:
    document = documents[name]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert seconds_of(path, document) < 3 * visiting
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 800 * 1024


def test_the_lines_of_a_reading_share_its_steps() -> None:
    steps = Steps(left=100)
    line = {"error": {"message": "refused"}}
    found = [find_in_json("$.error.message", line, steps) for _ in range(100)]
    assert found.count("refused") == 50  # two steps each
    assert found[50:] == [None] * 50


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$.choices[0].text", "pong"),
        ("$..[?@.type == 'text'].text", "pong"),
        ("$.choices[?search(@.text, 'o.g')].text", "pong"),
        ("$.choices[?match(@.text, 'p')].text", None),
        ("$.nothing", None),
    ],
)
def test_a_query_finds_its_first_value(path: str, expected: str | None) -> None:
    document = {"choices": [{"type": "text", "text": "pong"}]}
    assert find_in_json(path, document) == expected


def test_a_long_document_is_searched_to_its_end(documents: dict[str, Any]) -> None:
    long = documents["long"]
    assert len(long) < MAX_STEPS
    assert find_in_json("$[?@.a[0].b == 199999].a[0].b", long) is None  # too many comparisons
    assert find_in_json("$[?@.a[0].b == 49999].a[0].b", long) == 49_999
    assert find_in_json("$[199999].a[0].b", long) == 199_999
