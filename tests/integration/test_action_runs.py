"""The step of the action with the real authprobe."""

import json
import re
import shutil
from pathlib import Path
from typing import Final

import pytest
import yaml

from authprobe.run.results_file import dump_run
from authprobe.verdict.model import Status, Verdict
from tests.support.command import PROJECT, write_scenario
from tests.support.github_runner import COMMAND, GitHubRunner, Step
from tests.support.make import make_record, make_run
from tests.support.world import make_world


@pytest.fixture
def runner(tmp_path: Path) -> GitHubRunner:
    """A job whose authprobe is the real one."""
    return GitHubRunner(tmp_path, {"AUTHPROBE": str(COMMAND)})


def probe(runner: GitHubRunner, **inputs: str) -> Step:
    """Run the step with these inputs."""
    return runner.start("probe.py", **{f"INPUT_{name.upper()}": v for name, v in inputs.items()})


SCENARIO: Final = """
id: example
title: Two keys
why: One of them is wrong.
sources: [https://example.org/1]
endpoints: {messages: {url: https://api.anthropic.com/v1/messages}}
credentials:
  good: {token: api-key, via: x-api-key}
  bad: {token: api-key, state: unknown, via: x-api-key}
matrix: {client: [raw-http], endpoint: [messages], credential: [good, bad]}
expect:
  - when: {credential: good}
    then: {outcome: accepted}
  - then: {outcome: rejected}
"""
WRONG: Final = SCENARIO.replace("outcome: rejected", "outcome: accepted")


def test_a_run_that_passes(runner: GitHubRunner) -> None:
    write_scenario(runner.work, SCENARIO)
    step = probe(runner, scenarios="example.yaml", args="--history none")
    assert step.code == 0, step.log
    assert step.outputs["exit-code"] == "0"
    counts = {"passed": 2, "failed": 0, "skipped": 0, "error": 0}
    assert json.loads(step.outputs["counts"]) == counts
    assert step.outputs["regressed"] == "[]"
    report = Path(step.outputs["report"])
    assert "</html>" in report.read_text()
    assert step.summary.startswith("## ✓ authprobe")
    assert step.summary == (report.parent / "summary.md").read_text() + "\n"
    assert list(runner.work.iterdir()) == [runner.work / "example.yaml"]


def test_a_run_that_regressed(runner: GitHubRunner) -> None:
    write_scenario(runner.work, SCENARIO)
    before = Path(probe(runner, scenarios="example.yaml").outputs["report"]).parent
    shutil.copy(before / "results.json", runner.work / "before.json")
    write_scenario(runner.work, WRONG)
    args = "--baseline before.json"
    step = probe(runner, scenarios="example.yaml", args=args, fail_on="regressed")
    assert (step.code, step.outputs["exit-code"]) == (1, "1")
    assert json.loads(step.outputs["counts"])["failed"] == 1
    assert json.loads(step.outputs["regressed"]) == ["example/raw-http/messages/bad"]
    assert step.log.count("::error") == 1  # authprobe's own, which says what differs
    assert "regressed" in step.summary
    assert probe(runner, scenarios="example.yaml", args=args, fail_on="never").code == 0


@pytest.mark.parametrize(
    ("inputs", "code", "words"),
    [
        ({"scenarios": "missing.yaml"}, 4, "invalid scenario, option or file"),
        ({"scenarios": "example.yaml", "args": "-k nonsense"}, 5, "no case selected"),
        ({"args": "--target live --yes --client raw-http -k api-key"}, 12, "secret"),
        ({"command": "diff", "args": "a.json b.json"}, 4, "invalid scenario"),
    ],
)
def test_a_run_that_cannot_answer(
    inputs: dict[str, str], code: int, words: str, runner: GitHubRunner
) -> None:
    write_scenario(runner.work, SCENARIO)
    step = probe(runner, **inputs)
    assert step.code == code, step.log
    assert step.outputs["exit-code"] == str(code)
    lines = step.log.splitlines()
    (annotation,) = [line for line in lines if line.startswith("::error title=authprobe ")]
    assert f"exit code {code}: " in annotation
    assert words in annotation


UNTESTABLE: Final = """
id: example
title: A client that cannot be installed
why: Its programs are missing.
sources: [https://example.org/1]
matrix: {client: [claude-code@2.1.31]}
expect: {outcome: rejected}
"""


