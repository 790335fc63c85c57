"""A case that was probed becomes an observation: what the client said, and what the backend saw."""

import re
import time
from dataclasses import dataclass
from typing import Final

from authprobe.clients.base import Sandbox
from authprobe.core.claude_api import MESSAGES_PATH
from authprobe.emulator.rules.routes import API
from authprobe.errors import ClientError
from authprobe.observation.model import Exchange, Observation, Outcome, status_outcome

MESSAGE_LIMIT: Final = 2000
DETAIL_LIMIT: Final = 500
ERROR_LINE: Final = re.compile(
    r"(?:[A-Za-z.]*(?:Error|Exception)|panic|fatal)\b.*\S", re.IGNORECASE
)
PRODUCT_VERSION: Final = re.compile(r"[/ ](?=[0-9])")
"""What stands before the version: `claude-cli/2.1.31`, `Anthropic/Python 2.12.0`."""
REQUEST_ID: Final = re.compile(r"\breq_\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a client told its user."""

    is_error: bool
    message: str | None
    status: int | None = None


def last_inference(exchanges: tuple[Exchange, ...]) -> Exchange | None:
    """The last request for a model's answer."""
    asked = [exchange for exchange in exchanges if exchange.path == MESSAGES_PATH]
    return asked[-1] if asked else None


def observe(
    sandbox: Sandbox, told: Report, *, began: float, exit_code: int | None, version: str | None
) -> Observation:
    """The observation of a client that ended by itself and told its user something."""
    exchanges = sandbox.exchanges
    last = last_inference(exchanges)
    status = told.status or (last.status if last else None)
    lost = [exchange for exchange in exchanges if exchange.host == API]
    detail = None
    if not told.is_error:
        outcome = Outcome.ACCEPTED
    elif last is None and any(exchange.method == "CONNECT" for exchange in lost):
        outcome, detail = Outcome.UNREACHABLE, "the client could not connect"
    elif last is None:
        outcome, detail = Outcome.REJECTED, "refused by the client itself: it asked no model"
    elif status is None or status < 400:
        outcome, detail = Outcome.UNREACHABLE, "the client gave up without a refusal"
    else:
        outcome = status_outcome(status)
    refused = told.is_error and last is not None
    return Observation(
        outcome=outcome,
        status=status,
        reported_status=told.status,
        error_type=last.error_type if refused and last else None,
        message=sandbox.redactor.cut(told.message, MESSAGE_LIMIT) if told.message else None,
        exit_code=exit_code,
        elapsed=round(time.monotonic() - began, 3),
        detail=detail,
        exchanges=exchanges,
        egress_refused=sandbox.backend.egress_refused,
        client_version=version,
    )


def incomplete_observation(
    sandbox: Sandbox,
    outcome: Outcome,
    detail: str,
    *,
    began: float,
    exit_code: int | None = None,
    version: str | None = None,
) -> Observation:
    """The observation of a client that told its user nothing that can be read."""
    last = last_inference(sandbox.exchanges)
    return Observation(
        outcome=outcome,
        status=last.status if last else None,
        error_type=last.error_type if last else None,
        exit_code=exit_code,
        elapsed=round(time.monotonic() - began, 3),
        detail=sandbox.redactor.cut(detail, DETAIL_LIMIT),
        exchanges=sandbox.exchanges,
        egress_refused=sandbox.backend.egress_refused,
        client_version=version,
    )


def last_words(printed: str) -> str:
    """The line of a program's output that says most about its end: the error, or the last one."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    errors = [line for line in lines if ERROR_LINE.match(line)]
    return (errors or lines or ["it said nothing"])[-1]


def without_request_id(text: str) -> str:
    """The same text on every run: the id is another one each time."""
    return REQUEST_ID.sub("[request-id]", text)


def verified_version(
    exchanges: tuple[Exchange, ...], products: tuple[str, ...], installed: str
) -> str:
    """The version that the backend saw, or what the installed program says if it made no request.

    Raises:
        ClientError: something else ran than what was installed.
    """
    named = [
        PRODUCT_VERSION.split(product, maxsplit=1)
        for exchange in exchanges
        for product in exchange.products
    ]
    seen = {version for name, version in named if name in products}
    if wrong := seen - {installed}:
        raise ClientError(f"asked for {installed}, but {', '.join(sorted(wrong))} ran")
    return installed
