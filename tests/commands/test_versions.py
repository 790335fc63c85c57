"""`authprobe versions` with made-up versions in a fake registry."""

import dataclasses
import json
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from authprobe.commands.output import publish
from authprobe.commands.versions import table_files
from authprobe.compatibility.table import CompatibilityTable, dump_table, intervals
from authprobe.trials.log import LOG_FILE, ProbeLog
from tests.compatibility.test_table import PUBLISHED, make_evidence, make_table
from tests.support.command import Ended, command, environment, run
from tests.support.registry import OFFLINE
from tests.support.waiting import wait_until
from tests.support.world import CASE, GONE, World, make_world, numbers

FEATURES = f"""
features:
  - {{id: answers, title: It answers, case: {CASE}, field: outcome, contains: accepted}}
  - {{id: status, title: The status, case: {CASE}, field: reported_status}}
"""
WORDS = ("versions", "--features", "features.yaml", "--scenarios", "example.yaml")


@pytest.fixture
def world(tmp_path: Path) -> World:
    (tmp_path / "features.yaml").write_text(FEATURES)
    return make_world(tmp_path)


def ask(world: World, *words: str) -> Ended:
    return run(*WORDS, *words, cwd=world.folder, argv=None, **world.env)


def table(world: World) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(
        (world.folder / "reports" / "versions" / "claude-code.json").read_text()
    )
    return document


def changes(document: Mapping[str, Any], feature: str = "answers") -> list[tuple[str, str, bool]]:
    """Return the intervals of a feature: value, first version, and whether that is exact."""
    (one,) = [each for each in document["features"] if each["id"] == feature]
    return [(x["value"], x["added"]["by"], x["added"]["exact"]) for x in one["intervals"]]


def forget_what_is_published(world: World) -> None:
    (world.folder / "cache" / "claude-code" / "published.json").unlink()


def test_every_change_is_found_exactly_and_repeating_it_probes_nothing(world: World) -> None:
    world.publish(until=20, bad=numbers(7, 12))
    ended = ask(world, "--count", "4")
    document = table(world)
    assert ended.code == 0
    assert changes(document) == [
        ("yes", "1.0.0", True),
        ("no", "1.0.7", True),
        ("yes", "1.0.13", True),
    ]
    assert changes(document, "status") == [
        ("none", "1.0.0", True),
        ("401", "1.0.7", True),
        ("none", "1.0.13", True),
    ]
    assert len(document["published"]) == 21
    (provenance,) = document["made"]
    assert provenance["probes"] == sum(
        each["looks"] for each in document["features"][0]["evidence"]
    )
    assert provenance["command"] == (
        "authprobe versions --client claude-code --count 4 --features features.yaml "
        "--scenarios example.yaml"
    )
    assert "  no: since 1.0.7, until 1.0.12\n" in ended.out
    calls = world.installs
    again = ask(world, "--count", "4")
    assert (again.out, world.installs, table(world)) == (ended.out, calls, document)


def test_a_later_command_extends_the_table_without_the_log(world: World) -> None:
    world.publish(until=20, bad=numbers(7, 20))
    ask(world, "--count", "4")
    (world.folder / "reports" / LOG_FILE).unlink()
    world.publish(until=21, bad=numbers(7, 21))
    forget_what_is_published(world)
    ended = ask(world, "--count", "4", "--json")
    document = json.loads(ended.out)
    assert document == table(world)
    assert [each["probes"] for each in document["made"]][1:] == [1]
    assert changes(document)[-1] == ("no", "1.0.7", True)


def test_only_the_selected_versions_are_probed(world: World) -> None:
    world.publish(until=20, bad=numbers(7, 20))
    ended = ask(world, "--since", "1.0.3", "--until", "1.0.9", "--count", "2")
    assert ended.code == 0
    probed = {each["version"] for each in table(world)["features"][0]["evidence"]}
    assert probed <= {f"1.0.{n}" for n in range(3, 10)}
    assert changes(table(world))[-1] == ("no", "1.0.7", True)


@pytest.mark.parametrize(
    ("does", "reason"),
    [
        ({"hang": "5"}, "timed-out: "),
        ({"crash": "5"}, "crashed: ended with exit code 7"),
        ({"lie": "5"}, "reports version 9.9.9"),
        ({"gone": "5"}, "is not published"),
        ({"broken": "5"}, "its script is broken"),
    ],
)
def test_an_untestable_version_is_a_gap_and_not_a_change(
    world: World, does: dict[str, str], reason: str
) -> None:
    (word,) = does
    troubles = {
        "gone": ("ETARGET", "notarget No matching version found for it"),
        "broken": ("1", "its script is broken"),
    }
    if word in troubles:
        code, words = troubles[word]
        world.registry.before(GONE.format(patch=5, code=code, words=words))
        does = {}
    world.publish(until=8, bad=numbers(6, 8), **does)
    ended = ask(world, "--count", "9")
    assert ended.code == 0
    feature = table(world)["features"][1]
    assert changes(table(world), "status") == [("none", "1.0.0", True), ("401", "1.0.6", False)]
    assert feature["intervals"][1]["added"]["after"] == "1.0.4"
    (gap,) = feature["gaps"]
    assert (gap["versions"], gap["after"], gap["before"]) == (["1.0.5"], "1.0.4", "1.0.6")
    assert reason in gap["reasons"][0]
    assert "not readable in 1.0.5: " in ended.out


