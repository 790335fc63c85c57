"""`authprobe share`: print cases of a run as Markdown for an issue."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from authprobe.commands.printing import print_error, print_text
from authprobe.diagnosis.reasons.explain import explain_run
from authprobe.errors import ExitCode, HistoryError, SettingsError
from authprobe.plan.case_ids import select_ids
from authprobe.redaction.publishing import ArtifactGuard, SecretFoundError
from authprobe.report.markdown.issue import share_markdown
from authprobe.report.markdown.pseudonymize import SharedTextCleaner
from authprobe.report.model.matrix import problems
from authprobe.report.model.phrases import plural
from authprobe.report.model.saved_bisections import read_bisections
from authprobe.run.history.database import last_points
from authprobe.run.history.model import Point
from authprobe.run.model import CaseRecord, Run
from authprobe.run.results_file import read_run
from authprobe.settings import history_location, local_names

MAX_CASES: Final = 10
"""Number of cases to share if none is named."""


def share(names: Sequence[str], *, results: Path, out: Path | None) -> int:
    """Print the text, or write it to `out`; return the exit code.

    Raises:
        RecordError, SettingsError: there is nothing to share, or `out` cannot be written.
    """
    run = explain_run(read_run(results))
    records = _select(names, run, results)
    users, hosts = local_names()
    text = share_markdown(
        run,
        records,
        SharedTextCleaner(users, hosts),
        past=_past(records, results.parent),
        bisections=read_bisections(results.parent),
    )
    try:
        guard = ArtifactGuard()
        if out is None:
            guard.check("the text", text)
            print_text(text, end="")
        else:
            guard.publish(out.parent, {out.name: text})
    except SecretFoundError as error:
        print_error(str(error))
        return ExitCode.SECRET_FOUND
    except OSError as error:
        raise SettingsError(f"{out}: cannot be written: {error.strerror or error}") from None
    if any(record.scenario in run.own_scenarios for record in records):
        print_error("your own scenario is in the text: read it before you publish it")
    return ExitCode.OK


def _select(names: Sequence[str], run: Run, results: Path) -> tuple[CaseRecord, ...]:
    """Return the named cases; without names, those not as expected, most severe first."""
    if not names:
        unexpected = problems(run)
        if not unexpected:
            raise SettingsError(f"{results}: every case is as expected; name a case to share it")
        if len(unexpected) > MAX_CASES:
            more = plural(len(unexpected) - MAX_CASES, "more case")
            print_error(f"{more} not as expected; name a case to share it")
        return unexpected[:MAX_CASES]
    records = {record.id: record for record in run.cases}
    return tuple(records[id] for id in select_ids(names, records))


def _past(records: Sequence[CaseRecord], reports: Path) -> Mapping[str, Sequence[Point]]:
    """Return earlier results of the cases; print why if the history cannot be read."""
    try:
        return last_points(
            history_location(reports), [(record.id, record.formerly) for record in records]
        )
    except HistoryError as error:
        print_error(f"the text does not say when the cases last worked: {error}")
        return {}
