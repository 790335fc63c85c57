"""Values of secrets in variables: what is no usable secret, before it is sent anywhere."""

from typing import Final

MIN_SECRET_LENGTH: Final = 8
"""Characters; a shorter word could not be told from other text of a report."""
_QUOTES: Final = "\"'`"
"""Marks that no token has, and that stay when a value is quoted twice or comes from a file."""


def secret_value_problem(value: str) -> str | None:
    """Return why a value is no usable secret, without a part of it; None: it is one."""
    if value.endswith(("\n", "\r")):
        return "ends with a line break, as a secret does that was stored with `echo`"
    if value != value.strip():
        return "begins or ends with white space"
    if "\n" in value or "\r" in value:
        return "has several lines"
    if not (value.isascii() and value.isprintable()):
        return "has a character that no header can carry"
    if len(value) < MIN_SECRET_LENGTH:
        return f"has fewer than {MIN_SECRET_LENGTH} characters"
    if value[0] in _QUOTES or value[-1] in _QUOTES:
        return "begins or ends with a quotation mark; set it without quotes"
    return None
