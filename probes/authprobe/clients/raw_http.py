"""The raw-http client: one HTTP request, with authprobe's own User-Agent."""

import contextlib
import functools
import json
import ssl
import time
from typing import Any, Final

import httpx

import authprobe
from authprobe.clients.base import Sandbox
from authprobe.clients.credentials import misshape
from authprobe.clients.observe import MAX_DETAIL_LENGTH, MAX_MESSAGE_LENGTH, incomplete_observation
from authprobe.core.client_kinds import Via
from authprobe.emulator.config import TokenKind
from authprobe.errors import ClientError
from authprobe.observation.model import Observation, Outcome, status_outcome
from authprobe.scenario.model import Endpoint, Request

USER_AGENT: Final = f"authprobe/{authprobe.__version__}"
CLIENT_ID: Final = "authprobe"
"""Made-up OAuth client id: the emulator requires one (rule B05), but not a real client's."""
FEDERATION_FIELDS: Final = {
    "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "federation_rule_id": "fdrl_authprobe",
    "organization_id": "00000000-0000-4000-8000-000000000002",
    "service_account_id": "svac_authprobe",
}
"""Fields of platform.claude.com/docs/en/manage-claude/wif-reference, with made-up ids."""
GET_REQUESTS: Final = (Request.MODELS, Request.PROFILE, Request.USAGE)
MAX_BODY_BYTES: Final = 1024 * 1024
MESSAGES_BODY: Final[dict[str, Any]] = {
    "model": "claude-sonnet-5-5",
    "messages": [{"role": "user", "content": "ping"}],
}

ERROR_OUTCOMES: Final[tuple[tuple[type[httpx.HTTPError], Outcome], ...]] = (
    (httpx.TimeoutException, Outcome.TIMED_OUT),
    (httpx.NetworkError, Outcome.UNREACHABLE),
    (httpx.ProxyError, Outcome.UNREACHABLE),
    (httpx.ProtocolError, Outcome.UNREACHABLE),
    (httpx.HTTPError, Outcome.CRASHED),
)
"""Outcome of each httpx exception, subclasses before their bases."""


def probe(sandbox: Sandbox) -> Observation:
    """Send the case's request and return the observation.

    Raises:
        ClientError: the case has no endpoint, or several credentials.
    """
    endpoint = sandbox.case.endpoint
    if endpoint is None:
        raise ClientError("raw-http needs an endpoint; add one to the case")
    began = time.monotonic()
    try:
        status, body = _send(sandbox, endpoint, deadline=began + sandbox.case.limit)
    except httpx.HTTPError as error:
        timed_out = time.monotonic() - began >= sandbox.case.limit
        outcome = next(outcome for kind, outcome in ERROR_OUTCOMES if isinstance(error, kind))
        return incomplete_observation(
            sandbox,
            Outcome.TIMED_OUT if timed_out else outcome,
            f"no answer within {sandbox.case.limit:g} s" if timed_out else _reason(error),
            began=began,
            version=authprobe.__version__,
        )
    error_type, message = read_error(body) if status >= 400 else (None, None)
    return Observation(
        outcome=status_outcome(status),
        status=status,
        error_type=error_type and sandbox.redactor.cut(error_type, MAX_DETAIL_LENGTH),
        message=sandbox.redactor.cut(message, MAX_MESSAGE_LENGTH) if message else None,
        elapsed=round(time.monotonic() - began, 3),
        exchanges=sandbox.exchanges,
        egress_refused=sandbox.backend.log.egress_refused,
        client_version=authprobe.__version__,
    )


