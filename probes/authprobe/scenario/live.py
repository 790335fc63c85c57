"""Live: the part of a scenario about questions to the real service; without it, there are none."""

import datetime
import enum
import re
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from pydantic import ConfigDict, Field

from authprobe.core.claude_api import HOSTS
from authprobe.core.version_ranges import EXACT, version_key
from authprobe.documents.constraints import STRICT
from authprobe.emulator.config import TokenKind, Whole

MAX_REQUESTS: Final = 40
"""Most requests of a run to the real service; no option and no scenario raises it."""
MAX_DAYS: Final = 366
"""Most days until a scenario must be renewed."""
STORED: Final = "stored"
"""`from: stored`: the login in the folder of the user's own Claude Code."""
VARIABLE_PREFIX: Final = "env:"
SOURCE: Final = re.compile(rf"{VARIABLE_PREFIX}[A-Za-z_][A-Za-z0-9_]*|{STORED}")
SOURCE_SCHEMA: Final = {"type": "string", "pattern": f"^(?:{SOURCE.pattern})$"}
"""For editors; the loader has its own message, which does not quote the value."""
SUBSCRIPTION_TOKENS: Final = (
    TokenKind.ACCESS_TOKEN,
    TokenKind.SETUP_TOKEN,
    TokenKind.REFRESH_TOKEN,
    TokenKind.LOGIN,
)
"""Tokens of a person's subscription, which only the unmodified `claude` sends."""

BASE_URL: Final = "ANTHROPIC_BASE_URL"
"""The one variable with an address that a live client reads."""
COSTLY_VARIABLES: Final = frozenset(
    {
        *("CLAUDE_CODE_EFFORT_LEVEL", "CLAUDE_CODE_EXTRA_BODY", "CLAUDE_CODE_MAX_OUTPUT_TOKENS"),
        *("CLAUDE_CODE_MAX_TURNS", "CLAUDE_CODE_RETRY_WATCHDOG", "ENABLE_PROMPT_SUGGESTION"),
        *("CLAUDE_CODE_ENABLE_AWAY_SUMMARY", "CLAUDE_CODE_ENABLE_PROMPT_SUGGESTION"),
        *("CLAUDE_CODE_EXPERIMENTAL_AGENT_TEAMS", "FALLBACK_FOR_ALL_PRIMARY_MODELS"),
        *("MAX_STRUCTURED_OUTPUT_RETRIES", "MAX_THINKING_TOKENS"),
    }
)
"""Variables by which a client asks more often than it is planned, or a dearer question."""

FIRST_CLAUDE: Final = "2.1.62"
"""First version of `claude` that asks a model at most twice. Older ones have no way to be asked so
little: they ask 2 to 7 times (measured with 1.0.128, 2.0.76, 2.1.6, 2.1.31 and 2.1.47)."""

HostName = Annotated[str, Field(min_length=1, max_length=253)]


class Ask(enum.StrEnum):
    """Kinds of requests that the real service may be asked."""

    CHEAP = "cheap"
    """Requests that cost nothing: models, count-tokens, and refusals."""
    MESSAGE = "message"
    """Also one short message, which costs a fraction of a cent or a little of a plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """Questions to the real service: their hosts, their kind and number, and their last day."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    hosts: Annotated[tuple[HostName, ...], Field(min_length=1, max_length=10)]
    """Hosts that may be asked: those of Anthropic, or gateways of one's own."""
    ask: Ask = Ask.CHEAP
    max_requests: Annotated[Whole, Field(ge=1, le=MAX_REQUESTS)] = 4
    """Most requests of the scenario in one run."""
    expires: datetime.date
    """Last day on which it asks; at most a year ahead."""


def is_anthropic(host: str) -> bool:
    """Return True for a host of Anthropic's."""
    return host.lower() in HOSTS


def too_old(version: str) -> str | None:
    """Return why a version of `claude` is not asked live, as a phrase; None: it can be."""
    if not EXACT.fullmatch(version) or version_key(version) >= version_key(FIRST_CLAUDE):
        return None
    return (
        f"claude {version} asks a model up to 7 times for one answer; live needs {FIRST_CLAUDE} or "
        "newer"
    )
