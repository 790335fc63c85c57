"""Baseline: the accepted status and fingerprint of each case, in a file made for git diffs."""

import datetime
import functools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from authprobe.core.escaping import for_json, one_line
from authprobe.core.serialization import to_jsonable_python
from authprobe.core.targets import Target
from authprobe.errors import RecordError
from authprobe.observation.fingerprint import fingerprint, is_same
from authprobe.plan.case_ids import client_version_of, nearest_version, without_version
from authprobe.run import json_file
from authprobe.run.model import CaseRecord, Run, Selection
from authprobe.run.results_file import parse_run
from authprobe.run.scenario_files import ScenarioFile, covers
from authprobe.scenario.clients import parse_client
from authprobe.verdict.accepted import Accepted

SCHEMA_VERSION: Final = 2
READABLE_VERSIONS: Final = (1, SCHEMA_VERSION)
"""Version 1 has no scenario files, and fewer fields per case; what it lacks is not compared."""
ID_SCHEME: Final = 2
"""Version of the case id scheme: `scenario/client/endpoint/credential`, then non-default axes.

A new axis changes only the ids of cases with a non-default value of it, so needs no new version.
"""


@dataclass(frozen=True, kw_only=True)  # without slots, for the cached property
class Baseline:
    """Accepted cases by id."""

    cases: Mapping[str, Accepted]
    files: Mapping[str, str] = field(default_factory=dict)
    """File of each scenario, as a run names it; unknown in a baseline of schema version 1."""

    @functools.cached_property
    def _by_question(self) -> Mapping[str, list[Accepted]]:
        """Accepted cases of each question."""
        questions: dict[str, list[Accepted]] = {}
        for case in self.cases.values():
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
        if not self.cases:
            return None
        ids = (case_id, *formerly)
        if exact := self.get(case_id, ids[1:]):
            return exact
        cases = next((c for c in map(self._by_question.get, map(without_version, ids)) if c), [])
        return nearest_version(cases, _version, version or client_version_of(case_id))


def _version(case: Accepted) -> str:
    return case.version


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
    cases = {record.id: accept_record(record, on=day, tool=tool) for record in run.cases}
    return Baseline(cases=cases, files=_files(run))


def _files(run: Run) -> dict[str, str]:
    return {scenario.id: scenario.file for scenario in run.scenarios}


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
    return Baseline(cases=cases, files={**old.files, **_files(run)})


def _is_same(previous: Accepted, new: Accepted) -> bool:
    return previous.status is new.status and is_same(previous.seen, new.seen)


def without_cases(old: Baseline, ids: Iterable[str]) -> Baseline:
    """Return the baseline without these cases."""
    removed = set(ids)
    cases = {id: case for id, case in old.cases.items() if id not in removed}
    return replace(old, cases=cases)


def absent_cases(
    baseline: Baseline,
    records: Sequence[CaseRecord],
    scenarios: Iterable[ScenarioFile],
    selection: Selection,
) -> tuple[str, ...]:
    """Return the ids of accepted cases that a complete run no longer has, sorted.

    A case that was compared with another version of it is not absent. The others are if their
    scenario was in the run, or if the run would have found it in its file.
    """
    if not baseline.cases:
        return ()
    compared = {
        previous.id
        for record in records
        if (
            previous := baseline.previous(record.id, record.formerly, version=record.client_version)
        )
    }
    present = {id for record in records for id in (record.id, *record.formerly)}
    loaded = {_scenario_of(id) for id in present} | {scenario.id for scenario in scenarios}
    return tuple(
        sorted(
            id
            for id in baseline.cases.keys() - present - compared
            if _target_of(id) in selection.targets
            if _scenario_of(id) in loaded
            or _would_be_found(baseline.files.get(_scenario_of(id)), selection)
        )
    )


def _target_of(case_id: str) -> Target:
    return Target.LIVE if case_id.endswith(f"/{Target.LIVE}") else Target.EMULATOR


def _scenario_of(case_id: str) -> str:
    return case_id.partition("/")[0]


def _would_be_found(file: str | None, selection: Selection) -> bool:
    """Return whether a run looked where the scenario was; if unknown, a run without arguments."""
    if file is None or not selection.locations:
        return not selection.scenarios
    return covers(selection.locations, file)


def dump_baseline(baseline: Baseline) -> str:
    """Return the text of the file: one line per case, sorted, so that diffs show changed cases."""
    scenarios = {_scenario_of(id) for id in baseline.cases}
    files = (
        for_json(json.dumps({"id": id, "file": file}, ensure_ascii=False))
        for id, file in sorted(baseline.files.items())
        if id in scenarios
    )
    cases = (_case_line(case) for _, case in sorted(baseline.cases.items()))
    head = f'"schema_version": {SCHEMA_VERSION},\n"identity": {ID_SCHEME}'
    lists = (f'"{name}": [\n{_lines(x)}]' for name, x in (("scenarios", files), ("cases", cases)))
    return "{\n" + ",\n".join((head, *lists)) + "\n}\n"


def _lines(items: Iterable[str]) -> str:
    text = ",\n".join(items)
    return f"{text}\n" if text else ""


def _case_line(case: Accepted) -> str:
    values = to_jsonable_python(case)
    values["seen"] = _without_none(values["seen"])
    return for_json(json.dumps(_without_none(values), ensure_ascii=False))


def _without_none(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    """Cases and scenarios of a baseline file."""

    cases: tuple[Accepted, ...]
    scenarios: tuple[ScenarioFile, ...] = ()


@functools.cache
def _reader() -> TypeAdapter[_Content]:
    return TypeAdapter(_Content)


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
        read = _reader().validate_python(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise json_file.mismatch(path, first, "a baseline", _RESTORE_REMEDY) from None
    try:
        by_id = {case.id: case for case in map(_migration(id_scheme), read.cases)}
    except ValueError as error:
        reason = one_line(str(error))
        raise RecordError(f"{path}: not a baseline: {reason}; {_RESTORE_REMEDY}") from None
    if len(by_id) < len(read.cases):  # as a merge may leave them
        raise RecordError(
            f"{path}: not a baseline: two cases have the same id; keep one of them, or "
            f"{_RESTORE_REMEDY}"
        )
    return Baseline(cases=by_id, files={each.id: each.file for each in read.scenarios})


_RESTORE_REMEDY: Final = "restore it from git, or make a new one with `authprobe accept`"


def _check_versions(path: Path, content: Mapping[str, object]) -> int:
    """Return the id scheme of a baseline file.

    Raises:
        RecordError: its schema version or id scheme is not supported.
    """
    version, id_scheme = content.get("schema_version"), content["identity"]
    is_supported = version in READABLE_VERSIONS and id_scheme in (*_MIGRATIONS, ID_SCHEME)
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

    Raises:
        ValueError: it is no id of that scheme.
    """
    if "/" not in case_id:
        raise ValueError(f"'{case_id}' is no id of a case")
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
