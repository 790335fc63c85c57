"""A line for each client whose cases have all been probed."""

from dataclasses import dataclass, field, replace

from authprobe.engine.progress import NullReporter
from authprobe.engine.tally import Tally
from authprobe.redaction.redactor import Redactor
from authprobe.scenario.clients import parse_client
from authprobe.verdict.model import Status
from tests.support.make import make_case, make_record


@dataclass
class Lines(NullReporter):
    """A reporter that keeps the lines that stay visible."""

    lines: list[str] = field(default_factory=list)

    def notify(self, line: str) -> None:
        self.lines.append(line.partition(" after ")[0])


def lines_after(clients: dict[str, str], statuses: list[tuple[str, Status]]) -> list[str]:
    """Return the lines after these verdicts, each of the case with this id."""
    cases = [replace(make_case(), id=id, client=parse_client(c)) for id, c in clients.items()]
    reporter = Lines()
    tally = Tally(cases, reporter, Redactor())
    for id, status in statuses:
        record = make_record(id=id)
        tally.add(replace(record, verdict=replace(record.verdict, status=status)))
    return reporter.lines


TWO = {"a": "raw-http", "b": "claude-code@2.1.31", "c": "claude-code@2.1.31"}


def test_a_client_is_named_when_its_last_case_has_ended() -> None:
    assert lines_after(TWO, [("b", Status.PASSED), ("a", Status.PASSED)]) == ["raw-http: 1 passed"]


def test_verdicts_are_counted_by_status() -> None:
    ended = [("b", Status.ERROR), ("c", Status.FAILED)]
    assert lines_after(TWO, ended) == ["claude-code@2.1.31: 1 failed, 1 error"]


def test_a_retry_is_not_counted_again() -> None:
    ended = [("b", Status.FAILED), ("b", Status.PASSED), ("c", Status.PASSED)]
    assert lines_after(TWO, ended) == ["claude-code@2.1.31: 1 passed, 1 failed"]


def test_a_run_with_one_client_has_no_line() -> None:
    assert lines_after({"a": "raw-http"}, [("a", Status.PASSED)]) == []
