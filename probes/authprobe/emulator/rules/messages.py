"""The rules of the Messages API in order, for its route and for the requests of a batch."""

from typing import Final

from authprobe.emulator.rules import (
    accounts,
    credentials,
    edge,
    error_codes,
    federation,
    inference,
    limits,
    request_body,
)

BEFORE_INFERENCE: Final = (
    edge.TOO_LARGE,
    *credentials.CREDENTIALS,
    federation.SCOPE_MISSING,
    *accounts.ACCOUNTS,
    *limits.LIMIT_RULES,
    *error_codes.CODE_RULES,
    *edge.STANDARD[1:],
)
"""Refusals that are tried before an inference request succeeds."""
ANSWERS: Final = (
    inference.BETA_DROPPED,
    inference.BETA_UNKNOWN,
    *request_body.BODY,
    inference.MESSAGE,
)
"""Answers to what a request with an accepted credential asks, alone or in a batch."""
MESSAGES: Final = (*BEFORE_INFERENCE, *ANSWERS)
