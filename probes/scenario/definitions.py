"""What `check` says of single definitions: endpoints, credentials, header sets, expectations."""

import re
import warnings
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from probes.emulator.catalogue import check_fault
from probes.emulator.setup import Backend, TokenKind, TokenState
from probes.errors import SettingsError
from probes.scenario.matrix import rules
from probes.scenario.model import (
    DEFAULT,
    NO_CREDENTIAL,
    Credential,
    Expectation,
    Scenario,
    TextRule,
    Via,
)
from probes.scenario.source import KEY, KeyPath, escape, quote, remedy

Complaint = tuple[KeyPath, str]

_MAX_PATTERN: Final = 1000
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, 5.6.2
_VALUE: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")  # RFC 9110, 5.5, less obs-text and tabs
_OURS: Final = frozenset({"user-agent", "authorization", "x-api-key", "host", "cookie", "x-app"})
_OUR_PREFIXES: Final = ("x-stainless-", "x-claude-")
_ONLY: Final = {
    Via.CREDENTIALS_FILE: (TokenKind.LOGIN,),
    Via.BODY: (TokenKind.REFRESH_TOKEN, TokenKind.IDENTITY_TOKEN),
}
_CREDENTIAL_HEADERS: Final = ("authorization", "x-api-key", "body", "none")


def check_definitions(scenario: Scenario) -> Iterator[Complaint]:
    """What is wrong with a definition, whoever uses it."""
    for name, endpoint in scenario.endpoints.items():
        yield from _check_url(("endpoints", name, "url"), endpoint.url)
    for name, credential in scenario.credentials.items():
        yield from _check_credential(("credentials", name), credential)
    for name, headers in scenario.headers.items():
        yield from _check_headers(("headers", name), headers)
    for name, backend in scenario.backends.items():
        yield from _check_faults(("backends", name, "faults"), backend)
    yield from _check_names(scenario)
    single = isinstance(scenario.expect, Expectation)
    for index, rule in enumerate(rules(scenario)):
        path: KeyPath = ("expect",) if single else ("expect", index, "then")
        yield from _check_expectation(path, rule.then)


def _check_names(scenario: Scenario) -> Iterator[Complaint]:
    if DEFAULT in scenario.endpoints:
        text = "'default' is where a client goes by itself; choose another name"
        yield ("endpoints", DEFAULT, KEY), text
    if NO_CREDENTIAL in scenario.credentials:
        text = "'none' stands for no credential; choose another name"
        yield ("credentials", NO_CREDENTIAL, KEY), text
    for name in sorted(scenario.headers.keys() & scenario.backends.keys() - {DEFAULT}):
        text = f"{quote(name)} names headers as well; case ids would be the same, choose another"
        yield ("backends", name, KEY), text


def _check_url(path: KeyPath, url: str) -> Iterator[Complaint]:
    try:
        parts = urlsplit(url)
        usable = parts.port != 0 and bool(parts.hostname)
    except ValueError:  # the port, or the brackets of an IPv6 address
        usable = False
    if not usable:
        yield path, f"{quote(url)} is not an address; write one as https://api.anthropic.com"


def _check_credential(path: KeyPath, credential: Credential) -> Iterator[Complaint]:
    token, state, via = credential.token, credential.state, credential.via
    for way, kinds in _ONLY.items():
        if token in kinds and via is not way:
            text = f"{_article(token)} is handed over via {quote(way)}, not {quote(via)}"
            yield (*path, "via"), text
        if via is way and token not in kinds:
            only = " or ".join(map(_article, kinds))
            yield (*path, "via"), f"{quote(way)} is for {only}, not for {_article(token)}"
    for special, kind in (
        (TokenState.BLANKED, TokenKind.LOGIN),
        (TokenState.USED, TokenKind.REFRESH_TOKEN),
    ):
        if state is special and token is not kind:
            yield (*path, "state"), f"only a {kind} can be {quote(special)}, not {_article(token)}"


def _article(token: TokenKind) -> str:
    return f"an {token}" if token[0] in "aeiou" else f"a {token}"


def _check_headers(path: KeyPath, headers: dict[str, str | None]) -> Iterator[Complaint]:
    seen: dict[str, str] = {}
    for name, value in headers.items():
        key = name.lower()
        if not _TOKEN.fullmatch(name):
            yield (*path, name, KEY), f"{quote(name)} is not a header name (RFC 9110, 5.6.2)"
        elif key in _OURS or key.startswith(_OUR_PREFIXES):
            yield (
                (*path, name, KEY),
                f"the header {quote(name)} cannot be set: authprobe's requests always identify "
                "themselves as authprobe, and credentials are set under 'credentials'",
            )
        elif key in seen:
            yield (*path, name, KEY), f"{quote(name)} is the same header as {quote(seen[key])}"
        seen.setdefault(key, name)
        if value and not _VALUE.fullmatch(value):
            text = "printable ASCII, without spaces around it"
            yield (*path, name), f"the value {quote(value)} of a header must be {text}"


def _check_faults(path: KeyPath, backend: Backend) -> Iterator[Complaint]:
    for index, fault in enumerate(backend.faults):
        try:
            check_fault(fault)
        except SettingsError as error:
            yield (*path, index), str(error)


def _check_expectation(path: KeyPath, expectation: Expectation) -> Iterator[Complaint]:
    if isinstance(expectation.message, TextRule):
        yield from _check_text_rule((*path, "message"), expectation.message)
    for key in ("requests", "no_requests"):
        for index, request in enumerate(getattr(expectation, key)):
            header = request.credential_header
            if header is not None and header not in _CREDENTIAL_HEADERS:
                text = f"{quote(header)} carries no credential{remedy(header, _CREDENTIAL_HEADERS)}"
                yield (*path, key, index, "credential_header"), text


def _check_text_rule(path: KeyPath, rule: TextRule) -> Iterator[Complaint]:
    if (rule.contains is None) == (rule.matches is None):
        yield path, "'message' must have one of 'contains' and 'matches'"
    if rule.matches is None:
        return
    if len(rule.matches) > _MAX_PATTERN:
        yield (*path, "matches"), f"a regular expression of more than {_MAX_PATTERN:,} characters"
    elif (reason := _regex_fault(rule.matches)) is not None:
        text = f"{quote(rule.matches)} is not a regular expression: {escape(reason)[:100]}"
        yield (*path, "matches"), text


def _regex_fault(pattern: str) -> str | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what Python only warns of would be said at every use
            re.compile(pattern)
    except (re.error, Warning, OverflowError, RecursionError) as error:
        return str(error)
    return None
