"""Checks of the definitions of servers."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from authprobe.scenario.checks.client_definitions import check_client_definitions
from authprobe.scenario.client_definitions import ClientDefinition

READER = TypeAdapter(ClientDefinition)
SERVER = {"serve": {"run": ["x", "{port}"]}, "request": {"post": "/"}}


def problems(**changes: Any) -> list[str]:
    """Return the problems of a definition of a server with these changes."""
    definition = READER.validate_python({**SERVER, **changes})
    return [text for _, text in check_client_definitions({"gate": definition}, Path())]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"serve": {"run": ["x"]}, "variables": {"PORT": "{port}"}},
        {"serve": {"run": ["x"]}, "files": {"a.json": {"server": [{"port": "{port}"}]}}},
        {"request": None, "fronts": {"claude-code": {}}},
        {"drives": {"claude-code": {}}},
        {"serve": {"run": ["x", "{port}"], "ready": {"line": "ready"}, "within": 5}},
    ],
    ids=["command", "variable", "file", "front", "drives", "ready"],
)
def test_server_that_can_be_asked_has_no_problem(changes: dict[str, Any]) -> None:
    assert problems(**changes) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"request": None}, "nobody asks this server"),
        ({"serve": {"run": ["x"]}}, "the server must listen on {port}"),
        (
            {"serve": {"run": ["x"]}, "fronts": {"bot": {"variables": {"P": "{port}"}}}},
            "the server must listen on {port}",
        ),
        ({"stdin": "x"}, "'stdin' is only for a client with 'run'"),
        (
            {"serve": {"run": ["{port}"], "ready": {"line": "x", "get": "/"}}},
            "'ready' has either 'line' or 'get', not both",
        ),
        ({"serve": None, "run": ["x"]}, "'request' is only for a server; it needs 'serve'"),
        ({"run": ["x"]}, "a client has either 'run' or 'serve', and this one has both"),
    ],
)
def test_server_that_cannot_be_asked_is_a_problem(changes: dict[str, Any], problem: str) -> None:
    found = problems(**changes)
    assert len(found) == 1
    assert found[0].startswith(problem)
