"""`claude -p`: one question, told in one JSON object, event by event, or asked on stdin."""

import dataclasses
import json
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from authprobe.clients.claude_code.command import Command, observation_without_report
from authprobe.clients.observe import ClientReport, last_inference, observe
from authprobe.clients.process.child import CompletedChild, ExitReason, Stdin
from authprobe.observation.model import NOT_THERE, Observation

QUESTION: Final = "ping"
STDIN_MESSAGE: Final = {
    "type": "user",
    "message": {"role": "user", "content": [{"type": "text", "text": QUESTION}]},
    "parent_tool_use_id": None,
    "session_id": "",
}
"""What the Agent SDKs and IDE extensions write (code.claude.com/docs/en/headless)."""
JSON_OPTIONS: Final = ("--output-format", "json")
STREAM_OPTIONS: Final = ("--output-format", "stream-json", "--verbose")
EXIT_TIMEOUT: Final = 10.0
"""Seconds that the command has to end when it has answered and its stdin is closed."""
UNKNOWN_OPTION: Final = re.compile(r"error: unknown option '(?P<option>--[a-z-]{1,40})")


def ask(command: Command, form: Sequence[str]) -> Observation:
    """Run the command to its end, and read what it says last."""
    return _told(command, command.run(["-p", QUESTION, *form]))


def ask_on_stdin(command: Command, form: Sequence[str]) -> Observation:
    """Write one message, wait for the result, and close stdin."""
    words = ["-p", "--input-format", "stream-json", *form]
    with command.start(words, Stdin.PIPE) as child:
        child.write(json.dumps(STDIN_MESSAGE).encode() + b"\n")
        answered = child.read_until(
            lambda: read_report(child.stdout) is not None, command.remaining
        )
        child.end_input()
        finished = child.wait(EXIT_TIMEOUT if answered else command.remaining)
    if answered and finished.exit_reason is ExitReason.TIMED_OUT:
        seen = _told(command, dataclasses.replace(finished, exit_reason=ExitReason.EXITED))
        detail = f"still running {EXIT_TIMEOUT:g} s after its result, when its stdin was closed"
        return dataclasses.replace(seen, exit_code=None, detail=detail)
    return _told(command, finished)


def _told(command: Command, finished: CompletedChild) -> Observation:
    sandbox, version = command.sandbox, command.version
    last = last_inference(sandbox.exchanges)
    answered = last is not None and last.status == HTTPStatus.OK
    told = read_report(finished.stdout) or read_early_report(finished.stdout, answered=answered)
    lacks = UNKNOWN_OPTION.search(finished.stderr)
    if told is None and finished.exit_code > 0 and lacks:
        return command.unavailable(f"{lacks['option']}: {NOT_THERE}")
    if finished.exit_reason is ExitReason.TIMED_OUT or told is None:
        return observation_without_report(sandbox, finished, began=command.began, version=version)
    return observe(
        sandbox, told, began=command.began, exit_code=finished.exit_code, version=version
    )


def read_report(stdout: str) -> ClientReport | None:
    """What the command told its user; None: not in the form that it promises.

    `subtype` says success even of a 401 (anthropics/claude-code#79500), so `is_error` decides.
    """
    for line in reversed(stdout.splitlines()):
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            continue
        # Up to 1.0 and with --verbose the object is the last of a list.
        last: Any = told[-1] if isinstance(told, list) and told else told
        if isinstance(last, dict) and "is_error" in last:
            status = last.get("api_error_status")
            result = last.get("result")
            return ClientReport(
                is_error=bool(last["is_error"]),
                message=result if isinstance(result, str) else None,
                status=status if type(status) is int else None,
            )
    return None


def read_early_report(stdout: str, *, answered: bool) -> ClientReport | None:
    """The same of 0.2.70 to 0.2.114: an object over several lines, which does not say whether it
    tells of an error, nor does the exit code at first. Whether a model has answered decides.
    """
    try:
        told: Any = json.loads(stdout)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or told.get("role") != "system":
        return None
    result = told.get("result")
    return ClientReport(is_error=not answered, message=result if isinstance(result, str) else None)
