"""Texts in which only services other than Claude speak, so that no cause of Claude's is likely."""

import re
from typing import Final

from authprobe.diagnosis.phrases import WordIndex
from authprobe.diagnosis.speakers import Role, mentions
from authprobe.diagnosis.symptom import FactKind, FactSet

SHORT: Final = 40
"""Words of a text below which every name in it is near."""
OTHER_ROLES: Final = frozenset({Role.PROVIDER, Role.SERVICE, Role.IDENTITY})
"""Roles of those who refuse a credential that is not for Claude."""
USERS_OF_CLAUDE: Final = frozenset({Role.GATEWAY, Role.PROGRAM})
"""Roles of programs that pass on an error of Claude without its name."""
SIGNS_OF_CLAUDE: Final = (
    *(("claude*",), ("anthropic*",), ("sonnet",), ("opus",), ("haiku",), ("sk", "ant")),
    *(("x", "api", "key"), ("api", "error"), ("oauth", "token"), ("oauth", "access", "token")),
    *(("credit", "balance"), ("organization", "has", "been", "disabled")),
)
"""Names and words of the service and of Claude Code."""
COPIED_TYPES: Final = frozenset(
    (
        *("invalid_request_error", "rate_limit_error", "not_found_error", "api_error"),
        *("conflict_error", "timeout_error", "request_too_large", "forbidden"),
        *("invalid_grant", "invalid_scope", "invalid_client", "unsupported_grant_type"),
    )
)
"""Error types that other services have as well."""
AWS_ERROR: Final = r"\(\w+\) when calling the (?!InvokeModel|Converse|CountTokens)\w+ operation\b"
"""Form of the errors of the tools of AWS; not of the calls that ask Claude."""
SPEAKS: Final = r"(?im)^\W*{name}:(?!\w)|\b{name}[._]\w|\w\.{name}\b"
"""A name that speaks: `psql: error`, `stripe.error.X`, `slack_sdk`, `api.github.com`."""
LOGIN_COMMAND: Final = r"/(?<![\w./:-]/)login\b"


def names_others(fact_set: FactSet) -> bool:
    """Return True if a text names another service near its error, and has no sign of Claude."""
    return not _may_be_claude(fact_set) and (_is_by_aws(fact_set) or bool(_others(fact_set)))


def is_by_others(fact_set: FactSet) -> bool:
    """Return True if the error of such a text has the form of one of another service.

    It has the service as the name of its program, library or host.
    """
    return not _may_be_claude(fact_set) and (
        _is_by_aws(fact_set) or any(_speaks(name, fact_set) for name in _others(fact_set))
    )


def _may_be_claude(fact_set: FactSet) -> bool:
    """Return True if anything is a sign of Claude."""
    return (
        any(map(fact_set.words.positions, SIGNS_OF_CLAUDE))
        or re.search(LOGIN_COMMAND, fact_set.text) is not None
        or not COPIED_TYPES.issuperset(fact_set.facts.get(FactKind.ERROR_TYPE, ()))
    )


def _is_by_aws(fact_set: FactSet) -> bool:
    return re.search(AWS_ERROR, fact_set.text) is not None


def _others(fact_set: FactSet) -> tuple[str, ...]:
    """Return the names of other services near the error.

    There are none if a program or a gateway is named, which may pass on an error of Claude.
    """
    is_short = len(fact_set.words) < SHORT
    near = [each for each in mentions(fact_set.words) if is_short or each.is_near]
    if any(mention.role in USERS_OF_CLAUDE for mention in near):
        return ()
    return tuple(mention.name for mention in near if mention.role in OTHER_ROLES)


def _speaks(name: str, fact_set: FactSet) -> bool:
    """Return True if a name occurs as that of a speaker."""
    joined = r"\W{1,3}".join(WordIndex(name).words)
    return re.search(SPEAKS.format(name=joined), fact_set.text) is not None