def test_flaky_versions_are_not_a_change(world: World) -> None:
    counter = world.folder / "count"
    (world.registry.folder / "flaky").write_text(
        '#!/bin/sh\nif [ "$1" = --version ]; then echo 1.0.3; exit; fi\n'
        f"echo asked >> {counter}\n"
        f"if [ $(($(wc -l < {counter}) % 2)) = 0 ]; then "
        """echo '{"is_error": false, "result": "pong"}'; exit; fi\n"""
        """echo '{"is_error": true, "result": "no", "api_error_status": 401}'; exit 1\n"""
    )
    world.publish(until=6, flaky="3")
    assert ask(world, "--count", "7").code == 0
    feature = table(world)["features"][0]
    assert changes(table(world)) == [("yes", "1.0.0", True)]
    assert feature["gaps"][0]["reasons"] == ["not the same each time: no, yes"]


def test_the_earliest_new_clients_are_removed_and_older_ones_stay(world: World) -> None:
    world.publish(until=9, bad=numbers(5, 9))
    before = run(
        "clients", "install", "claude-code@1.0.2", cwd=world.folder, argv=None, **world.env
    )
    assert before.code == 0
    ended = ask(world, "--count", "10", "--disk", "0")
    assert ended.code == 0
    folder = world.folder / "cache" / "claude-code"
    assert [each.name for each in folder.glob("1.0.?")] == ["1.0.2"]
    (provenance,) = table(world)["made"]
    assert provenance["installs"] >= 9
    assert 0 < provenance["disk_peak_bytes"] < 20_000


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 2), (signal.SIGTERM, 2)]
)
def test_an_interrupted_command_continues_from_the_log(
    world: World, number: signal.Signals, code: int
) -> None:
    world.publish(until=6, bad=numbers(5, 6), hang="0")
    with subprocess.Popen(
        command(*WORDS, "--count", "7", "--jobs", "1"),
        cwd=world.folder,
        env=environment(world.folder / "home", **world.env),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        log = world.folder / "reports" / LOG_FILE
        wait_until(lambda: log.exists() and log.read_text().count("\n") >= 3)
        os.kill(process.pid, number)
    assert process.returncode == code
    trials, damaged = ProbeLog(log).read()
    assert damaged == 0
    assert ask(world, "--count", "7").code == 0
    assert changes(table(world), "status") == [("none", "1.0.1", False), ("401", "1.0.5", True)]
    now, _ = ProbeLog(log).read()
    first = {trial.key.client for trial in trials}
    more = [trial.key.client for trial in now[len(trials) :] if trial.key.client in first]
    beside = {"claude-code@1.0.4", "claude-code@1.0.5"}  # these are looked at twice
    assert set(more) <= beside


def test_without_a_registry_the_table_is_kept_and_a_later_command_continues(
    world: World,
) -> None:
    world.publish(until=6, bad=numbers(5, 6))
    ask(world, "--count", "2")
    world.registry.before(f'if [ "$1" = install ]; then echo "{OFFLINE}" >&2; exit 1; fi\n')
    ended = ask(world, "--count", "7", "--disk", "0")
    assert ended.code == 1
    assert "nothing can be installed here: the package registry cannot be reached" in ended.err
    assert changes(table(world))[0] == ("yes", "1.0.0", True)
    world.registry.before("")
    assert ask(world, "--count", "7").code == 0
    assert len(table(world)["features"][0]["evidence"]) == 7


def test_log_probes_nothing(world: World) -> None:
    world.publish(until=6, bad=numbers(5, 6))
    ask(world, "--count", "2", "--looks", "1")
    calls = world.installs
    ended = ask(world, "--log", "--markdown")
    assert (ended.code, world.installs) == (0, calls)
    assert "| It answers | no | since 1.0.5 |\n" in ended.out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--client", "claude-cod"), "--client claude-cod: no such client; did you mean"),
        (("--client", "raw-http"), "authprobe's own request, which has no versions"),
        (("--client", "claude-code@1.0.1"), "give the name alone"),
        (("--client", "litellm"), "features.yaml has features of claude-code only"),
        (("--client", "claude-max-api-proxy"), "features.yaml has features of claude-code only"),
        (("--since", "1.0.2", "--until", "1.0.1"), "--since 1.0.2 is newer than --until 1.0.1"),
        (("--data", "example.yaml/x.json"), "example.yaml is not a directory; name another one"),
        (("--out", "example.yaml"), "example.yaml is not a directory; name another one"),
        (("--since", "new"), "--since new: give one version"),
        (
            ("--since", "2.0"),
            "no published version of claude-code is in the selected range; the newest",
        ),
        (("--json", "--markdown"), "--json and --markdown exclude each other"),
        (("--features", "none.yaml"), "none.yaml"),
        (("--scenarios", "none.yaml"), "none.yaml"),
        (("--data", "example.yaml"), "example.yaml: not a table of versions"),
        (("--data", "new.HTML"), "new.HTML: the page would overwrite the table"),
        (("--count", "0"), "--count"),
        (("--disk", "much"), "'much' is not a size"),
    ],
)
def test_invalid_arguments_are_reported_and_nothing_is_written(
    world: World, words: tuple[str, ...], complaint: str
) -> None:
    world.publish(until=2)
    ended = ask(world, *words)
    assert (ended.code, ended.out) == (4, "")
    assert complaint in ended.err
    assert "install" not in world.registry.calls
    assert not (world.folder / "reports").exists()


