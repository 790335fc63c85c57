"""Probe of a live case: by a request of authprobe's own, or by an unmodified client."""

from authprobe.clients.base import Laboratory
from authprobe.core.client_kinds import API_SDKS
from authprobe.errors import ClientError
from authprobe.live import api_sdk, claude, requests
from authprobe.live.laboratory import live_of
from authprobe.live.plan import missing_variables
from authprobe.live.visible import unseen_expectation
from authprobe.observation.model import Observation
from authprobe.plan.case import Case


def probe(laboratory: Laboratory, case: Case) -> Observation:
    """Ask the real service what a case says, and return what could be seen.

    Raises:
        ClientError: nothing was asked, and why.
    """
    live = live_of(laboratory)
    if (reason := unseen_expectation(case)) is not None:
        raise ClientError(f"untestable here: {reason}")
    for name in missing_variables(case, live.secrets):
        raise ClientError(f"not asked: the variable {name} is not set, or empty")
    if case.client.is_authprobe:
        return requests.probe(laboratory, case)
    if case.client.kind in API_SDKS:
        return api_sdk.probe(laboratory, case)
    return claude.probe(laboratory, case)
