"""Problems of client definitions, each at the place that causes it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from authprobe.errors import ScenarioError
from authprobe.scenario.load import load_files

TOKEN = "sk-ant-api03-" + "A" * 93 + "AA"
OWN = {"install": {"path": "bot.py"}, "run": ["{program}"]}
RUN = {"run": ["sh"]}
SERVER = {"serve": {"run": ["sh", "{port}"], "ready": {"get": "/"}}}


def write(folder: Path, name: str, clients: dict[str, Any], used: str = "bot") -> Path:
    """Write a scenario with these clients, next to a program `bot.py`."""
    program = folder / "bot.py"
    program.write_text("#!/usr/bin/env python3\n")
    (folder / "plain.txt").write_text("no program\n")
    scenario = {
        "id": name,
        "title": "A bot",
        "why": "It shows the problem.",
        "sources": ["https://example.org/bot"],
        "clients": clients,
        "credentials": {"key": {"token": "api-key"}},
        "matrix": {"client": [used], "credential": ["key"]},
        "expect": {"outcome": "accepted"},
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(scenario, sort_keys=False))
    return path


def messages(*paths: Path) -> str:
    """Return the messages of the loader, one a line."""
    with pytest.raises(ScenarioError) as error:
        load_files(paths)
    return str(error.value)


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ({}, "a client has either 'run' or 'serve', and this one has neither"),
        ({**RUN, "serve": {"run": ["sh"]}}, "and this one has both"),
        ({"install": {"npm": "a", "pip": "b"}, **RUN}, "exactly one of 'npm', 'pip' and 'path'"),
        ({"install": {}, **RUN}, "exactly one of 'npm', 'pip' and 'path', and has none"),
        ({**OWN, "install": {"path": "bot.py", "beside": ["x"]}}, "it needs 'npm' or 'pip'"),
        ({"install": {"pip": "a", "scripts": ["x"]}, **RUN}, "it needs 'npm'"),
        ({**OWN, "install": {"path": "../bot.py"}}, "leaves its folder by '..'"),
        ({**OWN, "install": {"path": "/bot.py"}}, "is not a relative path"),
        ({**OWN, "install": {"path": "none.py"}}, "there is no program 'none.py'"),
        ({**OWN, "install": {"path": "plain.txt"}}, "'plain.txt' is not executable"),
        ({"run": ["{prompts}"]}, "{prompts} is no placeholder; did you mean 'prompt'?"),
        ({"run": ["{bin}/x"]}, "{bin} has no value here"),
        ({"run": ["{program}"]}, "{program} has no value here"),
        ({"run": ["x", "{port}"]}, "{port} has no value here"),
        ({**RUN, "files": {"a": "{port}"}}, "{port} has no value here"),
        ({**RUN, "variables": {"PATH": "x"}}, "authprobe itself sets PATH"),
        ({**RUN, "variables": {"https_proxy": "x"}}, "authprobe itself sets https_proxy"),
        ({**RUN, "variables": {"HTTPS_proxy": "x"}}, "authprobe itself sets HTTPS_proxy"),
        ({**RUN, "variables": {"Node_Extra_CA_Certs": "x"}}, "authprobe itself sets Node_Extra_CA"),
        ({**RUN, "variables": {"LD_PRELOAD": "x"}}, "LD_PRELOAD makes a program load further code"),
        ({**RUN, "variables": {"ld_audit": "x"}}, "ld_audit makes a program load further code"),
        ({**RUN, "variables": {"GLIBC_TUNABLES": "x"}}, "GLIBC_TUNABLES makes a program load"),
        ({**RUN, "variables": {"a=b": "x"}}, "'a=b' is not the name of a variable"),
        ({**SERVER, "fronts": {"raw-http": {"variables": {"No_Proxy": "x"}}}}, "sets No_Proxy"),
        ({**RUN, "files": {"../a": "x"}}, "'../a' leaves its folder"),
        ({**RUN, "files": {"/a": "x"}}, "'/a' is not a relative path"),
        ({**RUN, "files": {"bin/node": "x"}}, "is authprobe's own"),
        ({**RUN, "files": {"a": "x", "a/b": "y"}}, "'a' is a file"),
        ({**RUN, "files": {"a": 1}}, "is neither text nor JSON"),
        ({**RUN, "files": {"a": {"b": [TOKEN]}}}, "this looks like a token"),
        ({"run": ["sh", TOKEN]}, "this looks like a token; write {key}"),
        ({**RUN, "files": {TOKEN: "x"}}, "this looks like a token"),
        ({**RUN, "title": TOKEN}, "this looks like a token"),
        ({**RUN, "accepted": {"from": "stdout", "contains": TOKEN}}, "this looks like a token"),
        ({**RUN, "request": {"post": "/v1/messages"}}, "'request' is only for a server"),
        ({**RUN, "fronts": {"claude-code": {}}}, "'fronts' is only for a server"),
        ({**RUN, "version": {}}, "'version' needs either 'run' or 'product'"),
        ({**RUN, "version": {"product": "x", "matches": "y"}}, "'matches' reads the output"),
        ({**RUN, "version": {"run": ["x"], "matches": "("}}, "is not a regular expression"),
        ({**RUN, "accepted": {"from": "stdout"}}, "this reading has no condition"),
        ({**RUN, "message": {"json": "$"}}, "'from' or 'file', and this one has neither"),
        ({**RUN, "message": {"from": "stdout", "file": "x"}}, "and this one has both"),
        ({**RUN, "message": {"from": "stdout", "json": "$."}}, "is not JSONPath"),
        ({**RUN, "message": {"from": "stdout", "matches": "(?=x)"}}, "lookaround"),
        ({**RUN, "status": {"from": "status"}}, "is of a server"),
        ({**RUN, "status": {"from": "exit-code", "each": "line"}}, "is a number"),
        ({**RUN, "message": {"file": "../x"}}, "leaves the private home"),
        ({**RUN, "message": {"file": "a**/x"}}, "'**' stands for folders"),
    ],
)
def test_a_wrong_definition_is_a_problem(
    tmp_path: Path, definition: dict[str, Any], message: str
) -> None:
    text = messages(write(tmp_path, "wrong", {"bot": definition}))
    assert message in text
    assert "wrong.yaml:" in text
    assert TOKEN not in text


def test_the_file_of_a_definition_may_have_any_braces(tmp_path: Path) -> None:
    files = {"bot.js": "const {a, b} = {c}; f({prompt})", "b.json": {"x": [{"y": "{other}"}]}}
    load_files([write(tmp_path, "right", {"bot": {**RUN, "files": files}})])


def test_an_unused_definition_is_a_problem(tmp_path: Path) -> None:
    text = messages(write(tmp_path, "unused", {"bot": RUN, "other": RUN}))
    assert "no case uses the client 'other'" in text


def test_the_name_of_a_client_driven_by_code_is_taken(tmp_path: Path) -> None:
    path = write(tmp_path, "taken", {"claude-code": RUN}, used="claude-code")
    assert "is a client that authprobe drives by code" in messages(path)


def test_two_programs_of_one_name_are_a_problem(tmp_path: Path) -> None:
    first = write(tmp_path, "first", {"bot": OWN})
    second = write(tmp_path, "second", {"bot": {**OWN, "prompt": "hello"}})
    assert f"second.yaml:7:3: 'bot' is another program in {first}" in messages(first, second)
    write(tmp_path, "second", {"bot": OWN})
    assert len(load_files([first, second])) == 2
