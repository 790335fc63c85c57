"""Output of 4 MiB, made to be slow to read: each part of the reading takes linear time."""

import time
from collections.abc import Callable
from typing import Any, Final

import pytest

from authprobe.clients.browser import read_page
from authprobe.clients.claude_code.account import read_status
from authprobe.clients.claude_code.login import ADDRESS_WITH_QUERY
from authprobe.clients.claude_code.prompt import UNKNOWN_OPTION, read_early_report, read_report
from authprobe.clients.observe import MAX_MESSAGE_LENGTH, last_error_line, without_request_id
from authprobe.clients.process.child import COLUMNS, OUTPUT_LIMIT_BYTES
from authprobe.clients.raw_http import MAX_BODY_BYTES, read_error
from authprobe.clients.sdk import agent_sdk, api_sdk
from authprobe.observation.findings import PROCESS_EXIT_MESSAGE
from authprobe.observation.fingerprint import normalize_text

FLOODS: Final = (
    "[",
    '{"a":',
    "1",
    "1\n",
    '"\\ud800" ',
    '{"is_error": 1, "result": 1}\n',
    "Error",
    "Error ",
    "Error.",
    "x.Error \x0b",
    "fatal\n",
    "error: unknown option '--",
    "error: unknown option '--a-",
    "exit code 1",
    "exit code ",
    "req_",
    "http://a",
    "http://a?",
    "<p>",
    "<title><p></title>",
    "<p>a#",
    "a-a-",
    "0123456789abcdef",
    "12:34",
    "2026-11-27T00:00",
    "1 ",
    "/tmp/a",  # noqa: S108 - a text
    "\u0301",
    "\x1b[m",
    "\0",
)
READERS: Final[dict[str, tuple[Callable[[str], Any], int]]] = {
    "last_error_line": (last_error_line, OUTPUT_LIMIT_BYTES),
    "read_report": (read_report, OUTPUT_LIMIT_BYTES),
    "read_early_report": (lambda text: read_early_report(text, answered=True), OUTPUT_LIMIT_BYTES),
    "read_status": (read_status, OUTPUT_LIMIT_BYTES),
    "unknown option": (UNKNOWN_OPTION.search, OUTPUT_LIMIT_BYTES),
    "agent_sdk": (agent_sdk.read_report, OUTPUT_LIMIT_BYTES),
    "api_sdk": (api_sdk.read_output, OUTPUT_LIMIT_BYTES),
    "without_request_id": (without_request_id, OUTPUT_LIMIT_BYTES),
    "read_error": (lambda text: read_error(text.encode()), MAX_BODY_BYTES),
    "read_page": (lambda text: read_page(200, text), 64 * 1024),
    "address": (lambda text: ADDRESS_WITH_QUERY.sub("", text), COLUMNS),
    "exit message": (PROCESS_EXIT_MESSAGE.fullmatch, 3 * MAX_MESSAGE_LENGTH),
    "fingerprint": (normalize_text, 3 * MAX_MESSAGE_LENGTH),
}
"""Each reader with the most that it is given."""


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_flood_of_any_output_is_read_in_a_few_seconds(name: str) -> None:
    read, limit = READERS[name]
    seconds: dict[str, float] = {}
    for flood in FLOODS:
        text = flood * (limit // len(flood))
        # A quarter is enough of the variants: more than linear time is too much there as well.
        part = text[: len(text) // 4]
        for variant, most in ((text, 8.0), (f"{part}\n", 2.0), (f"Error: {part}", 2.0)):
            began = time.thread_time()
            read(variant)
            spent = time.thread_time() - began
            if spent > most:
                seconds[variant[:20]] = spent
    assert seconds == {}
