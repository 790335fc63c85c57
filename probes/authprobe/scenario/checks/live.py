"""Checks of what a scenario asks the real service: each of the user's secrets has its hosts, none
stands in a file, and nothing is asked that the scenario does not say.
"""

import datetime
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from authprobe.core.claude_api import ORGANIZATION_HEADER, WORKSPACE_HEADER
from authprobe.core.client_kinds import Via
from authprobe.core.client_variables import CLIENT_VARIABLES
from authprobe.core.host_names import host_name_problem, is_loopback
from authprobe.documents.source import KEY, KeyPath, PathProblem, choices, quote
from authprobe.emulator.config import TokenKind, TokenState
from authprobe.scenario.checks.combinations import Cases
from authprobe.scenario.live import (
    MAX_DAYS,
    SOURCE,
    STORED,
    SUBSCRIPTION_TOKENS,
    Ask,
    Live,
    is_anthropic,
)
from authprobe.scenario.live_cases import credential_hosts
from authprobe.scenario.matrix import Names
from authprobe.scenario.model import Credential, Request, Scenario, credentials_of, values_in

_REFUSED_TOKENS: Final = {
    TokenKind.REFRESH_TOKEN: "the real service would exchange it for another; only a made-up one "
    "is sent, with 'state: unknown'",
    TokenKind.IDENTITY_TOKEN: "it is exchanged for another on the emulator only",
    TokenKind.WORKLOAD_TOKEN: "it is issued on the emulator only",
}
"""Kinds of which none of the user's own is sent, and why."""
_FILE_VIAS: Final = (Via.CREDENTIALS_FILE, Via.API_KEY_HELPER, Via.SETTINGS_ENV)
_ID_HEADERS: Final = frozenset({WORKSPACE_HEADER, ORGANIZATION_HEADER})
_ID_VARIABLES: Final = ("ANTHROPIC_ORGANIZATION_ID", "ANTHROPIC_WORKSPACE_ID")
NO_QUOTE: Final = "write env:NAME with the name of a variable, or stored; a scenario never contains"
"""The value is not quoted: it may be the secret itself."""


def check_live(
    scenario: Scenario, own: Scenario, *, today: datetime.date, asks_live: bool
) -> Iterator[PathProblem]:
    """Yield what is wrong with `live` and with the credentials of the user's own.

    `own` is the scenario without what it takes from files of definitions. That the last day has
    passed matters only where the real service is asked.
    """
    live = scenario.live
    if live is not None:
        yield from _check_hosts(live)
        yield from _check_expiry(live, today, asks_live=asks_live)
        yield from _check_endpoints(own, live)
        yield from _check_addresses(own, live)
        yield from _check_ids(scenario, own)
    for name in scenario.credentials:
        several = isinstance(scenario.credentials[name], tuple)
        for index, credential in enumerate(credentials_of(scenario, name)):
            path: KeyPath = ("credentials", name, index) if several else ("credentials", name)
            problems = _check_credential(path, credential, live)
            if name in own.credentials:
                yield from problems
            elif live is not None:
                yield from ((("definitions",), f"{quote(name)}: {text}") for _, text in problems)


def _check_hosts(live: Live) -> Iterator[PathProblem]:
    for index, host in enumerate(live.hosts):
        path: KeyPath = ("live", "hosts", index)
        if host in live.hosts[:index]:
            yield path, f"{quote(host)} is already among the hosts"
        elif is_loopback(host):
            continue
        elif (reason := host_name_problem(host)) is not None:
            yield path, f"the host {quote(host)} {reason}"
        elif host != host.lower():
            yield path, f"the host {quote(host)} has capital letters; write it in lower case"


def _check_expiry(live: Live, today: datetime.date, *, asks_live: bool) -> Iterator[PathProblem]:
    latest = today + datetime.timedelta(days=MAX_DAYS)
    if live.expires > latest:
        message = (
            f"{live.expires} is more than a year ahead; a scenario asks until {latest} at most"
        )
        yield ("live", "expires"), message
    if asks_live and live.expires < today:
        message = f"this scenario asks the real service until {live.expires} only"
        yield ("live", "expires"), f"{message}; look at it, then set a later day"


def _check_endpoints(own: Scenario, live: Live) -> Iterator[PathProblem]:
    for name, endpoint in own.endpoints.items():
        path: KeyPath = ("endpoints", name, "url")
        yield from ((path, text) for text in _address_problems(endpoint.url, live))


def _check_addresses(own: Scenario, live: Live) -> Iterator[PathProblem]:
    """Yield the addresses among the variables of clients that a live case cannot have."""
    for name, variables in own.environments.items():
        for variable, value in values_in(variables, "environment").items():
            known = CLIENT_VARIABLES.get(variable)
            if known is not None and known.is_address:
                for text in _address_problems(value, live):
                    yield ("environments", name, variable), text


def _check_ids(scenario: Scenario, own: Scenario) -> Iterator[PathProblem]:
    """Yield the ids of the user's organisation that stand in the file, and so in every report."""
    for name, headers in scenario.headers.items():
        for header, value in headers.items():
            if value is not None and header.lower() in _ID_HEADERS:
                path: KeyPath = ("headers", name, header)
                yield path if name in own.headers else ("definitions",), _id_message(header)
    for name, variables in scenario.environments.items():
        for variable, value in values_in(variables, "environment").items():
            lines = [line.partition(":")[0].strip().lower() for line in value.split("\n")]
            is_header = variable == Via.CUSTOM_HEADERS_VARIABLE and set(lines) & _ID_HEADERS
            if is_header or variable in _ID_VARIABLES:
                path = ("environments", name, variable)
                yield path if name in own.environments else ("definitions",), _id_message(variable)


