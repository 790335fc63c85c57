"""Errors that every kind of YAML document has in common, in the words of that kind."""

import datetime
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from authprobe.compatibility.features import load_features
from authprobe.core.client_kinds import ClientKind
from authprobe.diagnosis.causes_file import load_causes
from authprobe.diagnosis.known_issues_file import load_known_issues
from authprobe.documents.document import MAX_PROBLEMS, read_document
from authprobe.documents.source import MAX_FILE_BYTES
from authprobe.documents.vocabulary import Vocabulary
from authprobe.emulator.config import Backend
from authprobe.errors import ProbesError
from authprobe.run.known_failures import load_known_failures
from authprobe.scenario.load import load_file

LOADERS: dict[str, Callable[[Path], object]] = {
    "a scenario": load_file,
    "a known-failures file": lambda path: load_known_failures(path, datetime.date(2026, 11, 24)),
    "a features file": lambda path: load_features(path, (), ClientKind.CLAUDE_CODE),
    "a causes file": load_causes,
    "a known-issues file": load_known_issues,
}
STARTS = {
    "a scenario": "its 'id'",
    "a features file": "'features'",
    "a causes file": "'- id:'",
    "a known-issues file": "'incidents'",
}
FIRST_KEYS = {
    "a scenario": "id",
    "a known-failures file": "known_failures",
    "a features file": "features",
    "a known-issues file": "incidents",
}
VOCABULARY = Vocabulary(document="a setup", start="'date'")


@pytest.fixture(params=LOADERS)
def document(request: pytest.FixtureRequest) -> str:
    """Each kind of document in turn."""
    return str(request.param)


def error(document: str, path: Path, text: str) -> str:
    """Return the error message for a file with this text, without the path in front."""
    path.write_text(text)
    with pytest.raises(ProbesError) as caught:
        LOADERS[document](path)
    message = str(caught.value)
    assert message.startswith(f"{path}:")
    assert document == "a scenario" or "scenario" not in message
    return message.removeprefix(f"{path}:")


@pytest.mark.parametrize("document", STARTS)
@pytest.mark.parametrize("text", ["", "# a comment\n", "---\n", "~"])
def test_an_empty_file_is_reported_with_what_it_should_start_with(
    tmp_path: Path, document: str, text: str
) -> None:
    expected = f"1:1: the file is empty; {document} starts with {STARTS[document]}"
    assert error(document, tmp_path / "it.yaml", text) == expected


@pytest.mark.parametrize("text", ["", "# a comment\n", "---\n", "~"])
def test_an_empty_known_failures_file_has_no_entries(tmp_path: Path, text: str) -> None:
    path = tmp_path / "it.yaml"
    path.write_text(text)
    assert load_known_failures(path, datetime.date(2026, 11, 24)).entries == ()


def test_two_documents_in_one_file_are_reported(tmp_path: Path, document: str) -> None:
    expected = "2:1: a second document starts here; put each document in its own file"
    assert error(document, tmp_path / "it.yaml", "a: 1\n---\nb: 2\n") == expected


def test_a_top_level_of_the_wrong_type_is_reported(tmp_path: Path, document: str) -> None:
    is_list = document == "a causes file"
    text, expected = (
        ("a: 1", "must be a list, not a mapping")
        if is_list
        else ("- a", "must be a mapping, not a list; write 'key: value' lines")
    )
    assert error(document, tmp_path / "it.yaml", text) == f"1:1: {document} {expected}"


def test_an_oversized_file_is_reported(tmp_path: Path, document: str) -> None:
    text = "a: " + "x" * MAX_FILE_BYTES
    expected = f"1:1: larger than {MAX_FILE_BYTES:,} bytes (limit)"
    assert error(document, tmp_path / "it.yaml", text) == expected


def test_a_missing_file_is_reported(tmp_path: Path, document: str) -> None:
    path = tmp_path / "none.yaml"
    with pytest.raises(ProbesError) as caught:
        LOADERS[document](path)
    assert str(caught.value) == f"{path}:1:1: no such file"


