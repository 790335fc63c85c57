"""`authprobe share`: cases of a run as one Markdown text, for an issue."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from authprobe.core.escaping import for_log
from authprobe.core.suggestions import did_you_mean
from authprobe.errors import ExitCode, HistoryError, SettingsError
from authprobe.plan.case_ids import matching_ids
from authprobe.redaction.pseudonyms import Pseudonymizer
from authprobe.redaction.publishing import ArtifactGuard, SecretFoundError
from authprobe.report.markdown.issue import share_markdown
from authprobe.report.model.matrix import problems
from authprobe.report.model.phrases import plural
from authprobe.run.history.database import last_points
from authprobe.run.history.model import Point
from authprobe.run.model import CaseRecord, Run
from authprobe.run.results_file import read_run
from authprobe.settings import history_place, own_names

MOST: Final = 10
"""Cases that are shared where none is named."""


def share(names: Sequence[str], *, results: Path, out: Path | None) -> int:
    """Print the text, or write it to `out`; the exit code.

    Raises:
        RecordError, SettingsError: there is nothing to share.
    """
    run = read_run(results)
    chosen = _chosen(names, run, results)
    users, hosts = own_names()
    text = share_markdown(
        run, chosen, Pseudonymizer(users, hosts), past=_past(chosen, results.parent)
    )
    try:
        guard = ArtifactGuard()
        if out is None:
            guard.check("the text", text)
            sys.stdout.write(text)
        else:
            guard.publish(out.parent, {out.name: text})
    except SecretFoundError as error:
        _say(str(error))
        return ExitCode.SECRET_FOUND
    except OSError as error:
        raise SettingsError(f"{out}: cannot be written: {error.strerror or error}") from None
    return ExitCode.OK


def _chosen(names: Sequence[str], run: Run, results: Path) -> tuple[CaseRecord, ...]:
    """The cases that are named; without a name, what is not as expected, the worst first."""
    if not names:
        bad = problems(run)
        if not bad:
            raise SettingsError(f"{results}: every case is as expected; name a case to share it")
        if len(bad) > MOST:
            more = plural(len(bad) - MOST, "more case")
            _say(f"{more} not as expected; name a case to share it")
        return bad[:MOST]
    records = {record.id: record for record in run.cases}
    found = {name: matching_ids(name, records) for name in names}
    if missing := [name for name, ids in found.items() if not ids]:
        hint = did_you_mean(missing[0], records)
        raise SettingsError(f"{missing[0]}: no such case in the results{hint}")
    return tuple(records[id] for id in dict.fromkeys(id for ids in found.values() for id in ids))


def _past(chosen: Sequence[CaseRecord], reports: Path) -> Mapping[str, Sequence[Point]]:
    """What is kept of these cases; none if it cannot be had, which is said."""
    try:
        return last_points(
            history_place(reports), [(record.id, record.formerly) for record in chosen]
        )
    except HistoryError as error:
        _say(f"when it last worked is not known: {error}")
        return {}


def _say(line: str) -> None:
    print(for_log(line), file=sys.stderr)