def test_a_feature_with_a_missing_case_is_reported(world: World) -> None:
    (world.folder / "features.yaml").write_text(FEATURES.replace("example/", "exmple/"))
    world.publish(until=2)
    ended = ask(world)
    assert ended.code == 4
    assert "features.yaml, feature 'answers': exmple/claude-code" in ended.err
    others = run(
        "versions", "--scenarios", "example.yaml", cwd=world.folder, argv=None, **world.env
    )
    assert others.code == 4
    assert "the file of bundled features, feature 'environment-token'" in others.err
    assert "give your own features with --features" in others.err


def test_features_of_another_file_stay_in_the_table(world: World) -> None:
    world.publish(until=3, bad="2 3")
    ask(world, "--count", "4")
    before = {each["id"]: each["evidence"] for each in table(world)["features"]}
    third = f"features: [{{id: code, title: It ends, case: {CASE}, field: exit_code}}]"
    (world.folder / "features.yaml").write_text(third)
    (world.folder / "reports" / LOG_FILE).unlink()
    assert ask(world, "--count", "1", "--looks", "1").code == 0
    evidence = {each["id"]: each["evidence"] for each in table(world)["features"]}
    assert list(evidence) == ["code", "answers", "status"]
    assert {id: evidence[id] for id in before} == before
    assert table(world)["made"][-1]["command"].endswith(
        "--count 1 --looks 1 --features features.yaml --scenarios example.yaml"
    )


def test_a_failed_installation_is_retried_by_the_next_command(world: World) -> None:
    world.publish(until=4, bad="2 3 4")
    world.registry.before(GONE.format(patch=2, code="1", words="its script is broken"))
    ask(world, "--count", "5")
    assert changes(table(world))[1] == ("no", "1.0.3", False)
    world.registry.before("")
    ask(world, "--count", "5")
    assert changes(table(world))[1] == ("no", "1.0.2", True)
    assert table(world)["features"][0]["gaps"] == []


def test_the_table_of_another_client_is_not_overwritten(world: World) -> None:
    world.publish(until=2)
    data = world.folder / "other.json"
    data.write_text(dump_table(make_table(client="anthropic-node")))
    before = data.read_bytes()
    ended = ask(world, "--data", "other.json")
    assert ended.code == 4
    assert "other.json: a table of anthropic-node" in ended.err
    assert data.read_bytes() == before


def test_the_page_is_written_beside_its_table(world: World) -> None:
    world.publish(until=6, bad=numbers(5, 6))
    ended = ask(world, "--count", "7", "--data", "public/mine.json")
    data, page = Path("public/mine.json"), Path("public/mine.html")
    assert ended.err.endswith(f"table: {data}\npage: {page}\n")
    text = (world.folder / page).read_text()
    assert '<a href="mine.json">' in text
    assert "since 1.0.5" in text
    (world.folder / page).unlink()
    assert ask(world, "--log", "--data", "public/mine.json").code == 0
    assert (world.folder / page).read_text() == text


def with_value(value: str) -> CompatibilityTable:
    """Return a table with a feature that has this value in one version."""
    (feature,) = make_table().features
    evidence = (make_evidence("1.0.1", value),)
    feature_with_value = dataclasses.replace(
        feature, evidence=evidence, intervals=intervals(PUBLISHED, evidence)
    )
    return make_table(features=(feature_with_value,))


@pytest.mark.parametrize("before", ["", "x" * 3000], ids=["in both", "where the page is cut"])
def test_a_table_with_a_credential_and_its_page_are_not_written(
    tmp_path: Path, before: str, capsys: pytest.CaptureFixture[str]
) -> None:
    token = "sk-ant-api03-" + "aB3_" * 23 + "-QAA"
    data, page = tmp_path / "table.json", tmp_path / "table.html"
    log = ProbeLog(tmp_path / LOG_FILE)
    assert publish(tmp_path, table_files(with_value(f"{before} {token}"), data), log.redactor) == 10
    assert "none of table.json, table.html was written" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert publish(tmp_path, table_files(with_value("yes"), data), log.redactor) == 0
    assert data.exists()
    assert page.exists()
