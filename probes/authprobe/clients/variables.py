"""Environment of a client: the variables of the scenario, below those that isolate it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from authprobe.core.client_kinds import Via
from authprobe.core.client_variables import CLIENT_VARIABLES, HOME_PLACEHOLDER, ValueKind
from authprobe.core.isolation import Isolation
from authprobe.errors import ClientError

_HEADERS: Final = Via.CUSTOM_HEADERS_VARIABLE


def scenario_variables(
    variables: Mapping[str, str], *, home: Path, isolation: Isolation
) -> dict[str, str]:
    """Return the variables that a scenario sets, with the path of the private home in them.

    Raises:
        ClientError: a variable is not in the table, or it needs a stronger isolation.
    """
    values = {}
    for name, value in variables.items():
        variable = CLIENT_VARIABLES.get(name)
        if variable is None:  # the loader refuses it; this holds for cases made by other code
            raise ClientError(f"the variable {name} cannot be set by a scenario")
        if variable.reaches_out and isolation is Isolation.NONE:
            raise ClientError(_refusal(name, "ask other addresses", "a network of its own"))
        if variable.value is ValueKind.HOME_PATH and isolation is not Isolation.SEALED:
            raise ClientError(_refusal(name, "write to this path", "a file system of its own"))
        if variable.value is ValueKind.HOME_PATH:
            value = value.replace(HOME_PLACEHOLDER, str(home), 1)
        values[name] = value
    return values


def _refusal(name: str, act: str, need: str) -> str:
    return f"{name} lets the client {act}, so it needs {need}, which clients lack in this run"


def merge_headers(variables: Mapping[str, str], credentials: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of both; the headers of both are sent, the others of `credentials`."""
    merged = {**variables, **credentials}
    if lines := [each[_HEADERS] for each in (variables, credentials) if each.get(_HEADERS)]:
        merged[_HEADERS] = "\n".join(lines)
    return merged
