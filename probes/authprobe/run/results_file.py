"""Reading and writing of `results.json`, and its JSON Schema."""

import functools
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from authprobe.core.escaping import for_json
from authprobe.errors import RecordError
from authprobe.run.model import CaseRecord, Run


@functools.cache
def _reader() -> TypeAdapter[Run]:
    # Created on first use: most runs read no file, and creating it takes longer than writing one.
    return TypeAdapter(Run)


def dump_schema() -> str:
    """Return the JSON Schema (2020-12) of `results.json`, as text."""
    schema = _reader().json_schema(mode="serialization")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return to_json(head | schema | {"title": "authprobe results"}, indent=2).decode() + "\n"


def dump_run(run: Run) -> str:
    """Return a run as the text of `results.json`."""
    return for_json(to_json(run, indent=1).decode()) + "\n"


def dump_record(record: CaseRecord) -> str:
    """Return a case as one line of JSON."""
    return for_json(to_json(record).decode()) + "\n"


def read_run(path: Path) -> Run:
    """Return the run in a results file.

    Raises:
        RecordError: the file cannot be read, or is not a run of this schema version.
    """
    try:
        return _reader().validate_json(path.read_bytes())
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror or error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise RecordError(
            f"{path}: not a results file of authprobe: {where}: {first['msg']}; "
            "write a new one with `authprobe run`"
        ) from None
