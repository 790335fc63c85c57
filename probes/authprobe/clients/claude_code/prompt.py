"""The flows of `claude -p`: one question, as argument or on stdin; JSON or event stream out."""

import dataclasses
import json
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from authprobe.clients.claude_code.command import Command, observation_without_report
from authprobe.clients.observe import ClientReport, last_inference, observe
from authprobe.clients.process.child import CompletedChild, ExitReason, Stdin
from authprobe.observation.model import COMMAND_MISSING, Observation

QUESTION: Final = "ping"
STDIN_MESSAGE: Final = {
    "type": "user",
    "message": {"role": "user", "content": [{"type": "text", "text": QUESTION}]},
    "parent_tool_use_id": None,
    "session_id": "",
}
"""Message in the form that Agent SDKs and IDEs send (code.claude.com/docs/en/headless)."""
JSON_OPTIONS: Final = ("--output-format", "json")
STREAM_OPTIONS: Final = ("--output-format", "stream-json", "--verbose")
EXIT_TIMEOUT: Final = 10.0
"""Seconds that the command has to exit after its answer, once its stdin is closed."""
UNKNOWN_OPTION: Final = re.compile(r"error: unknown option '(?P<option>--[a-z-]{1,40})")


def ask(command: Command, output_options: Sequence[str]) -> Observation:
    """Run the command with a question as its argument, and observe its report."""
    return _observe_result(command, command.run(["-p", QUESTION, *output_options]))


def ask_on_stdin(command: Command, output_options: Sequence[str]) -> Observation:
    """Write one message to the command's stdin, wait for the report, and close stdin."""
    arguments = ["-p", "--input-format", "stream-json", *output_options]
    enough = command.sandbox.enough
    with command.start(arguments, Stdin.PIPE) as child:
        child.write(json.dumps(STDIN_MESSAGE).encode() + b"\n")
        answered = child.read_until(
            lambda: read_report(child.stdout) is not None,
            command.remaining,
            enough,
        )
        child.end_input()
        result = child.wait(EXIT_TIMEOUT) if answered else child.wait(command.remaining, enough)
    if answered and result.exit_reason is ExitReason.TIMED_OUT:
        exited = dataclasses.replace(result, exit_reason=ExitReason.EXITED)
        detail = f"still running {EXIT_TIMEOUT:g} s after its result, when its stdin was closed"
        observation = _observe_result(command, exited)
        return dataclasses.replace(observation, exit_code=None, detail=detail)
    return _observe_result(command, result)


def _observe_result(command: Command, result: CompletedChild) -> Observation:
    sandbox, version = command.sandbox, command.version
    last = last_inference(sandbox.exchanges)
    answered = last is not None and last.status == HTTPStatus.OK
    report = read_report(result.stdout) or read_early_report(result.stdout, answered=answered)
    unknown = UNKNOWN_OPTION.search(result.stderr)
    if report is None and result.exit_code > 0 and unknown:
        return command.unavailable(f"{unknown['option']}: {COMMAND_MISSING}")
    if result.exit_reason is ExitReason.TIMED_OUT or report is None:
        return observation_without_report(sandbox, result, began=command.began, version=version)
    return observe(
        sandbox, report, began=command.began, exit_code=result.exit_code, version=version
    )


def read_report(stdout: str) -> ClientReport | None:
    """Return the last report in the documented form, or None.

    `is_error` decides, as `subtype` is success even for a 401 (anthropics/claude-code#79500).
    """
    document = last_document(stdout)
    if document is None:
        return None
    status, result = document.get("api_error_status"), document.get("result")
    return ClientReport(
        is_error=bool(document["is_error"]),
        message=result if isinstance(result, str) else None,
        status=status if type(status) is int else None,
    )


def last_document(stdout: str) -> dict[str, Any] | None:
    """Return the last report in the documented form as JSON, or None."""
    for line in reversed(stdout.splitlines()):
        try:
            document = json.loads(line)
        except (ValueError, RecursionError):
            continue
        # Up to 1.0 and with --verbose the report is the last item of a list.
        last: Any = document[-1] if isinstance(document, list) and document else document
        if isinstance(last, dict) and "is_error" in last:
            return last
    return None


def read_early_report(stdout: str, *, answered: bool) -> ClientReport | None:
    """Return the report of versions 0.2.70 to 0.2.114, or None.

    It is an object over several lines without an error field, and the first of these versions exit
    with 0 after an error, so `answered` (the model answered) decides.
    """
    try:
        document: Any = json.loads(stdout)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or document.get("role") != "system":
        return None
    result = document.get("result")
    return ClientReport(is_error=not answered, message=result if isinstance(result, str) else None)
