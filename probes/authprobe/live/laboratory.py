"""Live laboratory: what the probes of the real service share, after the user's consent."""

from dataclasses import dataclass, field
from typing import Final

from authprobe.clients.base import Laboratory
from authprobe.core.directions import DIRECT, Directions
from authprobe.errors import ClientError
from authprobe.live.guards import HasValues
from authprobe.live.plan import LivePlan
from authprobe.redaction.redactor import Redactor
from authprobe.scenario.live import MAX_REQUESTS
from authprobe.service.asker import DIRECT_WAY, PAUSE, Asker
from authprobe.service.budget import Budget
from authprobe.service.outbound import OUTBOUND_VARIABLES, Proxies, read_authorities
from authprobe.settings import Settings, current_folder, environment_variables

PAUSE_SECONDS: Final = PAUSE
"""Seconds between two requests to one host."""
MESSAGE_TIMEOUT: Final = 60.0
"""Seconds of one request: a model may take its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """The user's consent to a plan, with the secrets that it needs."""

    plan: LivePlan
    secrets: HasValues = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveLaboratory:
    """Resources of a run that asks the real service, one case at a time."""

    secrets: HasValues = field(repr=False)
    asker: Asker
    """Sender of authprobe's own requests."""
    budget: Budget
    """Requests that the run may still send; one that a client sends is taken from it first."""
    directions: Directions = DIRECT
    allow_renewal: bool = False
    """True: the user's own Claude Code may renew the stored login."""
    hosts: frozenset[str] = frozenset()
    """The hosts of the plan, and no other."""
    proxies: Proxies = DIRECT_WAY
    """The user's own proxies, through which the gate goes on."""
    authorities: tuple[str, ...] = ()
    """PEM texts of the certificate authorities that the user trusts beside the usual ones."""

    def take(self, requests: int) -> None:
        """Take requests of a client from the budget before it is started.

        Raises:
            ClientError: there are not so many left.
        """
        if requests > self.budget.left:
            raise ClientError(f"not asked: the budget of {self.budget.limit} requests is used up")
        for _ in range(requests):
            self.budget.take()


def live_laboratory(consent: Consent, settings: Settings, redactor: Redactor) -> LiveLaboratory:
    """Return the resources for a plan to which the user has agreed.

    `redactor` learns the secrets.
    """
    consent.secrets.learn(redactor)
    variables = environment_variables()
    outbound = {name: variables[name] for name in OUTBOUND_VARIABLES if name in variables}
    budget = Budget(min(consent.plan.requests, MAX_REQUESTS))
    hosts = frozenset(consent.plan.hosts)
    proxies, authorities = Proxies(variables=outbound), _authorities(outbound)
    return LiveLaboratory(
        secrets=consent.secrets,
        asker=Asker(
            hosts=hosts,
            budget=budget,
            directions=settings.directions,
            proxies=proxies,
            authorities=authorities,
            pause=PAUSE_SECONDS,
            timeout=MESSAGE_TIMEOUT,
            redactor=redactor,
        ),
        budget=budget,
        directions=settings.directions,
        allow_renewal=settings.allow_renewal,
        hosts=hosts,
        proxies=proxies,
        authorities=authorities,
    )


def _authorities(variables: dict[str, str]) -> tuple[str, ...]:
    return read_authorities(variables, current_folder())


def live_of(laboratory: Laboratory) -> LiveLaboratory:
    """Return the live part of a laboratory.

    Raises:
        ClientError: the user has not agreed that anything is asked.
    """
    if not isinstance(laboratory.live, LiveLaboratory):
        raise ClientError("not asked: nobody agreed to ask the real service")
    return laboratory.live
