"""Live cases: those of a scenario that the real service can be asked, and why others cannot."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from authprobe.core.claude_api import API
from authprobe.core.client_kinds import API_SDKS, ClientKind, Flow, Via
from authprobe.core.targets import Target
from authprobe.core.version_ranges import INSTALLED
from authprobe.documents.source import quote
from authprobe.emulator.config import AccountState, TokenKind, TokenState
from authprobe.scenario.checks.variables import address_hosts, address_values
from authprobe.scenario.clients import Client
from authprobe.scenario.credential_vias import with_via
from authprobe.scenario.live import (
    BASE_URL,
    COSTLY_VARIABLES,
    STORED,
    SUBSCRIPTION_TOKENS,
    is_anthropic,
    too_old,
)
from authprobe.scenario.matrix import Names
from authprobe.scenario.model import (
    DEFAULT,
    Credential,
    Endpoint,
    Request,
    Scenario,
    credentials_of,
)

ASKED_CLIENTS: Final = frozenset({ClientKind.RAW_HTTP, ClientKind.CLAUDE_CODE, *API_SDKS})
"""Clients that are asked live. The Agent SDKs start a `claude` of their own, of which nobody has
measured how often it asks."""
LIVE_REQUESTS: Final = (
    Request.MODELS,
    Request.COUNT_TOKENS,
    Request.MESSAGES,
    Request.REFRESH,
)
"""Requests of authprobe's own that the real service is asked."""


def live_names(names: Names) -> Names:
    """Return the names of the same case, asked of the real service."""
    return dataclasses.replace(names, target=Target.LIVE)


def hosts_asked(
    client: Client, endpoint: Endpoint | None, variables: Mapping[str, object]
) -> tuple[str, ...]:
    """Return the hosts to which a live case sends its credentials."""
    if endpoint is not None:
        try:
            return (urlsplit(endpoint.url).hostname or "",)
        except ValueError:  # reported as an address
            return ("",)
    addresses = tuple(host for _, host in address_hosts(variables))  # type: ignore[arg-type]
    return addresses or (API,)


def addresses_asked(
    client: Client, endpoint: Endpoint | None, variables: Mapping[str, object]
) -> tuple[str, ...]:
    """Return the same hosts, each with its port if that is not the usual one of its scheme."""
    hosts = hosts_asked(client, endpoint, variables)
    if endpoint is not None:
        return (_with_port(hosts[0], endpoint.url),)
    urls = tuple(url for _, url in address_values(variables))  # type: ignore[arg-type]
    return tuple(map(_with_port, hosts, urls)) if urls else hosts


def _with_port(host: str, url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # reported as an address
        return host
    if port in (None, 443 if parts.scheme == "https" else 80):
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def credential_hosts(credential: Credential, live_hosts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the hosts that a credential of the user is for; none: the scenario must say so."""
    if credential.hosts is not None:
        return credential.hosts
    if credential.token is TokenKind.GATEWAY_KEY:
        return ()
    anthropic = tuple(filter(is_anthropic, live_hosts))
    return anthropic if len(anthropic) == 1 else ()


def not_for_live(scenario: Scenario, names: Names) -> str | None:
    """Return why a case exists on the emulator only, as a phrase; None: it can be asked live."""
    return next(_reasons(scenario, names), None)


def _reasons(scenario: Scenario, names: Names) -> Iterator[str]:
    if scenario.live is None:
        yield "the scenario has no 'live'"
        return
    client = names.client
    backend = scenario.backends.get(names.backend)
    is_arranged = backend and (backend.faults or backend.standing is not AccountState.ACTIVE)
    if names.backend != DEFAULT or is_arranged:
        yield f"the backend {quote(names.backend)} exists on the emulator only"
    if client.kind not in ASKED_CLIENTS or client.through:
        yield f"{client} is not asked live; {', '.join(sorted(ASKED_CLIENTS))} are"
        return
    if client.kind == ClientKind.CLAUDE_CODE and (reason := too_old(client.version)):
        yield reason
    endpoint = scenario.endpoints.get(names.endpoint)
    if endpoint is not None:
        if endpoint.request not in LIVE_REQUESTS:
            yield f"the request {quote(endpoint.request)} is not sent to the real service"
        if endpoint.stream:
            yield "a stream is not read from the real service"
    elif names.flow != Flow.PROMPT:
        yield f"the flow {quote(names.flow)} exists on the emulator only"
    elif names.credential not in scenario.credentials:
        yield f"{client.kind} without a credential asks nothing"
    variables = scenario.environments.get(names.environment, {})
    for name in COSTLY_VARIABLES & variables.keys() if endpoint is None else ():
        yield f"the variable {name} could make the question dearer, or repeat it"
    for name, _ in address_hosts(variables) if endpoint is None else ():
        if name != BASE_URL:
            yield f"the variable {name} is for another service than the Claude API"
    asked = hosts_asked(client, endpoint, variables)
    for host in asked:
        if host not in scenario.live.hosts:
            yield f"the host {quote(host)} is not among the hosts of 'live'"
    for address in addresses_asked(client, endpoint, variables):
        host, _, port = address.rpartition(":")
        if is_anthropic(host):
            yield f"{host} is asked on port 443 only, not on {port}"
    for credential in credentials_of(scenario, names.credential):
        yield from _credential_reasons(scenario, names, with_via(credential, client), asked)


def _credential_reasons(
    scenario: Scenario, names: Names, credential: Credential, asked: tuple[str, ...]
) -> Iterator[str]:
    name = quote(names.credential)
    if names.client.kind in API_SDKS and credential.token in SUBSCRIPTION_TOKENS:
        yield f"the credential {name} is of a subscription, which only claude-code sends"
    if credential.form is not None:
        yield f"the form of the credential {name} exists on the emulator only"
    if credential.via in (Via.API_KEY_HELPER, Via.SETTINGS_ENV) or (
        credential.via is Via.CREDENTIALS_FILE and credential.source != STORED
    ):
        yield f"the credential {name} would be written to a file"
    if credential.source is None:
        if credential.state is not TokenState.UNKNOWN:
            yield (
                f"the credential {name} is made up, and {credential.state} on the emulator only; "
                "a secret of your own has a 'from'"
            )
        return
    if credential.source == STORED and names.client.version != INSTALLED:
        yield f"the stored login is for claude-code@{INSTALLED} only"
    hosts = credential_hosts(credential, scenario.live.hosts if scenario.live else ())
    for host in asked:
        if host not in hosts:
            yield f"the credential {name} is not for {host}"
