"""`authprobe.explain` and `authprobe.diff`: what is known of an error, or of two runs."""

import dataclasses
import datetime
import os
from pathlib import Path
from typing import Final

from authprobe import arguments
from authprobe.api.values import RunResult
from authprobe.diagnosis.diagnose import make_diagnosis
from authprobe.diagnosis.incident.incident import incident_redactor, open_incident
from authprobe.diagnosis.incident.recognition import TextKind, recognise
from authprobe.diagnosis.text_facts import MAX_INPUT_BYTES
from authprobe.diagnosis.text_redaction import redact_values
from authprobe.diff.runs import diff_runs
from authprobe.documents.source import escape
from authprobe.errors import SettingsError
from authprobe.report.diff_document import DiffDocument, make_document
from authprobe.run.model import Diagnosis, Run
from authprobe.run.results_file import parse_run, read_run

IN_MEMORY: Final = Path("results_json")
"""Name of the results of a run in error messages."""


def explain(text: str) -> Diagnosis:
    """Return the most probable cause of an error, a log or another text, with its alternatives.

    The id is `unknown` if no cause is probable. Evidence is quoted without credentials.

    Raises:
        SettingsError: the text is no string, is empty or too large, or is a `results.json`, whose
            cases have their causes already.
    """
    # A lone surrogate has no encoding.
    content = arguments.text(text, "text").encode("utf-8", "replace")
    text, size_bytes = content.decode("utf-8"), len(content)
    if not text.strip():
        raise SettingsError("the text is empty; give the error message or the log")
    if size_bytes > MAX_INPUT_BYTES:
        raise SettingsError(
            f"the text has {size_bytes:,} bytes, more than {MAX_INPUT_BYTES:,}; "
            "give the part around the error"
        )
    incident_text = recognise("", text)
    if incident_text.kind is TextKind.RESULTS:
        raise SettingsError(
            "the text is a results.json, whose cases have their causes; give an error or a log"
        )
    incident = open_incident((incident_text,), now=datetime.datetime.now(datetime.UTC))
    diagnosis = make_diagnosis(incident.conclude().matches)
    redactor = incident_redactor((incident_text,))
    return dataclasses.replace(
        diagnosis,
        evidence=tuple(
            escape(redact_values(redactor(" ".join(line.split())))) for line in diagnosis.evidence
        ),
    )


def diff(
    before: RunResult | str | os.PathLike[str], after: RunResult | str | os.PathLike[str]
) -> DiffDocument:
    """Return what broke, was fixed and changed between two runs: results, or paths of their files.

    Cases are paired by id, and the others without client versions, so that runs of two versions
    of a client can be compared.

    Raises:
        RecordError: a file cannot be read, or is not a run of this schema version.
        SettingsError: an argument is neither results nor a path.
    """
    runs = [_results(run, name) for run, name in ((before, "before"), (after, "after"))]
    return make_document(diff_runs(*map(_run, runs)), None)


def _results(run: object, name: str) -> RunResult | Path:
    return run if isinstance(run, RunResult) else arguments.path(run, name)


def _run(run: RunResult | Path) -> Run:
    if isinstance(run, RunResult):
        return parse_run(IN_MEMORY, run.results_json.encode())
    return read_run(run)
