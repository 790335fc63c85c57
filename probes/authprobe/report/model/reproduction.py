"""Reproduction of a case by somebody else: the user's own scenario, and the commands."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from authprobe.core.escaping import for_shell
from authprobe.core.targets import Target
from authprobe.core.version_ranges import EXACT, version_key
from authprobe.observation.fingerprint import CLIENT
from authprobe.plan.case_ids import without_version
from authprobe.report.model.saved_bisections import SavedBisection
from authprobe.run.model import CaseRecord, Run
from authprobe.verdict.model import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnScenario:
    """A scenario that is not bundled, and the name of the file to save it as."""

    file: str
    text: str
    definitions: Mapping[str, str] = field(default_factory=dict)
    """Texts of the files of definitions that it uses, by name."""


def own_scenario(run: Run, id: str) -> OwnScenario | None:
    """Return a scenario of the run; None if it is bundled, or too long to be in the results."""
    text = run.own_scenarios.get(id)
    if text is None:
        return None
    definitions = run.own_definitions.get(id, {})
    return OwnScenario(file=own_name(id), text=text, definitions=definitions)


def own_name(id: str) -> str:
    """Return the name of the file to save a scenario as."""
    return re.sub(r"[^a-z0-9.+_-]", "_", id.lower()) + ".yaml"


def bisect_command(
    run: Run,
    record: CaseRecord,
    *,
    versions: Sequence[str] = (),
    scenario: str | None = None,
) -> str | None:
    """Return the command that finds the release in which a case changed.

    `versions` are the last one before the change and the one that ran; those of the baseline and
    of the case by default. None: they are unknown or no upgrade, or `bisect` cannot decide by what
    changed. `scenario` is a file to read instead of those of the run.
    """
    if run.selection.is_command or record.own_program or record.target is Target.LIVE:
        return None  # the real service is not asked again and again
    before, after = versions or client_change(record)
    if not _is_upgrade(before, after):
        return None
    words = ["authprobe", "bisect", without_version(record.id)]
    if record.verdict.fixed:
        words += ["--good", after, "--bad", before, "--find-fix"]
    else:
        words += ["--good", before, "--bad", after]
    if record.verdict.status is Status.PASSED and not record.verdict.fixed:
        field = _changed_field(record)
        if field is None:
            return None
        words += ["--when", field]
    paths = (scenario,) if scenario else run.selection.scenarios
    return for_shell([*words, *(word for path in paths for word in ("--scenarios", path))])


_FIELDS: Final = {
    "outcome": "outcome",
    "status": "status",
    "error_type": "error_type",
    "message": "message",
    "exit_code": "exit_code",
    "stored_login": "stored_login",
    "stored_access": "stored_login.access",
    "request": "requests",
    "finding": "findings",
    "beta flag": "model.betas",
    "stored_mode": "stored_login.mode",
}
"""Field of `bisect --when` for each field of a transition, or for the noun before its member."""


def _changed_field(record: CaseRecord) -> str | None:
    """Return the most telling changed field by which a bisection can be decided."""
    changed = [change.field for change in record.verdict.transitions]
    for name, path in _FIELDS.items():
        if any(each == name or each.startswith(f"{name} ") for each in changed):
            return path
    return None


def bisection_of(record: CaseRecord, bisections: Iterable[SavedBisection]) -> SavedBisection | None:
    """Return the first of these answers that names the release which broke a failed case."""
    if record.verdict.status is not Status.FAILED:
        return None
    before, after = client_change(record)
    version = after or record.client_version or ""
    return next((each for each in bisections if each.explains(record.id, before, version)), None)


def client_change(record: CaseRecord) -> tuple[str, str]:
    """Return the client's version in the baseline and the one that ran; empty if it is the same."""
    changes = record.verdict.transitions
    return next(((x.before, x.after) for x in changes if x.field == CLIENT), ("", ""))


def _is_upgrade(before: str, after: str) -> bool:
    return (
        EXACT.fullmatch(before) is not None
        and EXACT.fullmatch(after) is not None
        and version_key(before) < version_key(after)
    )
