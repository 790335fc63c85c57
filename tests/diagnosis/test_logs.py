"""The message of an error is found in a long log, whatever else is in the log."""

import random
from collections.abc import Callable
from typing import Final

import pytest

from authprobe.diagnosis.decision import decide
from authprobe.diagnosis.text_facts import symptom_from_text

LINES: Final = 400
MESSAGES: Final = {
    "access-token-expired": (
        'API Error: 401 {"type":"error","error":{"type":"authentication_error",'
        '"message":"OAuth token has expired. Please obtain a new token."}}'
    ),
    "access-token-revoked": (
        'API Error: 403 {"type":"error","error":{"type":"permission_error",'
        '"message":"OAuth token has been revoked. Please obtain a new token."}}'
    ),
    "api-key-invalid": (
        'API Error: 401 {"type":"error","error":{"type":"authentication_error",'
        '"message":"invalid x-api-key"}}'
    ),
    "credit-exhausted": (
        'API Error: 400 {"type":"error","error":{"type":"invalid_request_error",'
        '"message":"Your credit balance is too low to access the Anthropic API."}}'
    ),
    "overloaded": (
        'API Error: 529 {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    ),
    "scope-missing": (
        'API Error: 403 {"type":"error","error":{"type":"permission_error",'
        '"message":"OAuth token does not meet scope requirement user:inference"}}'
    ),
    "dns-failure": "API Error: Connection error. getaddrinfo ENOTFOUND api.anthropic.com",
    "tls-untrusted-ca": (
        "API Error: unable to get local issuer certificate (SELF_SIGNED_CERT_IN_CHAIN)"
    ),
}


def requests(chance: random.Random) -> str:
    """Return a line with a duration, which may look like a status."""
    number, id = chance.randrange(900), chance.getrandbits(64)
    return f"INFO worker {number % 9}: handled request id={id:x} in {number} ms"


def accesses(chance: random.Random) -> str:
    """Return a line of another service's access log, with statuses of its own."""
    status = chance.choice([200, 200, 304, 404, 500, 502])
    return f'10.0.0.7 - - [28/Nov/2026] "GET /app-{chance.randrange(99)}.js HTTP/1.1" {status} 512'


def debugging(chance: random.Random) -> str:
    """Return a line of a debug log of Claude Code."""
    return chance.choice(
        [
            "[DEBUG] Settings loaded from /home/user/.claude/settings.json",
            "[DEBUG] MCP server filesystem: connected",
            f"[DEBUG] autocompact: tokens={chance.randrange(600)} threshold=155000",
        ]
    )


def traces(chance: random.Random) -> str:
    """Return a line of a stack trace."""
    return f"    at Object.emit (/app/lib/index.js:{chance.randrange(600)}:{chance.randrange(60)})"


def checks(chance: random.Random) -> str:
    """Return a line of a test run."""
    result = chance.choice(["PASSED", "PASSED", "FAILED"])
    return f"{result} tests/test_{chance.randrange(99)}.py ({chance.randrange(600)} ms)"


def documents(chance: random.Random) -> str:
    """Return a line of a log in JSON."""
    number = chance.randrange(600)
    return f'{{"level":"info","pid":{number},"durationMs":{number},"msg":"tick","tokens":{number}}}'


def pods(chance: random.Random) -> str:
    """Return a line that has the word of an error, but is none."""
    number = chance.randrange(600)
    return f"pod/web-{number:x} 1/1 Running 0 {number}m  error budget {number % 100}%"


@pytest.mark.parametrize("cause", MESSAGES)
@pytest.mark.parametrize(
    "make",
    [requests, accesses, debugging, traces, checks, documents, pods],
    ids=lambda f: f.__name__,
)
def test_an_error_is_found_in_a_log(cause: str, make: Callable[[random.Random], str]) -> None:
    chance = random.Random(18)  # noqa: S311 - only text
    lines = [make(chance) for _ in range(LINES)]
    place = chance.randrange(LINES)
    lines.insert(place, MESSAGES[cause])
    first = decide(symptom_from_text("\n".join(lines)))[0]
    assert first.cause.id == cause
    assert place + 1 in {evidence.line for evidence in first.evidence}
