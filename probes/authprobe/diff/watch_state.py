"""State of `authprobe watch`: the versions of each client that it has dealt with."""

import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, AwareDatetime, ConfigDict, TypeAdapter, ValidationError

from authprobe.core.safe_files import read_bounded
from authprobe.core.serialization import to_json
from authprobe.core.version_ranges import EXACT
from authprobe.documents.constraints import STRICT
from authprobe.errors import RecordError

STATE_FILE: Final = "watch.json"
LIMIT_BYTES: Final = 4_000_000
"""Size of a state that is read and written: some ten thousand versions of some clients."""
MAX_VERSION_LENGTH: Final = 200


def can_record(version: str) -> bool:
    """Return True for a version that a state can contain."""
    return len(version) <= MAX_VERSION_LENGTH and EXACT.fullmatch(version) is not None


def _recordable(version: str) -> str:
    if not can_record(version):
        raise ValueError("not a version")
    return version


_Version = Annotated[str, AfterValidator(_recordable)]


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedClient:
    """State of one client."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    checked_at: AwareDatetime
    """Time at which the registry was asked."""
    known: tuple[_Version, ...]
    """Versions that need no comparison any more."""
    withdrawn: tuple[_Version, ...] = ()
    """Those of them that were not published at the last check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchState:
    """State of all clients that were ever watched with this file."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    clients: dict[str, WatchedClient] = field(default_factory=dict)
    schema_version: Literal[1] = 1

    def with_client(self, name: str, client: WatchedClient) -> "WatchState":
        """Return this state with another one of a client."""
        return WatchState(clients={**self.clients, name: client})

    def dump(self) -> str:
        """Return the content of the file."""
        return to_json(self, indent=1).decode() + "\n"


@functools.cache
def _reader() -> TypeAdapter[WatchState]:
    return TypeAdapter(WatchState)


def read_state(path: Path) -> WatchState:
    """Return the state in a file, or an empty one if there is no file.

    Raises:
        RecordError: the file cannot be read, or is not a state.
    """
    try:
        return _reader().validate_json(read_bounded(path, LIMIT_BYTES))
    except (FileNotFoundError, NotADirectoryError):
        return WatchState()
    except OSError as error:
        reason = error.strerror or str(error)
    except ValidationError:
        reason = "not a state of `authprobe watch` that this version reads"
    raise RecordError(
        f"{path}: {reason}; move it away, and the next check is a first one, "
        "or choose another directory with --out"
    )