def _send(sandbox: Sandbox, endpoint: Endpoint, *, deadline: float) -> tuple[int, bytes]:
    headers, body = make_request(sandbox, endpoint)
    transport = httpx.HTTPTransport(
        verify=_tls_context(str(sandbox.laboratory.network.ca_file)),
        proxy=httpx.Proxy(sandbox.listener.proxy_url),
        trust_env=False,
    )
    request = httpx.Request(
        "GET" if endpoint.request in GET_REQUESTS else "POST",
        endpoint.url,
        headers=headers,
        content=json.dumps(body) if body is not None else None,
        extensions={"timeout": httpx.Timeout(sandbox.case.limit).as_dict()},
    )
    # The bare transport, as httpx.Client adds cookies, redirects and default headers.
    with transport, contextlib.closing(transport.handle_request(request)) as response:
        response_body = bytearray()
        for chunk in response.iter_bytes():
            response_body += chunk
            if time.monotonic() > deadline:
                raise httpx.ReadTimeout("the response does not end")
            if len(response_body) > MAX_BODY_BYTES:
                break
        return response.status_code, bytes(response_body[:MAX_BODY_BYTES])


def make_request(
    sandbox: Sandbox, endpoint: Endpoint
) -> tuple[dict[str, str], dict[str, object] | None]:
    """Return headers and JSON body of the request, with the credentials."""
    headers: dict[str, str | None] = {}
    body: dict[str, object] | None = None
    match endpoint.request:
        case Request.MESSAGES:
            headers["anthropic-version"] = "2023-06-01"
            body = {**messages_body(endpoint), "max_tokens": 1, "stream": endpoint.stream}
        case Request.COUNT_TOKENS:
            headers["anthropic-version"] = "2023-06-01"
            body = messages_body(endpoint)
        case Request.MODELS:
            headers["anthropic-version"] = "2023-06-01"
        case Request.REFRESH:
            body = {"grant_type": "refresh_token"}
            # The real service is asked without one, as it would be another client's.
            body |= {} if sandbox.case.mirrors_live else {"client_id": CLIENT_ID}
        case Request.FEDERATE:
            body = dict(FEDERATION_FIELDS)
        case Request.PROFILE | Request.USAGE:
            pass
    if body is not None:
        headers["content-type"] = "application/json"
    for credential in sandbox.case.credentials:
        token = sandbox.backend.tokens.make(credential.token, credential.state)
        value = misshape(sandbox.backend, token, credential.form)
        match credential.via:
            case Via.HEADER:
                headers[(credential.header or "").lower()] = value
            case Via.BEARER:
                headers["authorization"] = f"Bearer {value}"
            case Via.X_API_KEY:
                headers["x-api-key"] = value
            case _:
                is_federation = credential.token is TokenKind.IDENTITY_TOKEN
                body = (body or {}) | {"assertion" if is_federation else "refresh_token": value}
    headers |= {name.lower(): value for name, value in sandbox.case.headers.items()}
    headers["user-agent"] = USER_AGENT  # last, so that no scenario can replace it
    return {name: value for name, value in headers.items() if value is not None}, body


def messages_body(endpoint: Endpoint) -> dict[str, object]:
    """Return the body of a question to the endpoint's model."""
    return MESSAGES_BODY | ({"model": endpoint.model} if endpoint.model else {})


def read_error(body: bytes) -> tuple[str | None, str | None]:
    """Return error type and message of an error body: the API's, or that of RFC 6749 (5.2).

    Any other body is the message as a whole.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None, body.decode("utf-8", "replace") or None
    error = document.get("error") if isinstance(document, dict) else None
    if isinstance(error, dict):
        return _optional_text(error.get("type")), _optional_text(error.get("message"))
    if isinstance(error, str):
        return error, _optional_text(document.get("error_description"))
    return None, body.decode("utf-8", "replace") or None


def _optional_text(value: object) -> str | None:
    return str(value) if value is not None else None


def _reason(error: httpx.HTTPError) -> str:
    return f"{type(error).__name__}: {error}".strip(": ")


@functools.lru_cache(maxsize=4)
def _tls_context(ca_file: str) -> ssl.SSLContext:
    """Return the cached TLS context of a run: making one costs more than a request."""
    return ssl.create_default_context(cafile=ca_file)
