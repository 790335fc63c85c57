"""An upgrade of a client in every output: its version comes before what changed with it."""

import html
import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from authprobe.commands.history import history
from authprobe.engine.record import make_record
from authprobe.observation.model import Outcome
from authprobe.plan.case import expand
from authprobe.redaction.pseudonyms import Pseudonymizer
from authprobe.report.formats.ctrf import ctrf
from authprobe.report.formats.github import annotations
from authprobe.report.formats.junit import junit
from authprobe.report.html.report import report_page
from authprobe.report.markdown.issue import share_markdown
from authprobe.report.markdown.summary import summary_markdown
from authprobe.report.terminal import print_run
from authprobe.run.baseline import read_baseline
from authprobe.run.history.database import append, last_points
from authprobe.run.known_failures import KnownFailureList
from authprobe.run.model import Run
from authprobe.run.results_file import read_run
from authprobe.scenario.load import load_file
from tests.support.make import make_run

ACCEPTED = Path(__file__).parents[1] / "run" / "baseline_version_1.json"
RESULTS = ACCEPTED.with_name("results_of_baseline_version_1.json")
"""A run of claude-code 2.1.112, and the baseline that was accepted from it."""
SCENARIO = """
id: pinned
title: A pinned client
why: A pin changes.
sources: [https://example.org/issue/1]
credentials:
  fresh: {token: login, via: credentials-file}
  expired: {token: login, state: expired, via: credentials-file}
  revoked: {token: login, state: revoked, via: credentials-file}
matrix:
  client: [claude-code@2.1.332]
  credential: [fresh, expired, revoked]
expect:
  - when: {credential: revoked}
    then: {outcome: timed-out}
  - then: {outcome: accepted}
"""
REVOKED = "pinned/claude-code@2.1.332/default/revoked"
VERSIONS = "client 2.1.112 → 2.1.332"
CHANGE = "outcome: timed-out → accepted"


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a run of the accepted cases at a newer version, which answers one differently."""
    path = tmp_path_factory.mktemp("upgrade") / "pinned.yaml"
    path.write_text(SCENARIO)
    baseline = read_baseline(ACCEPTED)
    seen = {record.credential: record.observation for record in read_run(RESULTS).cases}
    seen["revoked"] = replace(
        seen["revoked"], outcome=Outcome.ACCEPTED, status=200, message="pong", exit_code=0
    )
    return make_run(
        *(
            make_record(
                case,
                replace(seen[case.names.credential], client_version="2.1.332"),
                baseline,
                KnownFailureList(),
            )
            for case in expand(load_file(path))
        ),
        id="1" * 32,
    )


def terminal(run: Run, _: Path) -> str:
    output = io.StringIO()
    print_run(run, Console(file=output, width=1000))
    return output.getvalue()


def page(run: Run, _: Path) -> str:
    body = report_page(run).partition("</head>")[2]
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)))


def share(run: Run, folder: Path) -> str:
    location = str(folder / "history.db")
    append(location, read_run(RESULTS), 9)
    records = [record for record in run.cases if record.id == REVOKED]
    past = last_points(location, [(REVOKED, ())])
    return share_markdown(run, records, Pseudonymizer((), ()), past=past).replace("\\", "")


OUTPUTS: dict[str, Callable[[Run, Path], str]] = {
    "terminal": terminal,
    "report": page,
    "summary": lambda run, _: summary_markdown(run).replace("\\", ""),
    "junit": lambda run, _: html.unescape(junit(run)),
    "ctrf": lambda run, _: ctrf(run),
    "annotations": lambda run, _: "\n".join(annotations(run)).replace("%0A", "\n"),
    "share": share,
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_the_version_comes_before_what_changed_with_it(
    name: str, upgraded: Run, tmp_path: Path
) -> None:
    text = OUTPUTS[name](upgraded, tmp_path)
    # The page names the client, "claude-code", in place of "client".
    assert text.index(VERSIONS.removeprefix("client ")) < text.index(CHANGE)


def test_the_states_of_the_cases(upgraded: Run) -> None:
    states = {record.credential: record.verdict for record in upgraded.cases}
    assert {name: verdict.baseline.value for name, verdict in states.items()} == {
        "fresh": "unchanged",
        "expired": "unchanged",
        "revoked": "updated",
    }
    assert [name for name, verdict in states.items() if verdict.regressed] == ["revoked"]


def test_the_history_tells_the_version_first(
    upgraded: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    location = str(tmp_path / "history.db")
    append(location, read_run(RESULTS), 9)
    append(location, upgraded, 9)
    for case in (REVOKED, "pinned/claude-code/default/revoked"):
        assert history(case, location=location, as_json=False) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[2:4] == [f"    {VERSIONS}", f"    {CHANGE}"]
    again = report_page(upgraded, past=last_points(location, [(REVOKED, ())]))
    assert VERSIONS in again
