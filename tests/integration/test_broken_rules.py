"""No case passes vacuously: with any rule left out that answers one, the run goes red."""

import functools
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from authprobe.core.client_kinds import ClientKind
from authprobe.emulator.rules.routes import RULES
from authprobe.emulator.server.network import Network
from authprobe.engine import laboratory
from authprobe.engine.progress import LogReporter
from authprobe.engine.runner import RunPlan, execute_plan, load_plan
from authprobe.plan.case import Case
from authprobe.run.model import CaseRecord
from authprobe.settings import Settings
from authprobe.verdict.model import Status
from tests.support.command import run, verdicts

MISSION = {"A01", "A02", "A04", "A05", "A08", "A09", "A15", "A18", "B01", "B02", "B03", "B05"}
"""Rules without which the rows that the project began with would say nothing."""


@functools.cache
def whole_plan() -> RunPlan:
    """Return the plan of the cases that need no installed client: no rule that is left out changes
    it, and reading the scenarios takes longer than probing the few cases of a rule.
    """
    return load_plan(Settings(clients=("raw-http",)))


def records(out: Path, *broken: str, only: Sequence[str] = ()) -> tuple[CaseRecord, ...]:
    """Return the records of the cases that need no installed client, or of these ones of them."""
    plan = replace(whole_plan(), settings=Settings(out=out, break_rules=frozenset(broken)))
    cases: list[Case] = [case for case in plan.cases if not only or case.id in only]
    assert {case.client.kind for case in cases} == {ClientKind.RAW_HTTP}
    return execute_plan(plan, LogReporter(), cases).cases


@functools.cache
def control() -> tuple[CaseRecord, ...]:
    """The run with all rules in their places."""
    with tempfile.TemporaryDirectory() as folder:
        return records(Path(folder))


@functools.cache
def used() -> dict[str, list[str]]:
    """Return the rules that answered there, with the ids of the cases that they answered."""
    answered: dict[str, list[str]] = defaultdict(list)
    for record in control():
        for rule in RULES.keys() & {exchange.rule for exchange in record.observation.exchanges}:
            answered[rule].append(record.id)
    return dict(answered)


def test_the_control_run_is_green() -> None:
    assert {record.verdict.status for record in control()} == {Status.PASSED}


def test_the_rules_of_the_mission_are_used() -> None:
    assert used().keys() >= MISSION


def test_a_missing_rule_makes_the_run_red(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A thread for each rule starts in a tenth of the time of a process.
    monkeypatch.setattr(laboratory, "RemoteNetwork", Network)

    def is_red(rule: str) -> bool:
        # The others never come to this rule.
        affected = records(tmp_path, rule, only=used()[rule])
        return Status.FAILED in {record.verdict.status for record in affected}

    assert [rule for rule in sorted(used()) if not is_red(rule)] == []


def test_the_command_fails_with_a_missing_rule(tmp_path: Path) -> None:
    ended = run("run", "--client", "raw-http", "--break-rule", "A04", cwd=tmp_path)
    assert ended.code == 1
    failed = {id for id, status in verdicts(tmp_path / "reports").items() if status != "passed"}
    assert failed == {
        "oauth-direct/raw-http/messages/token-as-bearer/february-2026",
        "own-gateway/raw-http/old/users-token/with-oauth-flag",
        "profile/raw-http/usage/login-token/spring-2026",
    }
    assert all(case in ended.out for case in failed)
