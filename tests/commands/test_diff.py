"""`authprobe diff` with made-up versions in a fake registry, and between two runs."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from authprobe.cli import main
from authprobe.commands.output import DEFAULT_LOOKS, looks_arguments
from authprobe.run.results_file import dump_run
from authprobe.verdict.model import Status, Verdict
from tests.support.command import Ended, run
from tests.support.make import make_record, make_run
from tests.support.registry import OFFLINE
from tests.support.world import CASE, GONE, World, make_world

BEFORE, AFTER = "claude-code@1.0.0", "claude-code@1.0.2"
RESULTS = ("before.json", "after.json")

REQUEST = """
id: request
title: A request
why: It has no case for another client.
sources: [https://example.org/]
endpoints: {api: {url: "https://api.anthropic.com/v1/messages"}}
matrix: {client: [raw-http], endpoint: [api], credential: [none]}
expect: {outcome: rejected}
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


def diff(world: World, *words: str) -> Ended:
    results = words[0].endswith(".json")
    scenarios = () if results else ("--scenarios", "example.yaml")
    return run("diff", *words, *scenarios, cwd=world.folder, argv=None, **world.env)


def changes(ended: Ended) -> dict[str, tuple[str, str]]:
    (case,) = json.loads(ended.out)["questions"]
    return {change["subject"]: (change["before"], change["after"]) for change in case["changes"]}


def looks(world: World) -> int:
    return (world.folder / "reports" / "trials.jsonl").read_text().count("\n")


def test_differences_are_printed_and_repeating_it_probes_nothing(world: World) -> None:
    world.publish(until=3, bad="2 3")
    ended = diff(world, BEFORE, AFTER, "--json")
    assert ended.code == 1
    assert changes(ended)["outcome"] == ("accepted", "rejected")
    assert changes(ended)["reported status"] == ("none", "401")
    assert looks(world) == 4  # both, twice
    installs = world.installs
    for words in ((), ("--log",)):
        again = diff(world, BEFORE, AFTER, "--json", *words)
        assert (again.out, world.installs, looks(world)) == (ended.out, installs, 4)


def test_equal_versions_are_probed_once(world: World) -> None:
    world.publish(until=3)
    ended = diff(world, BEFORE, AFTER)
    assert ended.code == 0
    assert "claude-code 1.0.0 → 1.0.2: 0 broke, 0 fixed, 0 changed, 1 same\n\n" in ended.out
    assert f"run again: authprobe diff {BEFORE} {AFTER} --scenarios example.yaml" in ended.out
    assert looks(world) == 2


FLAKY = """#!/bin/sh
if [ "$1" = --version ]; then echo 1.0.2; exit; fi
echo asked >> COUNT
if [ $(wc -l < COUNT) = 1 ]; then echo '{"is_error": true, "result": "no"}'; exit 1; fi
echo '{"is_error": false, "result": "pong"}'
"""


def test_a_version_that_is_better_is_no_failure(world: World) -> None:
    world.publish(until=3, bad="0")
    ended = diff(world, BEFORE, AFTER)
    assert ended.code == 0
    assert "1.0.0 → 1.0.2: 0 broke, 1 fixed, 0 changed, 0 same\n\nFIXED\n" in ended.out
    assert "\n  fixed: rejected → accepted\n" in ended.out


def test_the_command_for_the_release_finds_it(world: World) -> None:
    world.publish(until=3, bad="2 3")
    ended = diff(world, BEFORE, "claude-code@1.0.3")
    (line,) = [line for line in ended.out.splitlines() if "find the release: " in line]
    words = shlex.split(line.partition(": ")[2])
    assert words[:2] == ["authprobe", "bisect"]
    found = run(*words[1:], cwd=world.folder, argv=None, **world.env)
    assert found.code == 0
    assert "1.0.2" in found.out


def test_a_page_is_written_as_well(world: World) -> None:
    world.publish(until=3, bad="2 3")
    ended = diff(world, BEFORE, AFTER, "--html", "pages/diff.html")
    assert (ended.code, "1 broke" in ended.out) == (1, True)
    page = (world.folder / "pages" / "diff.html").read_text()
    assert "<title>claude-code 1.0.0 → 1.0.2</title>" in page
    (world.folder / "taken").write_text("x")
    ended = diff(world, BEFORE, AFTER, "--html", "taken/diff.html")
    assert (ended.code, ended.out) == (4, "")
    assert "taken is not a directory" in ended.err


def test_an_expression_selects_cases(world: World) -> None:
    world.publish(until=3)
    assert "1 same" in diff(world, BEFORE, AFTER, "-k", "example").out
    ended = diff(world, BEFORE, AFTER, "-k", "nothing")
    assert (ended.code, ended.out) == (4, "")
    assert "-k nothing: no case of claude-code matches" in ended.err
    ended = diff(world, BEFORE, AFTER, "-k", "not (")
    assert (ended.code, "Wrong expression passed to '-k'" in ended.err) == (4, True)


def test_a_bundled_case_is_found_beside_other_scenarios(world: World) -> None:
    world.publish(until=3)
    ended = diff(world, BEFORE, AFTER, "versions/*/no-betas", "--json", "--log")
    assert ended.code == 6  # nothing is in the log
    (case,) = json.loads(ended.out)["questions"]
    assert case["id"] == "versions/claude-code/default/login/no-betas"


def test_a_missing_case_is_named_beside_scenarios_of_other_clients(world: World) -> None:
    world.publish(until=3)
    (world.folder / "example.yaml").write_text(REQUEST)
    ended = diff(world, BEFORE, AFTER, "nosuch")
    assert (ended.code, ended.err) == (4, "nosuch: no such case\n")


def test_differences_by_chance_are_not_reported(world: World) -> None:
    count = world.folder / "count"
    (world.registry.folder / "flaky").write_text(FLAKY.replace("COUNT", str(count)))
    world.publish(until=3, flaky="2")
    ended = diff(world, BEFORE, AFTER)
    assert (ended.code, looks(world)) == (0, 4)
    assert diff(world, BEFORE, AFTER, "--looks", "1", "--log").code == 0


def test_latest_is_the_newest_published_version(world: World) -> None:
    world.publish(until=3, bad="3")
    for name in ("claude-code@latest", "claude-code"):
        assert json.loads(diff(world, BEFORE, name, "--json").out)["after"] == "claude-code@1.0.3"
    assert json.loads(diff(world, "claude-code", BEFORE, "--json").out)["after"] == BEFORE


@pytest.mark.parametrize(
    ("does", "reason"),
    [
        ({"crash": "2"}, None),
        ({"lie": "2"}, "reports version 9.9.9"),
        ({"gone": "2"}, "not published"),
        ({"broken": "2"}, "its script is broken"),
    ],
)
def test_an_untestable_version_is_not_compared(
    world: World, does: dict[str, str], reason: str | None
) -> None:
    """Report the side and the reason; a version that crashes is compared."""
    withdrawn = "gone" in does or "broken" in does
    world.publish(until=3, **({} if withdrawn else does))
    if withdrawn:
        code, words = ("ETARGET", "notarget No matching version") if "gone" in does else ("1", "")
        words = words or "its script is broken"
        world.registry.before(GONE.format(patch=2, code=code, words=words))
    ended = diff(world, BEFORE, AFTER, "--json")
    (case,) = json.loads(ended.out)["questions"]
    if reason is None:
        assert (ended.code, changes(ended)["outcome"][1]) == (1, "crashed")
    else:
        assert (ended.code, case["effect"], reason in case["not_compared"]) == (6, None, True)


def test_an_unreachable_registry_is_reported(world: World) -> None:
    world.publish(until=3)
    world.registry.before(f'if [ "$1" = install ]; then echo "{OFFLINE}" >&2; exit 1; fi\n')
    ended = diff(world, BEFORE, AFTER)
    assert ended.code == 6
    assert "nothing can be installed here: the package registry" in ended.err
    assert "nothing could be compared" in ended.out
    world.registry.before("")
    assert diff(world, BEFORE, AFTER).code == 0


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((BEFORE, "claude-code@1.0.9"), "claude-code@1.0.9: this version is not published; next"),
        ((BEFORE, BEFORE), "both are the same"),
        ((BEFORE, "claude-code@1.0.x"), "give one version, such as claude-code@2.1.31"),
        ((BEFORE, "claude-code@each minor"), "give one version, such as claude-code@2.1.31"),
        ((BEFORE, "claude-code@>=1"), "give one version, such as claude-code@2.1.31"),
        ((BEFORE, "claude-code@installed"), "give one version, such as claude-code@2.1.31"),
        ((BEFORE, "cloud-code@1.0.1"), "no such client; did you mean 'claude-code'?"),
        ((BEFORE, AFTER, "exmple/claude-code/*"), "no such case"),
        ((BEFORE, AFTER, CASE, "--json", "--markdown"), "--json and --markdown exclude each other"),
        ((BEFORE, "results.json"), "results.json: no such client"),
        (("results.json", AFTER), "cannot compare a file with a client"),
        (("gone.json", "gone.json"), "gone.json: No such file"),
        (("gone.json", "gone.json", "--log"), "apply to two clients only"),
        ((BEFORE, "claude-code@stable"), "claude-code@stable: 'stable' is not a version; write"),
        ((BEFORE, "claude-code@1.0.1+x"), "leave out '+x'"),
        (
            (BEFORE, AFTER, "--out", "example.yaml"),
            "example.yaml is not a directory; name another one",
        ),
    ],
)
def test_invalid_arguments_are_reported_in_one_line(
    world: World, words: tuple[str, ...], complaint: str
) -> None:
    world.publish(until=2)
    ended = diff(world, *words)
    assert (ended.code, ended.out) == (4, "")
    assert complaint in ended.err
    assert not (world.folder / "reports").exists()