def _id_message(name: str) -> str:
    return (
        f"{quote(name)} has an id of yours, which would be in every report; write a credential "
        f"'{{token: {TokenKind.WORKSPACE_ID}, from: env:NAME, via: {Via.HEADER}, header: "
        f"{WORKSPACE_HEADER}}}' beside the key"
    )


def _address_problems(url: str, live: Live) -> Iterator[str]:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:  # reported as an address
        return
    if host and host not in live.hosts:
        hint = "name it there, or put these cases into another scenario"
        yield f"the host {quote(host)} is not among the 'hosts' of 'live'; {hint}"
    elif parts.scheme == "http" and not is_loopback(host):
        yield f"the real service is asked over https only; write https://{host}"


def _check_credential(
    path: KeyPath, credential: Credential, live: Live | None
) -> Iterator[PathProblem]:
    source = credential.source
    if source is None:
        if credential.hosts is not None:
            yield (*path, "for"), "'for' is only for a secret of your own, with a 'from'"
        return
    if not SOURCE.fullmatch(source):
        yield (*path, "from"), f"this is no source of a secret; {NO_QUOTE} the secret itself"
        return
    if live is None:
        yield (*path, "from"), "'from' has no effect in a scenario without 'live'"
        return
    if credential.state is not TokenState.VALID:
        message = f"a secret of your own has the state 'valid', not {quote(credential.state)}"
        yield (*path, "state"), message
    if credential.form is not None:
        yield (*path, "form"), "a secret of your own is handed over as it is, without a 'form'"
    if reason := _REFUSED_TOKENS.get(credential.token):
        yield (*path, "token"), f"a {credential.token} cannot come from {quote(source)}: {reason}"
        return
    yield from _check_source(path, credential)
    yield from _check_bound_hosts(path, credential, live)


def _check_source(path: KeyPath, credential: Credential) -> Iterator[PathProblem]:
    is_login, is_stored = credential.token is TokenKind.LOGIN, credential.source == STORED
    if is_login and not is_stored:
        yield (*path, "from"), "a login stays where it is: write 'from: stored'"
    elif is_stored and not is_login:
        yield (*path, "from"), f"only a login is 'stored', not {quote(credential.token)}"
    elif is_stored and credential.folder is not None:
        yield (*path, "folder"), "a stored login is used where it is, without a 'folder'"
    elif credential.token in SUBSCRIPTION_TOKENS and not is_stored:
        if credential.via not in (None, Via.OAUTH_TOKEN_VARIABLE):
            yield (*path, "via"), _only_claude(credential)
    elif credential.via in _FILE_VIAS and not is_stored:
        message = f"a secret of your own is never written to a file, as {quote(credential.via)} is"
        yield (*path, "via"), message


def _only_claude(credential: Credential) -> str:
    return (
        f"{quote(credential.token)} of your own is sent by the unmodified claude only, via "
        f"{quote(Via.OAUTH_TOKEN_VARIABLE)}"
    )


def _check_bound_hosts(path: KeyPath, credential: Credential, live: Live) -> Iterator[PathProblem]:
    if credential.hosts is None and not credential_hosts(credential, live.hosts):
        message = f"write under 'for' which of the hosts it is for: {choices(live.hosts)}"
        yield path, f"{message}; a secret is sent to no other"
    for index, host in enumerate(credential.hosts or ()):
        if host not in live.hosts:
            yield (*path, "for", index), f"{quote(host)} is not among the 'hosts' of 'live'"
        elif credential.token in SUBSCRIPTION_TOKENS and not is_anthropic(host):
            message = f"{quote(credential.token)} is for hosts of Anthropic's only"
            yield (*path, "for", index), f"{message}, not for {quote(host)}"
        elif credential.token is TokenKind.GATEWAY_KEY and is_anthropic(host):
            message = f"{quote(credential.token)} is for a gateway of your own"
            yield (*path, "for", index), f"{message}, not for {quote(host)}"


def check_live_cases(cases: Cases) -> Iterator[PathProblem]:
    """Yield the cases that the real service must not be asked as they are."""
    live = cases.scenario.live
    if live is None:
        return
    for names in cases.all:
        yield from _check_sender(cases, names)
    for names in cases.live:
        endpoint = cases.scenario.endpoints.get(names.endpoint)
        if live.ask is Ask.MESSAGE or (endpoint and endpoint.request is not Request.MESSAGES):
            continue
        hint = "write 'ask: message' under 'live'"
        if endpoint is None:
            message = f"{names.client.kind} sends a message, which costs something; {hint}"
            yield cases.path(names, "client"), message
        elif names.endpoint in cases.own.endpoints:
            message = f"a message costs something; {hint}, or 'request: models' here"
            yield ("endpoints", names.endpoint, KEY), message
        else:
            message = f"{quote(names.endpoint)} is a message, which costs something; {hint}"
            yield cases.path(names, "endpoint"), message


def _check_sender(cases: Cases, names: Names) -> Iterator[PathProblem]:
    """Yield the token of a person's subscription that authprobe itself would send."""
    if not names.client.is_authprobe:
        return
    for credential in credentials_of(cases.scenario, names.credential):
        is_own = credential.source is not None and credential.token in SUBSCRIPTION_TOKENS
        if is_own and credential.via is None:  # another way is reported where it is written
            message = _only_claude(credential)
            yield cases.path(names, "credential"), f"{message}, not by {names.client.kind}"
