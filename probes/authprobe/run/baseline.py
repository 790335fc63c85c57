"""Baseline: the accepted status and fingerprint of each case, in a file made for git diffs."""

import datetime
import functools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from authprobe.core.escaping import for_json, one_line
from authprobe.core.version_ranges import version_order
from authprobe.errors import RecordError
from authprobe.observation.fingerprint import fingerprint, is_same
from authprobe.plan.case_ids import client_version_of, without_version
from authprobe.run import json_file
from authprobe.run.model import CaseRecord, Run
from authprobe.run.results_file import parse_run
from authprobe.scenario.clients import parse_client
from authprobe.verdict.accepted import Accepted

SCHEMA_VERSION: Final = 1
ID_SCHEME: Final = 2
"""Version of the case id scheme: `scenario/client/endpoint/credential`, then non-default axes.

A new axis changes only the ids of cases with a non-default value of it, so needs no new version.
"""


@dataclass(frozen=True, kw_only=True)  # without slots, for the cached property
class Baseline:
    """Accepted cases by id."""

    cases: Mapping[str, Accepted]

    @functools.cached_property
    def _by_question(self) -> Mapping[str, list[Accepted]]:
        """Accepted cases of each question, from the oldest to the newest version."""
        questions: dict[str, list[Accepted]] = {}
        for case in sorted(self.cases.values(), key=lambda case: version_order(case.version)):
            questions.setdefault(without_version(case.id), []).append(case)
        return questions

    def get(self, case_id: str, formerly: Iterable[str] = ()) -> Accepted | None:
        """Return the case by its id or a former one; None: it was never accepted."""
        return next((self.cases[id] for id in (case_id, *formerly) if id in self.cases), None)

    def previous(
        self, case_id: str, formerly: Iterable[str] = (), *, version: str | None = None
    ) -> Accepted | None:
        """Return the accepted case to compare with: the same one, or the same question.

        Of the versions that were accepted, that is the newest which is not newer than `version`,
        or else the oldest.
        """
        ids = (case_id, *formerly)
        if exact := self.get(case_id, ids[1:]):
            return exact
        cases = next((c for c in map(self._by_question.get, map(without_version, ids)) if c), [])
        order = version_order(version or client_version_of(case_id))
        earlier = [case for case in cases if version_order(case.version) <= order]
        return earlier[-1] if earlier else next(iter(cases), None)


EMPTY_BASELINE: Final = Baseline(cases={})


def accept_record(
    record: CaseRecord, *, on: datetime.date, tool: str, note: str | None = None
) -> Accepted:
    """Return a case of a run as an entry of the baseline."""
    return Accepted(
        id=record.id,
        status=record.verdict.status,
        seen=fingerprint(record.observation),
        client_version=record.client_version,
        accepted_at=on,
        tool=tool,
        note=note,
    )


def baseline_from_run(run: Run) -> Baseline:
    """Return a baseline of all cases of a run."""
    day, tool = run.started_at.date(), run.tool.version
    return Baseline(cases={r.id: accept_record(r, on=day, tool=tool) for r in run.cases})


def updated_baseline(
    old: Baseline, run: Run, records: Iterable[CaseRecord], note: str | None
) -> Baseline:
    """Return the baseline with these records of the run; unchanged cases keep their entries."""
    cases = dict(old.cases)
    present = {record.id for record in run.cases}
    for record in records:
        new = accept_record(record, on=run.started_at.date(), tool=run.tool.version, note=note)
        previous = old.previous(record.id, record.formerly, version=record.client_version)
        if previous is not None and previous.id not in present:
            cases.pop(previous.id, None)  # its version, or its scenario's name, was changed
        if previous is not None and note is None and _is_same(previous, new):
            version = new.client_version or previous.client_version
            new = replace(previous, id=new.id, seen=new.seen, client_version=version)
        cases[new.id] = new
    return Baseline(cases=cases)


def _is_same(previous: Accepted, new: Accepted) -> bool:
    return previous.status is new.status and is_same(previous.seen, new.seen)


def without_cases(old: Baseline, ids: Iterable[str]) -> Baseline:
    """Return the baseline without these cases."""
    removed = set(ids)
    return Baseline(cases={id: case for id, case in old.cases.items() if id not in removed})


