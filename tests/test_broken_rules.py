"""No case passes vacuously: with any one rule of the emulator left out, the run goes red."""

from pathlib import Path

import pytest

from probes.conduct import conduct, plan_of
from probes.emulator.rules import RULES
from probes.progress import Lines
from probes.scenario.model import ClientKind
from probes.settings import Settings
from probes.verdict import Status
from tests.command import run, verdicts


def statuses(out: Path, *broken: str) -> list[Status]:
    """The verdicts on all cases that need no installed client."""
    settings = Settings(out=out, break_rules=frozenset(broken), clients=("raw-http",))
    plan = plan_of(settings)
    assert {case.client.kind for case in plan.cases} == {ClientKind.RAW_HTTP}
    return [record.verdict.status for record in conduct(plan, Lines()).cases]


def test_the_control_run_is_green(tmp_path: Path) -> None:
    assert set(statuses(tmp_path)) == {Status.PASSED}


@pytest.mark.parametrize("rule", RULES)
def test_a_missing_rule_makes_the_run_red(rule: str, tmp_path: Path) -> None:
    assert Status.FAILED in statuses(tmp_path, rule)


def test_the_command_fails_with_a_missing_rule(tmp_path: Path) -> None:
    ended = run("run", "--client", "raw-http", "--break-rule", "A04", cwd=tmp_path)
    assert ended.code == 1
    assert "oauth-direct/raw-http/messages/token-as-bearer/february-2026" in ended.out
    failed = {id for id, status in verdicts(tmp_path / "reports").items() if status != "passed"}
    assert failed == {"oauth-direct/raw-http/messages/token-as-bearer/february-2026"}