def test_an_unknown_key_is_reported_at_its_line_and_column(tmp_path: Path, document: str) -> None:
    known = FIRST_KEYS.get(document)
    text, place = (f"{known}: 1\nzzz: 1", "2:1") if known else ("- zzz: 1", "1:3")
    messages = error(document, tmp_path / "it.yaml", text).splitlines()
    assert any(f"{place}: unknown key 'zzz'" in message for message in messages)


@pytest.mark.parametrize("document", FIRST_KEYS)
@pytest.mark.parametrize(
    "text",
    [
        "root:SECRET-hash:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n",
        "machine SECRET login SECRET\n",
        "SECRET: SECRET\nSECRET2: &SECRET [SECRET]\n",
        "- SECRET\n- SECRET\n",
        "password: !SECRET x\n",
        "password: *SECRET\n",
        "password: &SECRET [*SECRET]\n",
        "!SECRET!it's x: 1\n",
        "%TAG !SECRET\n--- a\n",
        "a: b: SECRET\n",
        "SECRET: 1\nSECRET: 2\n",
        "'SECRET\n",
        "5\n",
        "2026-01-01\n",
        "SECRET='it''s'\n",
    ],
)
def test_a_file_of_another_kind_is_described_and_not_quoted(
    tmp_path: Path, document: str, text: str
) -> None:
    message = error(document, tmp_path / "it.yaml", text)
    assert "SECRET" not in message
    assert len(message.splitlines()) == 1


def test_a_file_with_a_mistyped_key_is_still_recognized(tmp_path: Path) -> None:
    assert "unknown key 'dat'; did you mean 'date'?" in read_messages(tmp_path, "dat: 1")[0]


def test_a_file_that_becomes_a_pipe_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, pipe = tmp_path / "it.yaml", tmp_path / "pipe"
    path.write_text("date: 2026-01-01")
    os.mkfifo(pipe)
    regular = path.stat()
    monkeypatch.setattr(Path, "stat", lambda self: regular)
    assert [problem.message for problem in read_document(pipe, Backend, VOCABULARY).problems] == [
        "not a regular file"
    ]


def read_messages(folder: Path, text: str) -> tuple[str, ...]:
    """Return the error messages for a backend's setup, without the path in front."""
    path = folder / "it.yaml"
    path.write_text(text)
    messages = read_document(path, Backend, VOCABULARY).messages
    return tuple(message.removeprefix(f"{path}:") for message in messages)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("date: 2019-12-31", "1:7: 'date' must be at least 2020-01-01, not the date 2019-12-31"),
        ("date: 2101-01-01", "1:7: 'date' must be at most 2100-01-01, not the date 2101-01-01"),
    ],
)
def test_the_limit_of_a_date_is_shown_as_a_date(tmp_path: Path, text: str, expected: str) -> None:
    assert read_messages(tmp_path, text) == (expected,)


def test_a_value_of_a_choice_without_a_noun_is_reported(tmp_path: Path) -> None:
    [message] = read_messages(tmp_path, "standing: x")
    assert message.startswith("1:11: 'x' is not a choice; use 'active', ")


def test_a_pattern_without_a_noun_is_shown_itself(tmp_path: Path) -> None:
    assert read_messages(tmp_path, "faults: ['5']") == (
        "1:10: '5' is not of the form ^[A-Za-z][A-Za-z0-9-]*$",
    )


def test_at_most_a_hundred_problems_are_shown(tmp_path: Path) -> None:
    messages = read_messages(
        tmp_path, "\n".join(f"key{n}: 1" for n in range(MAX_PROBLEMS)) + "\ndate: 1"
    )
    assert len(messages) == MAX_PROBLEMS + 1
    assert messages[-1] == "100:1: too many errors; only the first 100 are shown"
