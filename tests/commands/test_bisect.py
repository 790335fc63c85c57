"""`authprobe bisect` with made-up versions in a fake registry."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from authprobe.commands.output import print_lines
from authprobe.trials.log import ProbeLog
from tests.support.command import command, environment, run
from tests.support.registry import OFFLINE
from tests.support.waiting import wait_until
from tests.support.world import CASE, GONE, World, make_world, numbers


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


def test_the_first_bad_version_is_found_and_repeating_it_probes_nothing(world: World) -> None:
    world.publish(until=12, bad=numbers(8, 12))
    result = world.ask(12)
    assert (result["named"], result["last_before"], result["code"]) == ("1.0.8", "1.0.7", 0)
    assert result["monotonic"] is True
    assert result["probes"] <= 4 + 2
    changed = {change["subject"]: change["after"] for change in result["changes"]}
    assert (changed["outcome"], changed["status"]) == ("rejected", "401")
    installs = world.installs
    again = world.ask(12, "--log")
    assert (again["named"], again["probes"], again["checks"]) == ("1.0.8", 0, 0)
    field = world.ask(12, "--when", "message")
    assert (field["named"], field["probes"]) == ("1.0.8", 0)
    assert world.installs == installs


def test_a_fix_is_found(world: World) -> None:
    world.publish(until=6, bad=numbers(0, 3))
    words = (CASE, "--good", "1.0.6", "--bad", "1.0.0")
    refused = world.bisect(*words)
    assert (refused.code, refused.out) == (4, "")
    assert "add --find-fix" in refused.err
    ended = world.bisect(*words, "--find-fix")
    assert ended.out.startswith("claude-code 1.0.4 is the first good version; 1.0.3 is the last")
    assert ended.code == 0
    assert f"run again: authprobe bisect {CASE} --good 1.0.6 --bad 1.0.0 --find-fix" in ended.out


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("hang", "timed-out: no end after 3 s; --when outcome asks for that"),
        ("crash", "crashed: ended with exit code 7: fatal: it broke; --when outcome asks for that"),
    ],
)
def test_versions_that_hang_or_crash_are_never_blamed(world: World, word: str, reason: str) -> None:
    world.publish(until=6, bad="5 6", **{word: "3 4"})
    result = world.ask(6)
    assert (result["named"], result["code"]) == (None, 0)
    assert result["candidates"] == ["1.0.3", "1.0.4", "1.0.5"]
    reasons = {p["version"]: p["reason"] for p in result["probed"] if p["verdict"] == "untestable"}
    assert reasons.keys() == {"1.0.3", "1.0.4"}
    assert reasons["1.0.3"].startswith(reason.split(": ")[0])
    assert reasons["1.0.3"].endswith(reason.split("; ")[1])


def test_the_first_version_that_hangs_is_found_by_its_outcome(world: World) -> None:
    world.publish(until=3, hang="2 3")
    result = world.ask(3, "--when", "outcome")
    assert (result["named"], result["changes"][0]["after"]) == ("1.0.2", "timed-out")


@pytest.mark.parametrize(
    ("code", "words", "reason"),
    [
        ("ETARGET", "notarget No matching version found for it", "not published"),
        ("1", "its script is broken", "its script is broken"),
    ],
)
def test_withdrawn_and_uninstallable_versions_are_never_blamed(
    world: World, code: str, words: str, reason: str
) -> None:
    world.publish(until=4, bad="3 4")
    world.registry.before(GONE.format(patch=2, code=code, words=words))
    result = world.ask(4)
    assert (result["named"], result["candidates"]) == (None, ["1.0.2", "1.0.3"])
    (untestable,) = [p for p in result["probed"] if p["verdict"] == "untestable"]
    assert (untestable["version"], reason in untestable["reason"]) == ("1.0.2", True)


def test_unpublished_versions_are_not_candidates(world: World) -> None:
    world.publish(until=6, bad="5 6")
    world.registry.publish_all("1.0.0", "1.0.1", "1.0.5", "1.0.6")
    result = world.ask(6)
    assert (result["versions"], result["named"], result["last_before"]) == (4, "1.0.5", "1.0.1")


def test_an_unpublished_bound_is_refused(world: World) -> None:
    world.publish(until=6)
    world.registry.publish_all("1.0.0", "1.0.1", "1.0.5")
    ended = world.bisect(CASE, "--good", "1.0.0", "--bad", "1.0.3")
    assert (ended.code, ended.out) == (4, "")
    assert "--bad 1.0.3: this version is not published; next to it are 1.0.1 and" in ended.err


def test_a_version_that_reports_another_number_is_untestable(world: World) -> None:
    world.publish(until=4, bad="3 4", lie="2")
    result = world.ask(4)
    (untestable,) = [p for p in result["probed"] if p["verdict"] == "untestable"]
    assert "reports version 9.9.9" in untestable["reason"]
    assert result["candidates"] == ["1.0.2", "1.0.3"]


FLAKY = """#!/bin/sh
if [ "$1" = --version ]; then echo 1.0.3; exit; fi
echo asked >> COUNT
if [ $(($(wc -l < COUNT) % 3)) = 1 ]; then echo '{"is_error": false, "result": "pong"}'; exit; fi
echo '{"is_error": true, "result": "no", "api_error_status": 401}'
exit 1
"""


def test_a_flaky_version_is_probed_until_it_is_decided(world: World) -> None:
    count = world.folder / "count"
    (world.registry.folder / "flaky").write_text(FLAKY.replace("COUNT", str(count)))
    world.publish(until=5, bad="4 5", flaky="3")
    result = world.ask(5)
    assert (result["code"], result["named"], result["last_before"]) == (0, "1.0.3", "1.0.2")
    (flaky,) = [p for p in result["probed"] if p["good"] and p["bad"]]
    assert (flaky["version"], flaky["verdict"]) == ("1.0.3", "bad")
    assert flaky["asked"] == count.read_text().count("asked")


def test_equal_bounds_are_undecided(world: World) -> None:
    world.publish(until=4)
    result = world.ask(4)
    assert (result["code"], result["named"]) == (1, None)
    assert result["problem"] == "1.0.4 should be bad, but is good"


def test_two_changes_are_reported_as_not_monotonic(world: World) -> None:
    world.publish(until=9, bad="2 3 4 9")
    result = world.ask(9)
    assert (result["code"], result["monotonic"]) == (1, False)
    assert result["contradictions"] != []


def test_an_unreachable_registry_blames_no_version(world: World) -> None:
    world.publish(until=9, bad="5 6 7 8 9")
    world.registry.before(f'if [ "$1" = install ]; then echo "{OFFLINE}" >&2; exit 1; fi\n')
    result = world.ask(9)
    assert (result["code"], result["named"]) == (1, None)
    assert result["problem"].startswith("nothing can be installed here: the package registry")
    world.registry.before("")
    assert world.ask(9)["named"] == "1.0.5"


def test_the_next_candidates_are_installed_in_advance(world: World) -> None:
    world.publish(until=8, bad=numbers(6, 8))
    assert world.ask(8)["named"] == "1.0.6"
    installed = {path.name for path in (world.folder / "cache" / "claude-code").glob("1.0.?")}
    assert {"1.0.0", "1.0.8", "1.0.4", "1.0.2", "1.0.6"} <= installed


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 2), (signal.SIGTERM, 2)]
)
def test_an_interrupted_bisection_continues_from_the_log(
    world: World, number: signal.Signals, code: int
) -> None:
    world.publish(until=12, bad=numbers(7, 12), hang="6")
    words = ("bisect", CASE, "--good", "1.0.0", "--bad", "1.0.12", "--scenarios", "example.yaml")
    with subprocess.Popen(
        command(*words),
        cwd=world.folder,
        env=environment(world.folder / "home", **world.env),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        log = world.folder / "reports" / "trials.jsonl"
        wait_until(lambda: log.exists() and log.read_text().count("\n") >= 2)
        os.kill(process.pid, number)
    assert process.returncode == code
    result = world.ask(12)
    assert result["candidates"] == ["1.0.6", "1.0.7"]
    assert result["known"] >= 2
    assert "claude-code@1.0.12: probing" not in result["err"]


def test_a_bound_that_hung_once_is_probed_again(world: World) -> None:
    first = world.folder / "first"
    (world.registry.folder / "flaky").write_text(
        '#!/bin/sh\nif [ "$1" = --version ]; then echo 1.0.0; exit; fi\n'
        f"if [ ! -e {first} ]; then touch {first}; sleep 300; fi\n"
        """echo '{"is_error": false, "result": "pong"}'\n"""
    )
    world.publish(until=3, bad="2 3", flaky="0")
    assert world.ask(3)["named"] == "1.0.2"


def test_an_undecided_replay_keeps_the_existing_page(world: World) -> None:
    world.publish(until=3, bad="2 3")
    world.ask(3)
    answers = {path: path.read_text() for path in (world.folder / "reports/bisections").iterdir()}
    assert len(answers) == 2
    (world.folder / "reports" / "trials.jsonl").unlink()
    result = world.ask(3, "--log")
    assert (result["code"], result["named"]) == (1, None)
    assert result["err"] == ""
    assert {path: path.read_text() for path in answers} == answers


def test_clients_no_longer_needed_are_evicted(world: World) -> None:
    world.publish(until=40, bad=numbers(30, 40), hang="19 20 21")
    counts = world.folder / "counts"
    cache = world.folder / "cache" / "claude-code"
    world.registry.before(
        f'if [ "$1" = install ]; then ls -d {cache}/1.0.*/ 2>/dev/null | wc -l >> {counts}; fi\n'
    )
    words = (CASE, "--good", "1.0.0", "--bad", "1.0.40", "--scenarios", "example.yaml")
    env = world.env | {"AUTHPROBE_CACHE_LIMIT": "1K"}
    ended = run("bisect", *words, cwd=world.folder, argv=None, **env)
    assert "claude-code 1.0.30 is the first bad version" in ended.out
    client_counts = list(map(int, counts.read_text().split()))
    assert len(client_counts) > 10
    # The one that is asked, two that may be next, and what was foreseen and is being installed.
    assert max(client_counts) <= 8


def test_the_log_is_listed_without_its_damaged_lines(world: World) -> None:
    world.publish(until=1, bad="1")
    assert world.ask(1)["named"] == "1.0.1"
    log = world.folder / "reports" / "trials.jsonl"
    with log.open("a") as file:
        file.write('{"key": {"case"')
    listing = world.bisect("--log")
    assert listing.code == 0
    assert "claude-code@1.0.1: rejected 401, example/claude-code/default/none" in listing.out
    assert "1 damaged line left out" in listing.err
    assert len(json.loads(world.bisect("--log", "--json").out)) == 4  # both bounds, twice


def test_the_result_is_written_as_a_page_and_as_json(world: World) -> None:
    world.publish(until=2, bad="2")
    result = world.ask(2)
    folder = world.folder / "reports" / "bisections"
    name = "example-claude-code-default-none-1.0.0-1.0.2"
    assert f"page: {Path('reports', 'bisections', name)}.html" in result["err"]
    assert result["headline"] in (folder / f"{name}.html").read_text()
    saved = json.loads((folder / f"{name}.json").read_text())
    assert saved == {key: value for key, value in result.items() if key not in ("code", "err")}
    ended = run("run", "example.yaml", cwd=world.folder, argv=None, **world.env)
    assert ended.code == 0
    assert f"bisections/{name}.html" in (world.folder / "reports" / "report.html").read_text()


def test_markdown_is_printed_for_an_issue(world: World) -> None:
    world.publish(until=1, bad="1")
    ended = world.bisect(CASE, "--good", "1.0.0", "--bad", "1.0.1", "--markdown")
    assert ended.out.startswith("**claude-code 1.0.1 is the first bad version; 1.0.0 is the last")
    assert "| 1.0.1 | bad |" in ended.out
    assert f"```sh\nauthprobe bisect {CASE} --good 1.0.0 --bad 1.0.1 --scenarios" in ended.out
    assert ended.err.count("1.0.1: bad") == 2


def test_output_with_a_credential_is_withheld(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token = "sk-ant-api03-" + "aB3_" * 23 + "-QAA"
    log = ProbeLog(tmp_path / "trials.jsonl")
    assert print_lines(["changed: message", f"the key is {token}"], log) == 10
    result = capsys.readouterr()
    assert (result.out, token in result.err) == ("", False)
    assert print_lines(["changed: message"], log) == 0
    assert capsys.readouterr().out == "changed: message\n"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "give CASE, --good and --bad"),
        ((CASE, "--good", "1.0.0"), "give CASE, --good and --bad"),
        ((CASE, "--good", "1.0.0", "--bad", "latest"), "--bad latest: give one version"),
        ((CASE, "--good", "1.0.0+x", "--bad", "1.0.1"), "--good 1.0.0+x: give one version"),
        ((CASE, "--good", ">=x", "--bad", "1.0.1"), "--good >=x: give one version"),
        ((CASE, "--good", "1.0.0", "--bad", "1.0.1\r"), "--bad 1.0.1: give one version"),
        ((CASE, "--good", "1.0.1", "--bad", "1.0.1"), "both 1.0.1"),
        ((CASE, "--good", "1.0.0", "--bad", "1.0.1", "--when", ""), "no such field"),
        ((CASE, "--good", "1.0.0", "--bad", "1.0.1", "--find-fix"), "is older than --bad"),
        ((CASE, "--good", "1.0.0", "--bad", "1.0.1", "--when", "beta"), "did you mean 'betas'?"),
        (("exmple/claude-code@1.0.0/default/none", *("--good", "1", "--bad", "2")), "did you mean"),
        (("example", "--good", "1.0.0", "--bad", "1.0.1"), "not a case id"),
        (
            (CASE, "--good", "1.0.0", "--bad", "1.0.1", "--json", "--markdown"),
            "--json and --markdown exclude each other",
        ),
        (
            (CASE, "--good", "1.0.0", "--bad", "1.0.1", "--out", "example.yaml"),
            "is not a directory",
        ),
        ((CASE, "--good", "1.0.0", "--bad", "1.0.1", "--out", "a" * 300), "File name too long"),
        (("--log", "--good", "1.0.0"), "--log without CASE lists the probe log"),
    ],
)
def test_invalid_arguments_are_reported_in_one_line(
    world: World, words: tuple[str, ...], complaint: str
) -> None:
    world.publish(until=2)
    ended = world.bisect(*words)
    assert (ended.code, ended.out) == (4, "")
    assert complaint in ended.err
    assert not (world.folder / "reports").exists()
