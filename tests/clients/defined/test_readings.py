"""Readings of what a program printed or wrote."""

import itertools
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from authprobe.clients.defined.readings import (
    Output,
    glob_expression,
    meets_all,
    read_status,
    read_text,
)
from authprobe.core.regular_expressions import contains_match
from authprobe.scenario.client_definitions import Reading
from tests.support.speed import processor_time_below

LINES = (
    'log\n{"type": "run", "ok": true, "text": "first"}\n{"type": "run", "text": "last"}\n{"a": 1}'
)


def reading(**values: Any) -> Reading:
    return TypeAdapter(Reading).validate_python(values)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"from": "stdout", "matches": "first|last"}, "first"),
        ({"from": "stdout", "each": "line", "where": {"type": "run"}, "json": "$.text"}, "last"),
        ({"from": "stdout", "each": "line", "where": {"ok": True}, "json": "$.text"}, "first"),
        ({"from": "stdout", "each": "line", "where": {"ok": 1}, "json": "$.text"}, None),
        ({"from": "stdout", "each": "line", "json": "$.a"}, "1"),
        ({"from": "stdout", "json": "$.a"}, None),
        ({"from": "stderr", "matches": "code (5..)"}, "503"),
        ({"from": "output", "matches": "log|code"}, "log"),
        ({"from": "exit-code"}, "3"),
        ({"from": "exit-code", "matches": "[0-2]"}, None),
        ({"from": "response"}, None),
        ({"file": "missing.json"}, None),
        ({"file": "missing/*.json"}, None),
    ],
)
def test_steps_are_applied_in_order(tmp_path: Path, values: dict[str, Any], text: str) -> None:
    output = Output(home=tmp_path, stdout=LINES, stderr="failed: code 503", exit_code=3)
    assert read_text(reading(**values), output) == text


def test_the_newest_file_that_fits_is_read(tmp_path: Path) -> None:
    for name, at in (("b.json", 2), ("a.json", 3), ("c.txt", 4), ("deep/er/d.json", 1)):
        path = tmp_path / "logs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        os.utime(path, (at, at))
    output = Output(home=tmp_path)
    assert read_text(reading(file="logs/*.json"), output) == "a.json"
    assert read_text(reading(file="logs/*/*/*.json"), output) == "deep/er/d.json"
    assert read_text(reading(file="**"), output) == "c.txt"
    assert read_text(reading(file="logs/c.txt"), output) == "c.txt"


def test_all_conditions_must_hold(tmp_path: Path) -> None:
    output = Output(home=tmp_path, stdout="pong", exit_code=0)
    success = reading(**{"from": "exit-code", "equals": 0})
    assert meets_all(success, output)
    assert meets_all((success, reading(**{"from": "stdout", "contains": "pong"})), output)
    assert not meets_all((success, reading(**{"from": "stdout", "equals": "pon"})), output)
    assert not meets_all((success, reading(**{"from": "stderr", "matches": "x"})), output)


@pytest.mark.parametrize("text", ["999", "4011", "x401", ""])
def test_what_is_no_status_is_none(tmp_path: Path, text: str) -> None:
    assert read_status(reading(**{"from": "stdout"}), Output(home=tmp_path, stdout=text)) is None


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("a/*.json", "a/b.json", True),
        ("a/*.json", "a/b/c.json", False),
        ("a/**/c.json", "a/c.json", True),
        ("a/**/c.json", "a/b/b/c.json", True),
        ("**/*.json", "x.json", True),
        ("a/**", "a/b/c", True),
        ("a.b/c-d e+*", "a.b/c-d e+1", True),
        ("a.b/*", "axb/c", False),
    ],
)
def test_a_glob_pattern_is_an_expression(pattern: str, path: str, *, fits: bool) -> None:
    assert contains_match(glob_expression(pattern), path) is fits


@pytest.mark.parametrize("unit", ["[", '{"a":', "1\n", '{"a": {"a": 1}}\n', "\ud800", "a" * 99])
def test_a_flood_is_read_in_seconds(tmp_path: Path, unit: str) -> None:
    output = Output(home=tmp_path, stdout=unit * (1024 * 1024 // len(unit)))
    ends: tuple[dict[str, Any], ...] = (
        {"json": "$..b"},
        {"matches": "(a+)+b"},
        {"where": {"x": 1}, "json": "$.b"},
    )
    with processor_time_below(30):
        for steps, last in itertools.product(({}, {"each": "line"}), ends):
            assert read_text(reading(**{"from": "stdout", **steps, **last}), output) is None
