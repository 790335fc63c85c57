"""The log of `authprobe emulator`: a line on stderr for each request."""

import contextlib
from typing import Final

from authprobe.commands.printing import print_error
from authprobe.core.escaping import one_line
from authprobe.observation.model import Exchange
from authprobe.report.model.phrases import nearest_words

MAX_LOG_FIELD_LENGTH: Final = 2500


def log_refusal(reason: str) -> None:
    """Print on stderr why a connection was refused without being recorded."""
    hint = "; use --any-user to answer it" if reason.startswith("403") else ""
    with contextlib.suppress(OSError):
        print_error(f"connection refused: {reason[4:]}{hint}", flush=True)


def log_exchange(exchange: Exchange) -> None:
    """Print an exchange as a line on stderr, with tokens by their slot names only."""
    fields = [str(exchange.status), exchange.rule or "", exchange.credential or "no credential"]
    if exchange.faults:
        fields.append(f"faults: {', '.join(exchange.faults)}")
    if exchange.nearest:
        fields.append(nearest_words(exchange))
    target = f"{exchange.method} {exchange.host}{exchange.path}"
    line = "  ".join(one_line(part, MAX_LOG_FIELD_LENGTH) for part in (target, *fields))
    with contextlib.suppress(OSError):  # stderr is closed: requests are answered without a log
        print_error(line, flush=True)