def compare(folder: Path, *words: str) -> Ended:
    return run("diff", *RESULTS, *words, cwd=folder, argv=None)


def write_runs(folder: Path, **after: Any) -> None:
    for name, changes in zip(RESULTS, ({}, after), strict=True):
        (folder / name).write_text(dump_run(make_run(make_record(id="a/x", **changes))))


def test_characters_that_the_terminal_cannot_encode_are_escaped(tmp_path: Path) -> None:
    write_runs(tmp_path, verdict=Verdict(status=Status.FAILED))
    words = ("diff", *RESULTS)
    ended = run(*words, cwd=tmp_path, argv=None, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (ended.code, ended.err) == (1, "")
    assert r"verdict: passed \u2192 failed" in ended.out


def test_two_runs_are_compared(tmp_path: Path) -> None:
    write_runs(tmp_path, verdict=Verdict(status=Status.FAILED))
    ended = compare(tmp_path)
    assert ended.code == 1
    reason = "the expectation of the scenario is no longer met"
    assert f"\nBROKE\na/x\n  broke: {reason}\n  verdict: passed → failed\n" in ended.out
    assert "run again: authprobe diff before.json after.json\n" in ended.out
    assert compare(tmp_path, "a/*", "--markdown").out.startswith("**the run of 2026-11-23 19:10")
    missing = compare(tmp_path, "b/*")
    assert (missing.code, missing.out) == (4, "")


def test_equal_runs_exit_with_0(tmp_path: Path) -> None:
    write_runs(tmp_path)
    assert compare(tmp_path).code == 0


def test_a_file_that_is_not_a_run_is_reported(tmp_path: Path) -> None:
    write_runs(tmp_path)
    (tmp_path / "after.json").write_text("{}")
    ended = compare(tmp_path)
    assert (ended.code, ended.out) == (4, "")
    assert "after.json: not a results file of authprobe" in ended.err


@pytest.mark.parametrize("name", ["diff", "versions"])
def test_the_default_number_of_looks_is_that_of_the_option(name: str) -> None:
    (option,) = [each for each in main.commands[name].params if each.name == "looks"]
    assert option.default == DEFAULT_LOOKS
    assert looks_arguments(DEFAULT_LOOKS) == []
    assert looks_arguments(DEFAULT_LOOKS + 1) == ["--looks", "3"]