def absent_cases(
    baseline: Baseline, records: Sequence[CaseRecord], *, has_all_scenarios: bool
) -> tuple[str, ...]:
    """Return the ids of accepted cases that a complete run no longer has, sorted.

    A case that was compared with another version of it is not absent. A run of some scenarios
    lacks only cases of theirs.
    """
    compared = {
        previous.id
        for record in records
        if (
            previous := baseline.previous(record.id, record.formerly, version=record.client_version)
        )
    }
    present = {id for record in records for id in (record.id, *record.formerly)}
    scenarios = {id.partition("/")[0] for id in present}
    return tuple(
        sorted(
            id
            for id in baseline.cases.keys() - present - compared
            if has_all_scenarios or id.partition("/")[0] in scenarios
        )
    )


def dump_baseline(baseline: Baseline) -> str:
    """Return the text of the file: one line per case, sorted, so that diffs show changed cases."""
    lines = (_case_line(case) for _, case in sorted(baseline.cases.items()))
    head = f'{{\n"schema_version": {SCHEMA_VERSION},\n"identity": {ID_SCHEME},\n"cases": [\n'
    return head + ",\n".join(lines) + "\n]\n}\n"


def _case_line(case: Accepted) -> str:
    values = to_jsonable_python(case)
    values["seen"] = _without_none(values["seen"])
    return for_json(json.dumps(_without_none(values), ensure_ascii=False))


def _without_none(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


@functools.cache
def _reader() -> TypeAdapter[tuple[Accepted, ...]]:
    return TypeAdapter(tuple[Accepted, ...])


def read_baseline(path: Path) -> Baseline:
    """Return the baseline in a baseline file or a `results.json`.

    Raises:
        RecordError: the file cannot be read, or has another format.
    """
    text = json_file.read_content(path, _RESTORE_REMEDY)
    content = json_file.parse(path, text, "a baseline", _RESTORE_REMEDY)
    if not isinstance(content, dict) or "identity" not in content:
        return baseline_from_run(parse_run(path, text))
    id_scheme = _check_versions(path, content)
    try:
        cases = _reader().validate_python(content.get("cases"))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise json_file.mismatch(
            path, first, "a baseline", _RESTORE_REMEDY, prefix=["cases"]
        ) from None
    by_id = {case.id: case for case in map(_migration(id_scheme), cases)}
    if len(by_id) < len(cases):  # as a merge may leave them
        raise RecordError(
            f"{path}: not a baseline: two cases have the same id; keep one of them, or "
            f"{_RESTORE_REMEDY}"
        )
    return Baseline(cases=by_id)


_RESTORE_REMEDY: Final = "restore it from git, or make a new one with `authprobe accept`"


def _check_versions(path: Path, content: Mapping[str, object]) -> int:
    """Return the id scheme of a baseline file.

    Raises:
        RecordError: its schema version or id scheme is not supported.
    """
    version, id_scheme = content.get("schema_version"), content["identity"]
    is_supported = version == SCHEMA_VERSION and id_scheme in (*_MIGRATIONS, ID_SCHEME)
    if not is_supported or not isinstance(id_scheme, int):
        raise RecordError(
            f"{path}: a baseline of schema version {one_line(str(version), 20)} and identity "
            f"{one_line(str(id_scheme), 20)}, which this "
            "authprobe does not support; use the version that wrote it, or a later one"
        )
    return id_scheme


def _canonical_client(case_id: str) -> str:
    """Convert an id of scheme 1, which kept the scenario's spelling of the client, to scheme 2.

    `claude-code` becomes `claude-code@latest`.
    """
    scenario, client, *rest = case_id.split("/")
    return "/".join((scenario, str(parse_client(client)), *rest))


_MIGRATIONS: Final[dict[int, Callable[[str], str]]] = {1: _canonical_client}
"""Functions that convert an id of a former scheme to the next one."""


def _migration(id_scheme: int) -> Callable[[Accepted], Accepted]:
    def migrate(case: Accepted) -> Accepted:
        id = case.id
        for scheme in range(id_scheme, ID_SCHEME):
            id = _MIGRATIONS[scheme](id)
        return replace(case, id=id)

    return migrate
