"""Clients that are asked live: their hosts, their credentials and the way out.

A client is started only after its case was checked once more: the scenario was checked for the
same, but this holds for cases made by other code.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

from authprobe.clients.base import Laboratory
from authprobe.core.claude_api import API
from authprobe.core.client_kinds import VARIABLES, ClientKind, Via
from authprobe.core.client_variables import CLIENT_VARIABLES, ValueKind
from authprobe.core.directions import DIRECT, Directions
from authprobe.core.host_names import is_loopback
from authprobe.core.temporary_folder import temporary_folder
from authprobe.emulator.state.clock import Clock
from authprobe.emulator.state.tokens import TokenStore
from authprobe.errors import ClientError
from authprobe.live.gate import HTTPS_PORT, ProxyFor
from authprobe.live.guards import value_problem
from authprobe.live.laboratory import LiveLaboratory, live_of
from authprobe.live.requests import value_of
from authprobe.observation.model import Observation, Outcome
from authprobe.plan.case import Case
from authprobe.scenario.live import (
    BASE_URL,
    COSTLY_VARIABLES,
    STORED,
    SUBSCRIPTION_TOKENS,
    is_anthropic,
)
from authprobe.scenario.model import Credential
from authprobe.service.answer import NotAsked
from authprobe.settings import claude_config_folder

NO_VERDICT: Final = {
    Outcome.THROTTLED: NotAsked.THROTTLED,
    Outcome.OVERLOADED: NotAsked.SERVER,
    Outcome.SERVER_ERROR: NotAsked.SERVER,
    Outcome.UNREACHABLE: NotAsked.CONNECTION,
}
"""Outcomes that say nothing about a credential, and the reasons that authprobe gives for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The way of a live case to the service, and to what the user has."""

    value_of: Callable[[Credential], str]
    """Returns the value of a credential of the case."""
    config_folder: Path
    """Folder of the user's own Claude Code."""
    allow_renewal: bool = False
    directions: Directions = DIRECT
    proxy_for: ProxyFor = lambda host: None
    take: Callable[[], None] = lambda: None
    """Takes the requests of the client from the budget, or raises ClientError."""
    authority: Path | None = None
    """PEM file of a further certificate authority that the client must trust."""


class AskClient(Protocol):
    """Asks the question of a case by one kind of client."""

    def __call__(self, laboratory: Laboratory, case: Case, access: Access) -> Observation:
        """Return the observation."""


def ask_client(laboratory: Laboratory, case: Case, ask: AskClient, *, requests: int) -> Observation:
    """Ask the question of a live case, and return its observation.

    `requests` is the most that the client sends.

    Raises:
        ClientError: nothing was asked, and why.
    """
    live = live_of(laboratory)
    host, _ = target(case.environment.get(BASE_URL))
    for credential in case.credentials:
        if (problem := value_problem(case, credential, live.secrets)) is not None:
            raise ClientError(f"not asked: {problem}")
    if live.asker.has_ended(host):
        raise ClientError(f"not asked: {host} throttled an earlier request")
    tokens = TokenStore(laboratory.redactor, Clock())
    with temporary_folder("authorities-", laboratory.scratch) as folder:
        access = Access(
            value_of=lambda credential: value_of(live, credential, tokens),
            config_folder=claude_config_folder(),
            allow_renewal=live.allow_renewal,
            directions=live.directions,
            proxy_for=live.proxies.url,
            authority=_authority_file(live, folder),
            take=lambda: live.take(requests),
        )
        observation = ask(laboratory, case, access)
    if observation.outcome is Outcome.THROTTLED:
        live.asker.end(host)
    return _judged_as_own_request(observation)


def _judged_as_own_request(observation: Observation) -> Observation:
    """Return an observation that is no verdict if it tells nothing about the credential.

    The same answers end a request of authprobe's own without a verdict.
    """
    reason = NO_VERDICT.get(observation.outcome)
    if reason is None:
        return observation
    status = f" (status {observation.status})" if observation.status else ""
    detail = f"could not be asked: {reason}{status}"
    if observation.detail:
        detail += f"; {observation.detail}"
    return dataclasses.replace(observation, outcome=Outcome.UNAVAILABLE, detail=detail)


def _authority_file(live: LiveLaboratory, folder: Path) -> Path | None:
    """Write the further authorities that the user trusts; None: there are none."""
    texts = list(live.authorities)
    if live.directions.authority is not None:
        texts.append(live.directions.authority.read_text())
    if not texts:
        return None
    path = folder / "authorities.pem"
    path.write_text("\n".join(texts))
    return path


def target(base_url: str | None) -> tuple[str, tuple[str, int] | None]:
    """Return the host that is asked, and the address of its door if it is on this machine.

    Raises:
        ClientError: the gate lets no client there.
    """
    if base_url is None:
        return API, None
    try:
        parts = urlsplit(base_url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise ClientError(f"{BASE_URL} is not an address") from None
    if is_loopback(host):
        return host, (host, port or (HTTPS_PORT if parts.scheme == "https" else 80))
    if parts.scheme != "https" or port not in (None, HTTPS_PORT):
        raise ClientError(f"{BASE_URL}: the gate lets only https on port {HTTPS_PORT} through")
    return host, None


def check_hosts(case: Case, host: str) -> None:
    """Check that the host may be asked, with these credentials.

    Raises:
        ClientError: it must not.
    """
    if case.live is None or host not in case.live.hosts:
        raise ClientError(f"the host {host} is not among the hosts of 'live'")
    for credential in case.credentials:
        if credential.hosts is not None and host not in credential.hosts:
            raise ClientError(f"the credential is not for {host}")
        if credential.token not in SUBSCRIPTION_TOKENS:
            continue
        if case.client.kind != ClientKind.CLAUDE_CODE:
            raise ClientError("a token of a subscription is sent by the unmodified claude only")
        if not is_anthropic(host):
            raise ClientError(f"a token of a subscription is not sent to {host}")


def credential_variables(case: Case, access: Access) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """Return the variables of the credentials, and their secret values.

    Raises:
        ClientError: a credential would be handed over in another way.
    """
    variables: dict[str, str] = {}
    secrets = []
    for credential in case.credentials:
        if credential.source == STORED:
            continue
        if credential.via not in VARIABLES:
            raise ClientError("a secret of the user is handed over by a variable only")
        value = access.value_of(credential)
        secrets.append(value)
        text = value
        if credential.via is Via.CUSTOM_HEADERS_VARIABLE:
            header = credential.header
            text = f"{header}: {value}" if header else f"Authorization: Bearer {value}"
            text = "\n".join(filter(None, (variables.get(credential.via), text)))
        variables[credential.via] = text
    return variables, tuple(secrets)


def scenario_variables(case: Case) -> Mapping[str, str]:
    """Return the further variables of the scenario.

    Raises:
        ClientError: one of them exists on the emulator only.
    """
    for name in case.environment:
        variable = CLIENT_VARIABLES.get(name)
        if variable is None or variable.value is ValueKind.HOME_PATH or variable.reaches_out:
            raise ClientError(f"the variable {name} exists on the emulator only")
        if variable.is_address and name != BASE_URL:
            raise ClientError(f"the variable {name} is for another service than the Claude API")
        if name in COSTLY_VARIABLES:
            raise ClientError(f"the variable {name} could make the question dearer, or repeat it")
    if case.settings_env:
        raise ClientError("a settings file exists on the emulator only")
    return case.environment
