"""Checks of the environment variables that a scenario sets for a client."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from authprobe.core.claude_api import HOSTS
from authprobe.core.client_kinds import VARIABLES
from authprobe.core.client_variables import (
    CLIENT_VARIABLES,
    MAX_VALUE_LENGTH,
    READERS,
    READERS_OF_SETTINGS,
    SETTINGS_ENV,
    VALUE_PATTERNS,
    ClientVariable,
    ValueKind,
    url_host,
)
from authprobe.documents.source import KEY, KeyPath, PathProblem, choices, nearest, quote, remedy
from authprobe.redaction.redactor import find_token
from authprobe.scenario.checks.headers import header_lines_problem
from authprobe.scenario.clients import Client
from authprobe.scenario.model import PlacedValue, values_in

MAX_VARIABLES: Final = 100
_NAME_FLAGS: Final = re.VERBOSE | re.IGNORECASE
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")  # POSIX.1-2024, 3.216
_PRINTABLE: Final = re.compile(rf"[ -~]{{0,{MAX_VALUE_LENGTH}}}")
_LINES: Final = re.compile(rf"[ -~\n]{{0,{MAX_VALUE_LENGTH}}}")
# Compiled at their first use: only a variable that is refused needs them.
_PLACE: Final = r"""
    .*(?:HOME|PATH|DIR|DIRS|DIRECTORY|FOLDER|FILE|FD|FILE_DESCRIPTOR|SOCKET|SOCK|PORT|ADDR|PIPE
    |ADDRESS|PROXY|URL|URI|HOST|HOSTS|ENDPOINT|BASE|BUCKET|CERTS?|BUNDLE|STORE|SHELL|PREFIX|WRAPPER
    |HELPER|COMMAND|HOOKS|CLIENT_KEY|OPTIONS|PRELOAD|PLUGINS?|PREFIX|EXEC|CONFIG)
    |USER|ENV|BASH_ENV|IFS|LANG|LC_.*|LANGUAGE|TERM.*|DISABLE_AUTOUPDATER|T(?:E?MP|MPDIR)|BROWSER
    |EDITOR|VISUAL|PAGER|DISPLAY
    |(?:LD|DYLD|NODE|SSL|XDG|BUN|DENO|NPM|PIP|UV|BASH|OPENSSL|GIT|SSH|JAVA|MALLOC|GLIBC)_.*|PYTHON.*"""
"""Names of files, programs and addresses, and of what authprobe sets itself. Every variable outside
of the table is refused; the name only decides which reason is given."""
_CREDENTIAL: Final = r"""
    .*_(?:TOKEN|KEY|SECRET|PASSWORD|PASSPHRASE|CREDENTIALS?|HEADERS)(?:_.*)?|.*_OAUTH_SCOPES
    |.*_(?:RULE|ORGANIZATION|ACCOUNT|WORKSPACE)_ID|.*_PROFILE"""


def check_variables(
    path: KeyPath,
    variables: Mapping[str, str | PlacedValue],
    hosts: Collection[str] | None = None,
) -> Iterator[PathProblem]:
    """Yield the problems of one set of variables, which can name these hosts of one's own, or any
    if there are none.
    """
    if len(variables) > MAX_VARIABLES:
        yield path, f"{len(variables):,} variables are too many; the limit is {MAX_VARIABLES}"
    for name, value in variables.items():
        variable = CLIENT_VARIABLES.get(name)
        if variable is None:
            yield (*path, name, KEY), _refusal(name)
        for value_path, text in _texts((*path, name), value):
            if find_token(text) is not None:
                yield value_path, "this value looks like a token; a scenario never contains one"
            elif variable is None:
                continue
            elif (reason := _value_problem(variable, text, hosts)) is not None:
                yield value_path, reason
        if isinstance(value, PlacedValue) and value == PlacedValue():
            yield (*path, name), f"write a value, or under {quote(SETTINGS_ENV)} that of the file"


def _texts(path: KeyPath, value: str | PlacedValue) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, str):
        yield path, value
        return
    for place, text in (("environment", value.environment), (SETTINGS_ENV, value.settings_env)):
        if text is not None:
            yield (*path, place), text


def _host_problem(name: str, value: str, hosts: Collection[str]) -> str | None:
    """Return why a variable cannot have this address; None: its host is emulated or in `hosts`."""
    host = url_host(value) or ""
    if host in HOSTS or host in hosts:
        return None
    hint = remedy(host, [*hosts, *HOSTS])
    return (
        f"the host {quote(host)} of {quote(name)} is neither emulated nor defined under 'hosts'"
        f"{hint}"
    )


def address_hosts(variables: Mapping[str, str | PlacedValue]) -> Iterator[tuple[str, str]]:
    """Yield the variables whose values are addresses, with the host of each."""
    for name, text in address_values(variables):
        yield name, url_host(text) or ""


def address_values(variables: Mapping[str, str | PlacedValue]) -> Iterator[tuple[str, str]]:
    """Yield the variables whose values are addresses, with each value."""
    for name, value in variables.items():
        variable = CLIENT_VARIABLES.get(name)
        if variable is not None and variable.is_address:
            for _, text in _texts((), value):
                yield name, text


def variables_not_read(client: Client, variables: Mapping[str, str | PlacedValue]) -> Iterator[str]:
    """Yield why a client cannot get a variable of this set; nobody knows what others read."""
    if client.definition and client.kind not in READERS:
        return
    kinds = {client.kind, client.through.kind} if client.through else {client.kind}
    for name, value in variables.items():
        variable = CLIENT_VARIABLES.get(name)
        if variable is None:
            continue
        # The address of a gateway is the one by which the client in front of it gets there.
        own = {client.kind} if variable.is_address else kinds
        if own.isdisjoint(variable.clients):
            readers = choices(map(str, variable.clients))
            yield f"{client.kind} does not read the variable {quote(name)}; it is for {readers}"
        elif values_in({name: value}, SETTINGS_ENV) and kinds.isdisjoint(READERS_OF_SETTINGS):
            readers = choices(map(str, READERS_OF_SETTINGS))
            yield f"{client.kind} has no settings file for {quote(name)}; {readers} have one"


def _refusal(name: str) -> str:
    """Return why the variable cannot be set, and what to do instead."""
    if not _NAME.fullmatch(name):
        return f"{quote(name)} is not the name of a variable"
    if name in VARIABLES or re.fullmatch(_CREDENTIAL, name, _NAME_FLAGS):
        remedy = "hand credentials over under 'credentials', with a 'via'"
        return f"the variable {quote(name)} cannot be set here; {remedy}"
    if re.fullmatch(_PLACE, name, _NAME_FLAGS):
        reason = "it would bypass the client's isolated home or the case's proxy"
        return f"the variable {quote(name)} cannot be set: {reason}"
    first_word = name.upper().partition("_")[0]
    similar = [each for each in CLIENT_VARIABLES if each.startswith(first_word)]
    # Most names begin alike, so only a very similar one is a likely intention.
    suggestion = nearest(name, similar, cutoff=0.85)
    hint = (
        f"; did you mean {quote(suggestion)}?" if suggestion else "; docs/variables.md lists those"
    )
    return (
        f"the variable {quote(name)} cannot be set: it is not among those that are known to be "
        f"harmless{hint}"
    )


def _value_problem(
    variable: ClientVariable, value: str, hosts: Collection[str] | None
) -> str | None:
    name, kind = quote(variable.name), variable.value
    characters = _LINES if kind is ValueKind.HEADERS else _PRINTABLE
    if not characters.fullmatch(value):
        limit = f"printable ASCII of at most {MAX_VALUE_LENGTH:,} characters"
        return f"the value of {name} must be {limit}"
    match kind:
        case ValueKind.HEADERS:
            return header_lines_problem(value)
        case ValueKind.CHOICE:
            fits, form = value in variable.choices, choices(variable.choices)
        case ValueKind.JSON_OBJECT:
            fits, form = _is_json_object(value), kind.value
        case _:
            fits, form = VALUE_PATTERNS[kind].fullmatch(value) is not None, kind.value
    if not fits:
        return f"the value of {name} must be {form}, not {quote(value)}"
    is_checked = variable.is_address and hosts is not None
    return _host_problem(variable.name, value, hosts or ()) if is_checked else None


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
