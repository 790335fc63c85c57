"""`authprobe run --shard` and `authprobe merge`: together they are one run."""

import errno
import json
import shutil
from pathlib import Path

import pytest

from authprobe.commands.merge import merge
from authprobe.errors import ExitCode
from authprobe.settings import Settings
from tests.support.command import lasting_results, results, run, without_times, write_scenario

SCENARIO = """
id: example
title: An example
why: It shows the command.
sources: [https://example.org/1]
credentials:
  good: {token: api-key, via: x-api-key}
  bad: {token: api-key, state: unknown, via: x-api-key}
endpoints:
  messages: {url: "https://api.anthropic.com/v1/messages"}
  tokens: {url: "https://api.anthropic.com/v1/messages/count_tokens"}
matrix: {client: [raw-http], endpoint: [messages, tokens], credential: [good, bad]}
expect: {outcome: accepted}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run in `whole`, and of its shards in `1`, `2` and `3`."""
    folder = tmp_path_factory.mktemp("shards")
    write_scenario(folder, SCENARIO)
    whole = run("run", "example.yaml", "--out", "whole", cwd=folder)
    for index in (1, 2, 3):
        ended = run("run", "example.yaml", "--shard", f"{index}/3", "--out", str(index), cwd=folder)
        assert ended.code in (0, 1)
        assert f"shard {index}/3 of a run with 4 cases" in ended.out
    assert whole.code == 1
    return folder


def test_merged_shards_are_the_single_run(folder: Path) -> None:
    merged = run("merge", "1", "2", "3", "--out", "merged", cwd=folder, AUTHPROBE_HISTORY="")
    assert merged.code == 1
    assert "2 failed" in merged.out
    assert "exit code 1: 2 cases failed" in merged.err
    whole = lasting_results(folder / "whole") | {"merged_shards": 3}
    assert lasting_results(folder / "merged") == whole
    names = {path.name for path in (folder / "merged").iterdir()}
    assert {"report.html", "junit.xml", "ctrf.json", "summary.md", "history.db"} <= names


def test_the_merged_run_is_judged_as_a_whole(folder: Path, tmp_path: Path) -> None:
    baseline = json.loads((folder / "whole" / "results.json").read_text())
    gone = {**baseline["cases"][0], "id": "example/raw-http/gone/good"}
    baseline["cases"].append(gone)
    (tmp_path / "old.json").write_text(json.dumps(baseline))
    write_scenario(tmp_path, SCENARIO)
    options = ("--baseline", "old.json")
    for index in ("1", "2"):
        shard = ("--shard", f"{index}/2", "--fail-on", "never")
        assert run("run", "example.yaml", *options, *shard, "--out", index, cwd=tmp_path).code == 0
    merge = ("merge", "1", "2", "--out", "merged")
    assert run(*merge, *options, "--fail-on", "absent", cwd=tmp_path).code == 1
    assert results(tmp_path / "merged")["absent"] == [gone["id"]]
    refused = run(*merge, cwd=tmp_path)
    assert (refused.code, "was judged with --baseline" in refused.err) == (4, True)


def test_a_shard_that_lost_cases_is_refused(folder: Path, tmp_path: Path) -> None:
    shard = results(folder / "2")
    shard["cases"].pop()
    (tmp_path / "results.json").write_text(json.dumps(shard))
    ended = run("merge", "1", str(tmp_path), "3", "--out", "lost", cwd=folder)
    assert ended.code == 4
    assert "the file was changed" in ended.err


def test_a_shard_is_not_replaced_by_another(folder: Path) -> None:
    ended = run("run", "example.yaml", "--shard", "2/3", "--out", "1", cwd=folder)
    assert ended.code == 4
    assert "has shard 1/3, which would be lost" in ended.err
    again = run("run", "example.yaml", "--shard", "1/3", "--last-failed", "--out", "1", cwd=folder)
    assert (again.code, "is about one machine" in again.err) == (4, True)


def test_json_is_the_run(folder: Path) -> None:
    ended = run("merge", "1", "2", "3", "--out", "json", "--json", cwd=folder)
    assert without_times(json.loads(ended.out)) == without_times(results(folder / "json"))


@pytest.mark.parametrize(
    ("shards", "message"),
    [
        (("1", "2"), "shard 3/3 is missing"),
        (("1", "2", "3", "1/results.json"), "is given twice"),
        (("1", "2", "whole"), "not a shard of a run"),
        (("1", "nowhere"), "nowhere: No such file"),
        (("1", "."), ".: has no results.json; name the folders of the shards"),
        (("1", "n" * 300), "File name too long"),
        (("1", "2", "copy"), "shard 2/3 is there 2 times"),
    ],
    ids=str,
)
def test_what_is_no_run_is_refused(folder: Path, shards: tuple[str, ...], message: str) -> None:
    shutil.copytree(folder / "2", folder / "copy", dirs_exist_ok=True)
    ended = run("merge", *shards, "--out", "refused", cwd=folder)
    assert (ended.code, ended.out) == (4, "")
    assert message in ended.err
    assert not (folder / "refused").exists()


def test_a_shard_is_not_overwritten(folder: Path) -> None:
    before = (folder / "1" / "results.json").read_bytes()
    ended = run("merge", "1", "2", "3", "--out", "1", cwd=folder)
    assert ended.code == 4
    assert "choose another directory" in ended.err
    assert (folder / "1" / "results.json").read_bytes() == before


def test_a_report_that_is_not_written_is_not_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("authprobe.redaction.publishing.write_atomically", fail)
    settings = Settings(out=folder / "full", history="none")
    shards = tuple(folder / name for name in "123")
    assert merge(shards, settings) is ExitCode.USAGE
    printed = capsys.readouterr()
    assert "could not be written: No space left on device" in printed.err
    assert "report: " not in printed.err


def test_a_run_without_a_shard_is_interrupted(folder: Path) -> None:
    ended = run("merge", "1", "3", "--allow-missing", "--out", "two", cwd=folder)
    assert ended.code == 2
    assert "Shard 2/3 is missing" in ended.out


def test_weights_decide_the_cut(folder: Path, tmp_path: Path) -> None:
    whole = json.loads((folder / "whole" / "results.json").read_text())
    whole["cases"][0]["observation"]["elapsed"] = 100.0
    (tmp_path / "weights.json").write_text(json.dumps(whole))
    write_scenario(tmp_path, SCENARIO)
    shard = ("run", "example.yaml", "--list", "--shard-weights", "weights.json", "--shard")
    parts = [run(*shard, f"{index}/2", cwd=tmp_path).out.split() for index in (1, 2)]
    assert [len(part) for part in parts] == [1, 3]
    assert parts[0] == [whole["cases"][0]["id"]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--shard", "5/4"), "write it as I/N"),
        (("--shard", "1/5"), "only 4 cases"),
        (("--shard-weights", "x.json"), "is for --shard"),
        (("--shard", "1/2", "--shard-weights", "x.json"), "x.json: No such file"),
        (("--shard", "1/2", "--target", "both"), "the real service is asked by one machine"),
    ],
    ids=str,
)
def test_a_shard_that_cannot_be_is_refused(
    folder: Path, options: tuple[str, ...], message: str
) -> None:
    ended = run("run", "example.yaml", *options, "--out", "none", cwd=folder)
    assert ended.code == 4
    assert message in ended.err
    assert not (folder / "none").exists()
