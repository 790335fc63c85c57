import dataclasses
from typing import Any

import pytest

from authprobe.observation.fingerprint import Transition
from authprobe.observation.selectors import check_field
from authprobe.report.model.reproduction import bisect_command, own_name, own_scenario
from authprobe.run.model import CaseRecord, Selection
from authprobe.verdict.model import Status, Verdict
from tests.support.make import make_record, make_run

ID = "s/claude-code@2.1.9/default/login"
RUN = make_run(own_scenarios={"s": "id: s"})


def changed(
    before: str, after: str, *fields: str, status: Status = Status.FAILED, **verdict: Any
) -> CaseRecord:
    """Return a record that differs from the baseline in these fields."""
    transitions = (
        Transition(field="client", before=before, after=after),
        *(Transition(field=field, before="1", after="2") for field in fields),
    )
    return make_record(id=ID, verdict=Verdict(status=status, transitions=transitions, **verdict))


def test_a_regression_is_searched_by_its_verdict() -> None:
    record = changed("2.1.1", "2.1.9", "outcome", regressed=True)
    assert bisect_command(RUN, record) == (
        "authprobe bisect s/claude-code/default/login --good 2.1.1 --bad 2.1.9"
    )


def test_a_fix_is_searched_backwards() -> None:
    record = changed("2.1.1", "2.1.9", status=Status.PASSED, fixed=True)
    assert str(bisect_command(RUN, record)).endswith("--good 2.1.9 --bad 2.1.1 --find-fix")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        (("message", "status"), "status"),
        (("beta flag a", "request POST x"), "requests"),
        (("beta flag a",), "model.betas"),
        (("finding crashes",), "findings"),
        (("stored_access",), "stored_login.access"),
    ],
)
def test_a_change_that_still_passes_is_searched_by_its_field(
    fields: tuple[str, ...], field: str
) -> None:
    command = bisect_command(RUN, changed("2.1.1", "2.1.9", *fields, status=Status.PASSED))
    assert str(command).endswith(f"--bad 2.1.9 --when {field}")


def test_each_field_that_is_searched_can_be_bisected() -> None:
    for name in ("outcome", "status", "error_type", "message", "exit_code", "request x"):
        command = bisect_command(RUN, changed("2.1.1", "2.1.9", name, status=Status.PASSED))
        check_field(str(command).rpartition(" ")[2])


def test_what_bisect_cannot_compare_has_no_command() -> None:
    record = changed("2.1.1", "2.1.9", "stored_expiry", status=Status.PASSED)
    assert bisect_command(RUN, record) is None


@pytest.mark.parametrize("versions", [("2.1.9", "2.1.1"), ("2.1.9", "latest"), ("unknown", "1.0")])
def test_without_an_upgrade_there_is_no_release_to_find(versions: tuple[str, str]) -> None:
    assert bisect_command(RUN, changed(*versions)) is None
    assert bisect_command(RUN, make_record(id=ID)) is None


def test_the_scenarios_of_the_run_are_named_unless_another_file_is() -> None:
    run = make_run(selection=Selection(scenarios=("mine/a b.yaml",)))
    record = changed("2.1.1", "2.1.9")
    assert str(bisect_command(run, record)).endswith("--scenarios 'mine/a b.yaml'")
    assert str(bisect_command(run, record, scenario="s.yaml")).endswith("--scenarios s.yaml")


def test_an_own_scenario_has_its_text_and_a_harmless_file_name() -> None:
    own = own_scenario(RUN, "s")
    assert own is not None
    assert (own.file, own.text) == ("s.yaml", "id: s")
    assert own_scenario(RUN, "bundled") is None
    assert own_name("../Evil; x") == ".._evil__x.yaml"


def test_a_program_of_ones_own_has_no_versions_to_search() -> None:
    record = changed("2.1.1", "2.1.9", "outcome", regressed=True)
    assert bisect_command(RUN, dataclasses.replace(record, own_program="bot.py")) is None
