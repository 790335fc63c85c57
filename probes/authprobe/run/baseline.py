"""The baseline: what a team has accepted of each case, as a file whose changes read well in git."""

import datetime
import functools
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_jsonable_python

from authprobe.errors import RecordError
from authprobe.observation.fingerprint import fingerprint
from authprobe.plan.expand import canonical
from authprobe.run.model import CaseRecord, Run
from authprobe.run.results_file import read_run
from authprobe.verdict.accepted import Accepted

SCHEMA_VERSION: Final = 1
IDENTITY: Final = 2
"""How cases are named: `scenario/client/endpoint/credential`, and what is not the default.

An axis that comes later adds to the names of its other values only, and changes none of these.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """All accepted cases, by id."""

    cases: Mapping[str, Accepted]

    def of(self, case_id: str, formerly: Iterable[str] = ()) -> Accepted | None:
        """A case under its id, or one that it had before; None: it was never accepted."""
        return next((self.cases[x] for x in (case_id, *formerly) if x in self.cases), None)


EMPTY: Final = Baseline(cases={})


def accepted_of(
    record: CaseRecord, *, on: datetime.date, tool: str, note: str | None = None
) -> Accepted:
    """What is kept of a case of a run."""
    return Accepted(
        id=record.id,
        status=record.verdict.status,
        seen=fingerprint(record.observation),
        client_version=record.client_version,
        accepted_at=on,
        tool=tool,
        note=note,
    )


def baseline_of(run: Run) -> Baseline:
    """A whole run as a baseline."""
    day, tool = run.started_at.date(), run.tool.version
    return Baseline(cases={r.id: accepted_of(r, on=day, tool=tool) for r in run.cases})


def updated_baseline(
    old: Baseline, run: Run, chosen: Iterable[CaseRecord], note: str | None
) -> Baseline:
    """The baseline with these cases of the run; a case that has not changed keeps its line."""
    cases = dict(old.cases)
    for record in chosen:
        new = accepted_of(record, on=run.started_at.date(), tool=run.tool.version, note=note)
        before = old.of(record.id, record.formerly)
        for name in record.formerly:
            cases.pop(name, None)
        same = before is not None and (before.status, before.seen) == (new.status, new.seen)
        if before is not None and same and note is None:
            new = replace(before, id=new.id)
        cases[new.id] = new
    return Baseline(cases=cases)


def without(old: Baseline, ids: Iterable[str]) -> Baseline:
    """The baseline less these cases."""
    gone = set(ids)
    return Baseline(cases={id: case for id, case in old.cases.items() if id not in gone})


def absent(baseline: Baseline, records: Iterable[CaseRecord]) -> tuple[str, ...]:
    """The accepted cases that a whole run has not, under this name or a later one; sorted."""
    present = {name for record in records for name in (record.id, *record.formerly)}
    return tuple(sorted(baseline.cases.keys() - present))


def dump_baseline(baseline: Baseline) -> str:
    """The text of the file: a line for each case, sorted, so that a change is a changed line."""
    lines = (_line(case) for _, case in sorted(baseline.cases.items()))
    head = f'{{\n"schema_version": {SCHEMA_VERSION},\n"identity": {IDENTITY},\n"cases": [\n'
    return head + ",\n".join(lines) + "\n]\n}\n"


def _line(case: Accepted) -> str:
    values = to_jsonable_python(case)
    values["seen"] = _stated(values["seen"])
    return json.dumps(_stated(values), ensure_ascii=False)


def _stated(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


@functools.cache
def _reader() -> TypeAdapter[tuple[Accepted, ...]]:
    return TypeAdapter(tuple[Accepted, ...])


def read_baseline(path: Path) -> Baseline:
    """The baseline in a file; a `results.json` is one as well.

    Raises:
        RecordError: the file cannot be read, or is neither.
    """
    try:
        content = from_json(path.read_bytes())
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:
        remedy = "take it from git again, or make a new one with `authprobe accept`"
        raise RecordError(f"{path}: not JSON: {error}; {remedy}") from None
    if not isinstance(content, dict) or "identity" not in content:
        return baseline_of(read_run(path))
    identity = _checked(path, content)
    try:
        cases = _reader().validate_python(content.get("cases"))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in ("cases", *first["loc"]))
        raise RecordError(
            f"{path}: not a baseline: {where}: {first['msg']}; take it from git again, "
            "or make a new one with `authprobe accept`"
        ) from None
    return Baseline(cases={case.id: case for case in map(_migrated_from(identity), cases)})


def _checked(path: Path, content: Mapping[str, object]) -> int:
    version, identity = content.get("schema_version"), content["identity"]
    known = version == SCHEMA_VERSION and identity in (*_MIGRATIONS, IDENTITY)
    if not known or not isinstance(identity, int):
        raise RecordError(
            f"{path}: a baseline of schema version {version} and identity {identity}, which this "
            "authprobe does not know; use the version that wrote it, or a later one"
        )
    return identity


def _canonical_client(case_id: str) -> str:
    """Identity 1 named a client as its scenario did: `claude-code` is `claude-code@latest` now."""
    scenario, client, *rest = case_id.split("/")
    return "/".join((scenario, canonical(client), *rest))


_MIGRATIONS: Final[dict[int, Callable[[str], str]]] = {1: _canonical_client}
"""How an id of each former identity is spelled in the next one."""


def _migrated_from(identity: int) -> Callable[[Accepted], Accepted]:
    def migrated(case: Accepted) -> Accepted:
        name = case.id
        for step in range(identity, IDENTITY):
            name = _MIGRATIONS[step](name)
        return replace(case, id=name)

    return migrated
