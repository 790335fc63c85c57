"""`authprobe watch` with made-up versions in a fake registry."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import filelock
import pytest

from authprobe.diff.watch_state import LIMIT_BYTES
from tests.support.command import Ended, command, environment, run
from tests.support.registry import OFFLINE
from tests.support.waiting import wait_until
from tests.support.world import GONE, World, make_world

KNOWN = ["1.0.0", "1.0.1"]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


def watch(world: World, *words: str) -> Ended:
    words = ("watch", "--scenarios", "example.yaml", *words)
    return run(*words, cwd=world.folder, argv=None, **world.env)


def ask(world: World, *words: str) -> dict[str, Any]:
    """Return the check of the only client, and the exit code as `code`."""
    ended = watch(world, "--json", *words)
    (client,) = json.loads(ended.out)["clients"]
    assert client["client"] == "claude-code"
    return {**client, "code": ended.code, "err": ended.err}


def compared(answer: dict[str, Any]) -> list[tuple[str, str | None, bool]]:
    return [(x["before"], x["version"], x["broke"]) for x in answer["comparisons"]]


def state_file(world: World) -> Path:
    return world.folder / "reports" / "watch.json"


def known(world: World) -> list[str]:
    """Return the versions in the state."""
    versions: list[str] = json.loads(state_file(world).read_text())["clients"]["claude-code"][
        "known"
    ]
    return versions


def probes(world: World) -> int:
    return (world.folder / "reports" / "trials.jsonl").read_text().count("\n")


def remember(world: World, *versions: str) -> None:
    """Write the state of an earlier check that knew these versions."""
    state_file(world).parent.mkdir(exist_ok=True)
    client = {"checked_at": "2026-11-27T02:17:00Z", "known": versions}
    state_file(world).write_text(
        json.dumps({"clients": {"claude-code": client}, "schema_version": 1})
    )


def test_the_first_check_compares_the_newest_and_the_next_one_nothing(world: World) -> None:
    world.publish(until=3, bad="3")
    ended = watch(world)
    assert ended.code == 1
    assert "first check: only the newest, 1.0.3, is compared; 3 other versions re" in ended.out
    assert "claude-code 1.0.2 → 1.0.3: 1 broke" in ended.out
    assert "authprobe diff claude-code@1.0.2 claude-code@1.0.3 --scenarios exam" in ended.out
    assert probes(world) == 4
    installs = world.installs
    again = watch(world)
    assert (again.code, world.installs, probes(world)) == (0, installs, 4)
    assert "nothing new (last check " in again.out


def test_each_new_version_is_compared_with_the_one_before_it(world: World) -> None:
    remember(world, *KNOWN)
    world.publish(until=4, bad="3")
    answer = ask(world)
    assert answer["code"] == 1
    assert answer["new"] == ["1.0.2", "1.0.3", "1.0.4"]
    assert compared(answer) == [
        ("1.0.1", "1.0.2", False),
        ("1.0.2", "1.0.3", True),
        ("1.0.3", "1.0.4", False),
    ]
    effects = [x["diff"]["questions"][0]["effect"] for x in answer["comparisons"]]
    assert effects == ["same", "broke", "fixed"]
    assert known(world) == [f"1.0.{n}" for n in range(5)]
    assert (
        probes(world) == 1 + 2 + 2 + 2
    )  # a second time on both sides of a change, and never for both comparisons


def test_of_many_new_versions_the_comparisons_miss_none(world: World) -> None:
    remember(world, *KNOWN)
    world.publish(until=9, bad="4 5 6 7 8 9")
    answer = ask(world, "--at-most", "2")
    assert compared(answer) == [("1.0.1", "1.0.8", True), ("1.0.8", "1.0.9", False)]
    spanned = [f"1.0.{n}" for n in range(2, 8)]
    assert [x["spanned"] for x in answer["comparisons"]] == [spanned, []]
    assert (answer["waiting"], known(world)[-1]) == ([], "1.0.9")
    assert watch(world).code == 0


def test_the_limit_and_what_a_comparison_covers_are_said(world: World) -> None:
    remember(world, *KNOWN)
    world.publish(until=3)
    ended = watch(world, "--at-most", "1")
    assert ended.code == 0
    assert "claude-code: 2 new versions (last check 2026-11-27 02:17 UTC): 1.0.2, 1.0.3" in (
        ended.out
    )
    assert "  only the newest is compared (--at-most 1)" in ended.out
    assert "this comparison also covers 1.0.2" in ended.out


def test_a_fix_of_an_older_release_waits_its_turn(world: World) -> None:
    """Compare versions that are published out of order with those that come before them."""
    remember(world, "1.0.0", "1.0.1", "2.0.0")
    world.publish(until=2, bad="2")
    world.registry.publish_all("1.0.0", "1.0.1", "2.0.0", "2.0.1", "1.0.2")
    first = ask(world, "--at-most", "1")
    assert (first["code"], compared(first)) == (0, [("2.0.0", "2.0.1", False)])
    assert (first["new"], first["waiting"]) == (["1.0.2", "2.0.1"], ["1.0.2"])
    second = ask(world, "--at-most", "1")
    assert (second["code"], compared(second)) == (1, [("1.0.1", "1.0.2", True)])
    assert ask(world)["new"] == []


def test_prereleases_and_withdrawn_versions_are_named_and_not_compared(world: World) -> None:
    remember(world, "1.0.0", "1.0.1", "1.0.2")
    world.publish(until=3)
    world.registry.publish_all("1.0.0", "1.0.1", "1.0.3", "2.0.0-beta.1")
    answer = ask(world)
    assert (answer["withdrawn"], answer["prereleases"]) == (["1.0.2"], ["2.0.0-beta.1"])
    assert compared(answer) == [("1.0.1", "1.0.3", False)]
    text = watch(world).out
    assert "1.0.2" not in text  # it was said once
    assert "not compared: 1 prerelease: 2.0.0-beta.1" in text


def test_versions_that_an_answer_leaves_out_are_not_new_in_the_next_one(world: World) -> None:
    remember(world, "1.0.0", "1.0.1", "1.0.2")
    world.publish(until=2)
    world.registry.publish_all("1.0.2")
    answer = ask(world)
    assert (answer["withdrawn"], answer["new"]) == (["1.0.0", "1.0.1"], [])
    assert "withdrawn" not in watch(world).out  # it was said once
    world.registry.publish_all("1.0.0", "1.0.1", "1.0.2")
    assert ask(world)["new"] == []


LONG = "9.0.0-" + ".".join(["a" * 80] * 3)


@pytest.mark.parametrize("version", ["2.0", "3", LONG, LONG.replace("-a", "-0a")])
def test_versions_that_cannot_be_installed_or_recorded_are_ignored(
    world: World, version: str
) -> None:
    remember(world, *KNOWN)
    world.publish(until=1)
    world.registry.publish_all(*KNOWN, version)
    answer = ask(world)
    assert (answer["code"], answer["new"], answer["newest"]) == (0, [], "1.0.1")
    assert answer["ignored"] == [version]
    text = watch(world)
    assert text.code == 0
    assert "ignored, as no exact version that can be installed: 1 published version" in text.out
    assert known(world) == KNOWN


def test_more_versions_than_the_state_can_hold_are_refused(world: World) -> None:
    remember(world, *KNOWN)
    state = json.loads(state_file(world).read_text())
    other = {"checked_at": "2026-11-27T02:17:00Z", "known": ["1.0.0"] * 410_000}
    state["clients"]["other"] = other
    before = json.dumps(state, separators=(",", ":"))
    assert len(before) < LIMIT_BYTES
    state_file(world).write_text(before)
    world.publish(until=2)
    ended = watch(world)
    assert (ended.code, state_file(world).read_text() == before) == (6, True)
    assert "more versions than fit in watch.json" in ended.out


def test_the_first_version_of_all_has_nothing_to_compare_with(world: World) -> None:
    world.publish(until=0)
    ended = watch(world)
    assert (ended.code, world.installs) == (0, 0)
    assert "there is no version before it to compare with" in ended.out
    assert known(world) == ["1.0.0"]


def test_what_could_not_be_tested_is_tried_again(world: World) -> None:
    remember(world, *KNOWN)
    world.publish(until=2, bad="2")
    world.registry.before(GONE.format(patch=2, code="ETARGET", words="notarget No matching"))
    ended = watch(world)
    assert ended.code == 6
    assert "1 could not be tested completely" in ended.out
    assert "left to the next check: 1.0.2" in ended.out
    assert (known(world), probes(world)) == (KNOWN, 2)
    world.registry.before("")
    answer = ask(world)
    assert (answer["code"], compared(answer)) == (1, [("1.0.1", "1.0.2", True)])


def test_a_version_that_cannot_be_tested_does_not_hide_the_next_one(world: World) -> None:
    remember(world, *KNOWN)
    world.publish(until=3, bad="3")
    world.registry.before(GONE.format(patch=2, code="ETARGET", words="notarget No matching"))
    answer = ask(world)
    assert (answer["code"], compared(answer)) == (
        1,
        [("1.0.1", "1.0.2", False), ("1.0.1", "1.0.3", True)],
    )
    assert known(world) == ["1.0.0", "1.0.1", "1.0.2", "1.0.3"]


def test_an_older_version_is_taken_if_the_one_before_cannot_be_installed(world: World) -> None:
    remember(world, "1.0.0", "1.0.1", "1.0.2")
    world.publish(until=3, bad="3")
    world.registry.before(GONE.format(patch=2, code="ETARGET", words="notarget No matching"))
    answer = ask(world)
    assert (answer["code"], compared(answer)) == (1, [("1.0.1", "1.0.3", True)])


def test_an_unreachable_registry_leaves_the_state_as_it_is(world: World) -> None:
    remember(world, *KNOWN)
    world.publish(until=2)
    before = state_file(world).read_text()
    world.registry.fail(OFFLINE)
    ended = watch(world)
    assert (ended.code, state_file(world).read_text()) == (6, before)
    assert "claude-code: the package registry cannot be reached" in ended.out
    assert "not known what is new: claude-code" in ended.out
    world.registry.recover()
    assert ask(world)["new"] == ["1.0.2"]


def test_a_registry_that_goes_away_ends_the_check(world: World) -> None:
    remember(world, *KNOWN)
    world.publish(until=3)
    world.registry.before(f'if [ "$1" = install ]; then echo "{OFFLINE}" >&2; exit 1; fi\n')
    ended = watch(world)
    assert ended.code == 6
    assert "nothing can be installed here: the package registry" in ended.err
    assert "left to the next check: 1.0.2, 1.0.3" in ended.out
    assert known(world) == KNOWN


def test_versions_are_asked_of_the_registry_although_a_list_is_cached(world: World) -> None:
    world.publish(until=1)
    assert watch(world).code == 0
    world.publish(until=2)
    assert ask(world)["new"] == ["1.0.2"]


def test_markdown_is_text_for_an_issue(world: World) -> None:
    remember(world, *KNOWN)
    world.publish(until=2, bad="2")
    lines = watch(world, "--markdown").out.splitlines()
    assert lines[0].startswith("**1 new version compared (scenarios example.yaml); 1 broke some")
    assert lines[2].startswith("- claude-code: 1 new version ")
    assert "### Broke" in lines


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"schema_version": 2, "clients": {}}',
        '{"schema_version": 1, "clients": {}, "more": 1}',
        '{"clients": {"claude-code": {"checked_at": "2026-11-27T02:17:00", "known": []}}}',
        '{"clients": {"claude-code": {"checked_at": "2026-11-27T02:17:00Z", "known": ["$(id)"]}}}',
        "[" * 100_000,
    ],
    ids=["empty", "list", "newer", "unknown-key", "no-time-zone", "no-version", "deep"],
)
def test_a_state_that_is_none_is_refused_and_left(world: World, text: str) -> None:
    world.publish(until=2)
    remember(world)
    state_file(world).write_text(text)
    ended = watch(world)
    assert (ended.code, ended.out, state_file(world).read_text()) == (4, "", text)
    assert "watch.json: not a state of `authprobe watch`" in ended.err
    assert world.registry.calls == []


def test_a_link_in_the_place_of_the_state_is_not_followed(world: World) -> None:
    world.publish(until=2)
    target = world.folder / "elsewhere.json"
    target.write_text("{}")
    state_file(world).parent.mkdir()
    state_file(world).symlink_to(target)
    ended = watch(world)
    assert (ended.code, target.read_text()) == (4, "{}")
    assert "a symbolic link" in ended.err


def test_a_second_check_at_the_same_time_is_refused(world: World) -> None:
    world.publish(until=2)
    remember(world, *KNOWN)
    with filelock.FileLock(f"{state_file(world)}.lock"):
        ended = watch(world)
    assert (ended.code, ended.out) == (4, "")
    assert "another `authprobe watch` is at work there" in ended.err
    assert watch(world).code == 0


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--client", "cloud-code"), "no such client; did you mean 'claude-code'?"),
        (("--client", "claude-code@1.0.1"), "give the name alone"),
        (("--client", "raw-http"), "authprobe's own request, which has no versions"),
        (("--client", "anthropic-node"), "no scenario has a case for this client"),
        (("--client", "a\nb; $(id)"), "no such client"),
        (("-k", "nothing"), "-k nothing: no case of claude-code matches"),
        (("--suite", "smoke"), "a suite selects bundled cases; leave it or the scenarios"),
        (("--suite", "smok"), "no such suite; did you mean 'smoke'?"),
        (("--json", "--markdown"), "--json and --markdown exclude each other"),
        (("--at-most", "0"), "--at-most 0: must be a whole number from 1 to 100"),
        (("--out", "example.yaml"), "example.yaml is not a directory"),
    ],
)
def test_invalid_arguments_are_refused_before_anything_is_asked(
    world: World, words: tuple[str, ...], complaint: str
) -> None:
    world.publish(until=2)
    ended = watch(world, *words)
    assert (ended.code, ended.out) == (4, "")
    assert complaint in ended.err
    assert world.registry.calls == []
    assert not (world.folder / "reports").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_check_keeps_what_it_has_compared(
    world: World, number: signal.Signals
) -> None:
    remember(world, *KNOWN)
    world.publish(until=3, bad="2", hang="3")
    scenario = world.folder / "example.yaml"
    scenario.write_text(scenario.read_text().replace("limit: 3", "limit: 600"))
    with subprocess.Popen(
        command("watch", "--scenarios", "example.yaml"),
        cwd=world.folder,
        env=environment(world.folder / "home", **world.env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        wait_until(lambda: "1.0.2" in state_file(world).read_text())
        os.kill(process.pid, number)
        out, err = process.communicate()
    assert (process.returncode, known(world)) == (2, [*KNOWN, "1.0.2"])
    assert "claude-code 1.0.1 → 1.0.2: 1 broke" in out
    assert "left to the next check: 1.0.3" in out
    assert "interrupted; run the same command again to continue" in err
