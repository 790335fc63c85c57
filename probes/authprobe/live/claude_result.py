"""The observation of a live run of `claude`: what it printed, its telemetry and the gate's counts.

Nobody looked into TLS, so there are no exchanges.
"""

from dataclasses import dataclass
from typing import Final

from authprobe.clients.claude_code.prompt import last_document, read_report
from authprobe.clients.observe import (
    MAX_DETAIL_LENGTH,
    MAX_MESSAGE_LENGTH,
    ClientReport,
    last_error_line,
)
from authprobe.clients.process.child import ExitReason
from authprobe.live.claude_run import ClaudeRun
from authprobe.live.client_traces import ClientTraces
from authprobe.live.collector import ERROR_TYPE
from authprobe.observation.model import (
    COMMAND_MISSING,
    Cost,
    EvidenceSource,
    Observation,
    Outcome,
    status_outcome,
)

OUTPUT_OPTION: Final = "--output-format"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaudeReading:
    """A finished run, and what is needed to read it."""

    run: ClaudeRun
    traces: ClientTraces
    version: str
    remarks: tuple[str, ...] = ()

    def observation(self) -> Observation:
        """Return the observation."""
        run = self.run
        report = read_report(run.result.stdout)
        outcome, detail = self._outcome(report)
        error_type = read_error_type(run.result.stdout) if report and report.is_error else None
        remarks = [detail, *self.remarks]
        if run.command.costs_more:
            lacking = ", ".join(run.command.missing)
            remarks.append(f"this version lacks {lacking}: its question cost more")
        if run.limit:
            outcome, remarks[0] = Outcome.CRASHED, f"it exceeded a limit of authprobe: {run.limit}"
        text = "; ".join(filter(None, remarks))
        observation = Observation(
            outcome=outcome,
            status=self._status(report),
            reported_status=report.status if report else None,
            error_type=error_type,
            message=self.traces.clean(report.message, MAX_MESSAGE_LENGTH) if report else None,
            exit_code=run.result.exit_code if self._has_exited else None,
            elapsed=round(run.result.elapsed, 3),
            detail=self.traces.clean(text, MAX_DETAIL_LENGTH),
            egress_refused=tuple(sorted({g.host for g in self.traces.gate if g.refused})),
            client_version=self.version,
            evidence=self._evidence(report),
            gate=self.traces.gate,
            cost=self._cost(),
        )
        return self.traces.searched(observation)

    @property
    def _has_exited(self) -> bool:
        return self.run.result.exit_reason is ExitReason.EXITED

    def _outcome(self, report: ClientReport | None) -> tuple[Outcome, str | None]:
        asked, result = self.traces.asked, self.run.result
        unreachable = Outcome.UNREACHABLE, self.traces.unreachable
        if OUTPUT_OPTION in self.run.command.missing:
            return Outcome.UNAVAILABLE, f"{OUTPUT_OPTION}: {COMMAND_MISSING}"
        if not self._has_exited:
            return Outcome.TIMED_OUT, f"still running after {result.elapsed:.0f} s"
        if report is None:
            if asked.failure:
                return unreachable
            reason = last_error_line(result.stderr.strip() or result.stdout)
            return Outcome.CRASHED, f"ended with exit code {result.exit_code}: {reason}"
        if not report.is_error:
            if asked.received:
                return Outcome.ACCEPTED, None
            return Outcome.CRASHED, self.traces.nothing_received
        status = self._status(report)
        if status is not None and status >= 400:
            return status_outcome(status), None
        if asked.failure:
            return unreachable
        if not asked.connections:
            return Outcome.REJECTED, "refused by the client itself: it asked no host of the case"
        return Outcome.UNREACHABLE, "the client gave up without a refusal"

    def _status(self, report: ClientReport | None) -> int | None:
        """Return the status that ended the question, by the first source that tells it."""
        if report is None or not report.is_error:
            return 200 if report and self.traces.asked.received else None
        refusals = [e.status_code for e in self.run.events if e.is_error and e.status_code]
        log = self.run.debug_log
        statuses = [report.status, *refusals[-1:], *(log.statuses[-1:] if log else ())]
        return next((status for status in statuses if status is not None), None)

    def _evidence(self, report: ClientReport | None) -> tuple[EvidenceSource, ...]:
        log = self.run.debug_log
        sources = (
            (EvidenceSource.RESULT, report is not None),
            (EvidenceSource.OTEL, bool(self.run.events)),
            (EvidenceSource.DEBUG_LOG, log is not None and bool(log.paths)),
            (EvidenceSource.GATE, bool(self.run.gate)),
        )
        return tuple(evidence for evidence, is_there in sources if is_there)

    def _cost(self) -> Cost:
        log, events = self.run.debug_log, self.run.events
        requests = log.model_requests if log and log.paths else len(events) or None
        amounts = [event.cost_usd for event in events if event.cost_usd is not None]
        usd = read_cost(self.run.result.stdout)
        if usd is None and amounts:
            usd = sum(amounts)
        return Cost(requests=requests, estimated_usd=None if usd is None else round(usd, 6))


def read_cost(stdout: str) -> float | None:
    """Return the cost in US dollars that the client estimates; None: it does not."""
    document = last_document(stdout) or {}
    for name in ("total_cost_usd", "cost_usd"):
        value = document.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1000:
            return float(value)
    return None


def read_error_type(stdout: str) -> str | None:
    """Return the type of the error that the client reports (`api_error_type`, since 2.1.3xx)."""
    value = (last_document(stdout) or {}).get("api_error_type")
    return value if isinstance(value, str) and ERROR_TYPE.fullmatch(value) else None