def test_a_run_that_cannot_test(runner: GitHubRunner, tmp_path: Path) -> None:
    write_scenario(runner.work, UNTESTABLE)
    runner.variables |= {"PATH": "/nowhere", "CACHE_FOLDER": str(tmp_path / "cache")}
    step = probe(runner, scenarios="example.yaml")
    assert step.code == 6, step.log
    assert json.loads(step.outputs["counts"])["error"] == 1
    assert "exit code 6: nothing failed, but something could not be tested" in step.log


def test_a_diff_of_two_runs(runner: GitHubRunner) -> None:
    failed = make_record(verdict=Verdict(status=Status.FAILED))
    for name, record in (("before", make_record()), ("after", failed)):
        (runner.work / f"{name}.json").write_text(dump_run(make_run(record)))
    step = probe(runner, command="diff", args="before.json after.json")
    assert step.code == 1, step.log
    counts = {"broke": 1, "fixed": 0, "changed": 0, "same": 0}
    assert json.loads(step.outputs["counts"]) == counts
    assert json.loads(step.outputs["regressed"]) == [failed.id]
    assert "</html>" in Path(step.outputs["report"]).read_text()
    assert "1 broke" in step.summary
    lines = step.log.splitlines()
    (annotation,) = [line for line in lines if line.startswith("::error title=authprobe diff::")]
    assert annotation.endswith(f"something failed or broke. {failed.id}")


def test_the_shards_of_the_docs_make_one_run(runner: GitHubRunner) -> None:
    page = (PROJECT / "docs" / "ci.md").read_text()
    (text,) = re.findall(r"^```yaml\n# \S+/shards\.yml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    jobs = yaml.safe_load(text)["jobs"]
    shards = jobs["probe"]["strategy"]["matrix"]["shard"]
    (one,) = jobs["probe"]["steps"]
    url = "https://api.anthropic.com/v1/messages"
    endpoints = f"{{messages: {{url: {url}}}, tokens: {{url: {url}/count_tokens}}}}"
    text = WRONG.replace(f"{{messages: {{url: {url}}}}}", endpoints)
    write_scenario(
        runner.work, text.replace("endpoint: [messages]", "endpoint: [messages, tokens]")
    )
    for shard in shards:
        args = one["with"]["args"].replace("${{ matrix.shard }}", str(shard))
        args = args.replace("${{ strategy.job-total }}", str(len(shards)))
        step = probe(runner, scenarios="example.yaml", args=args, fail_on=one["with"]["fail-on"])
        assert step.code == 0, step.log
        shutil.copytree(Path(step.outputs["report"]).parent, runner.work / f"shard-{shard}")
    inputs = jobs["merge"]["steps"][-1]["with"]
    names = {"command": inputs["command"], "args": inputs["args"], "fail_on": inputs["fail-on"]}
    step = probe(runner, **names)
    assert step.code == 1, step.log
    counts = {"passed": 2, "failed": 2, "skipped": 0, "error": 0}
    assert json.loads(step.outputs["counts"]) == counts
    assert "4 shards" in step.summary


def test_watch_goes_on_where_the_job_before_ended(runner: GitHubRunner) -> None:
    world = make_world(runner.work)
    world.publish(until=2, bad="2")
    caches = {"CACHE_FOLDER": world.env["AUTHPROBE_CACHE"]}
    runner.variables |= {**world.env, **caches, "STATE_FOLDER": str(runner.folder / "state")}
    step = probe(runner, command="watch", scenarios="example.yaml")
    assert step.code == 1, step.log
    counts = {"broke": 1, "fixed": 0, "changed": 0, "same": 0}
    assert json.loads(step.outputs["counts"]) == counts
    case = "example/claude-code/default/none"
    assert json.loads(step.outputs["regressed"]) == [f"claude-code@1.0.2: {case}"]
    assert Path(step.outputs["report"]).read_text() + "\n" == step.summary
    head, news, versions, broke, *_ = filter(None, step.summary.splitlines())
    assert head == "## authprobe watch: something broke"
    assert news == "- `claude-code`: `1.0.2`"
    assert versions == "### `claude-code 1.0.1 → 1.0.2`: 1 broke, 0 fixed, 0 changed, 0 same"
    assert broke.startswith(f"- **broke** `{case}`: `")
    assert "Again: `authprobe diff claude-code@1.0.1 claude-code@1.0.2 " in step.summary
    again = probe(runner, command="watch", scenarios="example.yaml")
    assert again.code == 0, again.log
    assert again.summary.startswith("## authprobe watch: nothing broke\n\n- `claude-code`: nothing")
    assert again.outputs["regressed"] == "[]"
