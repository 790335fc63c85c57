"""The exit code of a run and the reason for it, from its cases and the gates that were chosen."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from authprobe.core.gates import NEVER, Gate
from authprobe.core.targets import Target
from authprobe.errors import ExitCode
from authprobe.run.model import CaseRecord, Run
from authprobe.verdict.model import BaselineState, Status

MAX_SHARDS_NAMED: Final = 10
"""Missing shards that a message names."""


@dataclass(frozen=True, slots=True)
class GateResult:
    """Exit code of a run, and the reason for it."""

    exit_code: ExitCode
    reason: str | None = None
    """One line that begins with the exit code; None: it is 0, and there is nothing to explain."""


def gate_result(run: Run) -> GateResult:
    """Return 2 if the run was interrupted, 1 if a chosen gate is hit, 12 if the real service
    could not be asked, 6 if a case was untestable.

    Without any gate (`--fail-on never`), no result of a case changes the exit code.
    """
    if run.selection.is_command:
        return _command_result(run)
    if run.interrupted:
        lacking = missing_words(run.missing_shards) if run.missing_shards else None
        return _result(ExitCode.INTERRUPTED, lacking or "the run was interrupted")
    option = f"--fail-on {','.join(run.fail_on) or NEVER}"
    if hits := [words for gate in run.fail_on if (words := gate_words(run, gate))]:
        return _result(ExitCode.FAILURES, f"{', '.join(hits)} ({option})")
    failed, untestable = gate_words(run, Gate.FAILED), gate_words(run, Gate.UNTESTABLE)
    not_asked = sum(map(_was_not_asked, run.cases))
    if not_asked and run.fail_on:
        words = _counted(not_asked, "could not be asked", "could not be asked")
        return _result(ExitCode.NOT_ASKED, f"live, {words}: no verdict on the real service")
    if untestable and run.fail_on:
        nothing = f"nothing that {option} names" if failed else "nothing failed"
        return _result(ExitCode.UNTESTABLE, f"{nothing}, but {untestable}")
    if ignored := ", ".join(filter(None, (failed, untestable))):
        return _result(ExitCode.OK, f"{ignored}, which {option} does not count")
    return GateResult(ExitCode.OK)


def missing_words(shards: Sequence[str]) -> str:
    """Return which shards a merged run is without, as a sentence that may go on."""
    more = len(shards) - MAX_SHARDS_NAMED
    names = ", ".join(shards[:MAX_SHARDS_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"shard {names} is missing" if len(shards) == 1 else f"shards {names} are missing"


def _command_result(run: Run) -> GateResult:
    """Return the exit code of one command that was run beside the emulator, if it is judged.

    It counts only with `--expect`; otherwise the exit code is the command's own.
    """
    for record in run.cases:
        if record.expectation is None:
            continue
        option = f"--expect {record.expectation.outcome}"
        if run.interrupted:
            return _result(ExitCode.INTERRUPTED, f"the command was interrupted ({option})")
        if record.verdict.status is Status.ERROR:
            return _result(ExitCode.UNTESTABLE, f"the command could not be tested ({option})")
        if record.verdict.status is Status.FAILED:
            words = f"the outcome is {record.observation.outcome} ({option})"
            return _result(ExitCode.FAILURES, words)
    return GateResult(ExitCode.OK)


def _result(code: ExitCode, reason: str) -> GateResult:
    return GateResult(code, f"exit code {code.value}: {reason}")


def gate_words(run: Run, gate: Gate) -> str | None:
    """Return how many cases hit a gate, in words; None if none does."""
    if gate is Gate.ABSENT:
        return _counted(len(run.absent), "is absent", "are absent")
    words = _counted(sum(map(_HITS[gate], run.cases)), *_PREDICATES[gate])
    if gate is Gate.FAILED and run.complaints:
        number = len(run.complaints)
        verb = "known failure is" if number == 1 else "known failures are"
        return ", ".join(filter(None, (words, f"{number:,} {verb} out of date")))
    return words


def gate_warnings(run: Run) -> Iterator[str]:
    """Yield why a chosen gate cannot be hit by this run, a sentence each."""
    compared = [gate for gate in run.fail_on if gate in _OF_THE_BASELINE]
    if compared and not _is_compared(run):
        yield (
            f"--fail-on {','.join(compared)} has no effect: no case of this run is in a baseline. "
            "`authprobe accept` makes one."
        )
    elif Gate.ABSENT in compared and run.partial:
        yield "--fail-on absent has no effect: a part of the cases cannot show what is absent."


_OF_THE_BASELINE: Final = (Gate.REGRESSED, Gate.CHANGED, Gate.ABSENT)


def _is_compared(run: Run) -> bool:
    verdicts = [record.verdict for record in run.cases]
    is_known = any(v.baseline is not BaselineState.NEW or v.regressed for v in verdicts)
    return is_known or bool(run.absent) or not run.cases


def _counted(number: int, one: str, many: str) -> str | None:
    if not number:
        return None
    return f"1 case {one}" if number == 1 else f"{number:,} cases {many}"


def _was_not_asked(record: CaseRecord) -> bool:
    return record.target is Target.LIVE and record.verdict.status is Status.ERROR


def _is_changed(record: CaseRecord) -> bool:
    verdict = record.verdict
    if verdict.status is Status.ERROR:
        return False
    return verdict.regressed or verdict.fixed or bool(verdict.transitions)


def _has_unexpected_finding(record: CaseRecord) -> bool:
    expected = record.expectation.findings if record.expectation else ()
    return any(finding.name not in expected for finding in record.findings)


_HITS: Final[Mapping[Gate, Callable[[CaseRecord], bool]]] = {
    Gate.FAILED: lambda record: record.verdict.status is Status.FAILED,
    Gate.REGRESSED: lambda record: record.verdict.regressed,
    Gate.CHANGED: _is_changed,
    Gate.FINDINGS: _has_unexpected_finding,
    Gate.UNTESTABLE: lambda record: record.verdict.status is Status.ERROR,
    Gate.FLAKY: lambda record: record.verdict.flaky,
}
_PREDICATES: Final[Mapping[Gate, tuple[str, str]]] = {
    Gate.FAILED: ("failed", "failed"),
    Gate.REGRESSED: ("regressed", "regressed"),
    Gate.CHANGED: ("changed", "changed"),
    Gate.FINDINGS: ("has an unexpected finding", "have unexpected findings"),
    Gate.UNTESTABLE: ("could not be tested", "could not be tested"),
    Gate.FLAKY: ("is flaky", "are flaky"),
}
