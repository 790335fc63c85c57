"""Environment of a client: the variables of the scenario, below those that isolate it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from authprobe.clients.credentials import FEDERATION_VARIABLES
from authprobe.core.claude_api import HOSTS
from authprobe.core.client_kinds import Via
from authprobe.core.client_variables import (
    CLIENT_VARIABLES,
    HOME_PLACEHOLDER,
    ValueKind,
    url_host,
)
from authprobe.core.host_names import is_reserved
from authprobe.core.isolation import Isolation
from authprobe.emulator.case_backend import CaseBackend
from authprobe.errors import ClientError
from authprobe.plan.case import Case

_HEADERS: Final = Via.CUSTOM_HEADERS_VARIABLE


def scenario_variables(
    variables: Mapping[str, str], *, home: Path, isolation: Isolation, backend: CaseBackend
) -> dict[str, str]:
    """Return the variables that a scenario sets, with the path of the private home in them.

    Without a network of its own, a client gets no address that anyone could own: if it did not use
    the proxy, it would send its credential there.

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
        if variable.is_address:
            _check_address(name, value, backend, isolation)
        if variable.value is ValueKind.HOME_PATH:
            value = value.replace(HOME_PLACEHOLDER, str(home), 1)
        values[name] = value
    return values


def _check_address(name: str, value: str, backend: CaseBackend, isolation: Isolation) -> None:
    host = url_host(value) or ""
    if host not in HOSTS and host not in backend.setup.hosts:
        raise ClientError(f"{name}: the host '{host}' is not one of the case's")
    if isolation is Isolation.NONE and host not in HOSTS and not is_reserved(host):
        need = "a network of its own; without one, only names under .example, .test and .invalid"
        raise ClientError(_refusal(name, f"ask {host}", need))


def recorded_headers(case: Case) -> frozenset[str]:
    """Return the names of headers that the case is about: those that it adds, or expects."""
    names = [credential.header for credential in case.credentials]
    for variables in (case.environment, case.settings_env):
        lines = variables.get(_HEADERS, "").split("\n")
        names += [line.partition(":")[0].strip() for line in lines]
    for request in (*case.expectation.requests, *case.expectation.no_requests):
        names += request.headers
    return frozenset(name for name in names if name)


def _refusal(name: str, act: str, need: str) -> str:
    return f"{name} lets the client {act}, so it needs {need}, which clients lack in this run"


def merge_headers(variables: Mapping[str, str], credentials: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of both: the headers of both, the ids that a scenario states for
    federation, and of the others those of `credentials`.
    """
    ids = {name: variables[name] for name in FEDERATION_VARIABLES if name in variables}
    merged = {**variables, **credentials, **ids}
    if lines := [each[_HEADERS] for each in (variables, credentials) if each.get(_HEADERS)]:
        merged[_HEADERS] = "\n".join(lines)
    return merged
