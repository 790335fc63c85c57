from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from authprobe.redaction.redactor import Redactor
from authprobe.redaction.scanner import scan_text
from authprobe.run import own_scenarios
from authprobe.run.own_scenarios import (
    MAX_TEXT_LENGTH,
    MAX_TOTAL_LENGTH,
    recorded_definitions,
    recorded_texts,
    without_comments,
)
from authprobe.settings import bundled_scenarios
from tests.support.make import make_record

TOKEN = "sk-ant-oat01-" + "made-up-value-" * 3


def test_only_scenarios_of_the_records_are_kept() -> None:
    texts = {"example": "id: example", "other": "id: other"}
    assert recorded_texts(texts, [make_record()], Redactor()) == {"example": "id: example"}
    assert recorded_texts({}, [make_record()], Redactor()) == {}


def test_tokens_are_redacted() -> None:
    (text,) = recorded_texts({"example": f"why: {TOKEN}"}, [make_record()], Redactor()).values()
    assert TOKEN not in text
    assert text.startswith("why: [redacted:")


def test_texts_that_are_too_long_are_left_out() -> None:
    fits, long = "x" * MAX_TEXT_LENGTH, "x" * (MAX_TEXT_LENGTH + 1)
    assert recorded_texts({"example": fits}, [make_record()], Redactor()) == {"example": fits}
    assert recorded_texts({"example": long}, [make_record()], Redactor()) == {}
    ids = [f"s{number:03}" for number in range(50)]
    kept = recorded_texts(
        dict.fromkeys(ids, fits), [make_record(scenario=x) for x in ids], Redactor()
    )
    assert list(kept) == ids[: MAX_TOTAL_LENGTH // MAX_TEXT_LENGTH]


WRAPPED: Final = ("# sk-ant-oat01-Q1w2E3r4\n", "# T5y6U7i8O9p0\n")
COMMENTED: Final = {
    "lines": ("# a\nx: 1\n  # b\ny: 2\n# c", "x: 1\ny: 2\n"),
    "ends of lines": ("x: 1 # a\ny: a#kept # b\n", "x: 1\ny: a#kept\n"),
    "between items": ("x:\n  - 1  # a\n  # b\n  - 2\n", "x:\n  - 1\n  - 2\n"),
    "in flow": ("x: [1, # a\n 2] # b\n", "x: [1,\n 2]\n"),
    "quoted": ("x: 'a # kept' # b\n", "x: 'a # kept'\n"),
    "over lines": ('x: "a\n  # kept"\n', 'x: "a\n  # kept"\n'),
    "block": ("x: |2- # a\n    # kept\n # b\ny: 1\n", "x: |2- \n    # kept\n\ny: 1\n"),
    "anchors": ("x: &a 1 # b\ny: *a # c\n", "x: &a 1\ny: *a\n"),
    "keys": ("? x # a\n: y # b\n", "? x\n: y\n"),
    "other line breaks": ("x:\r\n  # a\r\n  y: 1 # b\r\n", "x:\r\n  y: 1\r\n"),
    "documents": ("%YAML 1.2 # a\n--- # b\nx: 1\n... # c\n", "%YAML 1.2\n---\nx: 1\n...\n"),
    "wide characters": ("\U0001f600: é # é\ny: 1 # b\n", "\U0001f600: é\ny: 1\n"),
}


@pytest.mark.parametrize(("text", "expected"), COMMENTED.values(), ids=COMMENTED)
@pytest.mark.parametrize("loader", [yaml.SafeLoader, getattr(yaml, "CSafeLoader", None)])
def test_comments_are_left_out(
    text: str, expected: str, loader: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if loader is None:
        pytest.skip("PyYAML has no libyaml here")
    monkeypatch.setattr(own_scenarios, "_LOADER", loader)
    assert without_comments(text) == expected
    assert events(without_comments(text)) == events(text)


def test_bundled_scenarios_mean_the_same_without_comments() -> None:
    for path in bundled_files():
        text = path.read_text()
        assert events(without_comments(text)) == events(text)


def bundled_files() -> Iterator[Path]:
    return bundled_scenarios().glob("*.yaml")


def events(text: str) -> list[tuple[str, object, object]]:
    """Return what a YAML text means, without positions."""
    events: Any = yaml.parse(text, Loader=yaml.SafeLoader)
    return [
        (type(event).__name__, getattr(event, "value", None), getattr(event, "anchor", None))
        for event in events
    ]


def test_no_line_of_a_token_in_comments_is_kept() -> None:
    text = "why: x\n" + "".join(WRAPPED)
    assert recorded_texts({"example": text}, [make_record()], Redactor()) == {"example": "why: x\n"}


def test_a_text_that_cannot_be_redacted_is_left_out_and_the_others_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def scan(text: str, redactor: Redactor) -> tuple[object, ...]:
        return (*scan_text(text, redactor), *(("found",) if "unclear" in text else ()))

    monkeypatch.setattr(own_scenarios, "scan_text", scan)
    texts = {"example": "why: unclear", "other": "why: x"}
    records = [make_record(), make_record(scenario="other")]
    assert recorded_texts(texts, records, Redactor()) == {"other": "why: x"}


def test_files_of_definitions_are_recorded_for_the_scenarios_of_the_run() -> None:
    texts = {
        "example": {"bots.definitions.yaml": "clients: {}  # mine\n", "long.yaml": "x" * 40_000},
        "other": {"bots.definitions.yaml": "clients: {}\n"},
    }
    recorded = recorded_definitions(texts, [make_record()], Redactor())
    assert recorded == {"example": {"bots.definitions.yaml": "clients: {}\n"}}
