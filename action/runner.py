"""Inputs, outputs, summaries and annotations: how a step talks to the runner of GitHub Actions.

Only the standard library is imported here and beside it, as this runs before anything is installed.
"""

import os
import re
import sys
from pathlib import Path
from typing import Final, NoReturn

USAGE: Final = 4
"""Exit code of an invalid input, as of an invalid option of `authprobe`."""
MAX_SUMMARY_BYTES: Final = 1024 * 1024 - 4096
"""GitHub refuses a job summary above 1 MiB; the rest is for what the step adds itself."""
CI_COMMAND: Final = re.compile(r"(^\s*):(?=:)|#(?=#\[)")
"""`::error::` at the start of a line and `##[error]` anywhere, as `authprobe.core.escaping` has."""


def read_input(name: str) -> str:
    """Return an input of the action, which action.yml passes as a variable `INPUT_…`."""
    return os.environ.get(f"INPUT_{name.upper().replace('-', '_')}", "").strip()


def read_lines(name: str) -> list[str]:
    """Return the lines of an input that are not blank, without the space around them."""
    return [line.strip() for line in read_input(name).splitlines() if line.strip()]


def is_on(name: str) -> bool:
    """Return True if an input is `true`, and False if it is `false` or empty; else end the step."""
    value = read_input(name)
    if value.lower() not in ("true", "false", ""):
        refuse(f"{name}: {value!r} is neither 'true' nor 'false'")
    return value.lower() == "true"


def runner_path(variable: str) -> Path:
    """Return a file or folder that the runner names in a variable; end the step without it."""
    path = os.environ.get(variable)
    if not path:
        refuse(f"{variable} is not set: this program is a step of GitHub Actions")
    return Path(path)


def write_output(name: str, value: str) -> None:
    """Set an output of the step.

    The delimiter is random, so that no value can end early and set another output.
    """
    delimiter = f"end-{os.urandom(16).hex()}"
    with runner_path("GITHUB_OUTPUT").open("a", encoding="utf-8", errors="replace") as file:
        file.write(f"{name}<<{delimiter}\n{value}\n{delimiter}\n")


def write_summary(text: str) -> None:
    """Add Markdown to the summary of the job, cut to what GitHub accepts."""
    with runner_path("GITHUB_STEP_SUMMARY").open("a", encoding="utf-8", errors="replace") as file:
        file.write(cut(text, MAX_SUMMARY_BYTES) + "\n")


def cut(text: str, limit_bytes: int) -> str:
    """Return the text, or as many whole lines as fit below a notice that says what is left out.

    The notice comes first: at the end, it could be inside of a block that was cut open.
    """
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= limit_bytes:
        return text
    size = f"of {len(encoded):,} bytes, because GitHub takes no more here"
    notice = f"> ⚠ **Only the beginning** {size}. The report has everything.\n\n"
    room = max(limit_bytes - len(notice.encode()), 0)
    whole_lines, newline, _ = encoded[:room].rpartition(b"\n")
    return notice + (whole_lines + newline).decode("utf-8", "ignore")


def visible(text: str) -> str:
    """Return the text on one line, with the escape of each character that nobody sees."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def for_log(text: str) -> str:
    """Return the text as one line of the log, with nothing that a runner or a terminal obeys."""
    line = visible(text)
    return CI_COMMAND.sub(lambda match: f"{match[0][:-1]}\\x{ord(match[0][-1]):02x}", line)


def annotate(level: str, title: str, message: str) -> None:
    """Print an annotation of the job: its level is `error`, `warning` or `notice`.

    The escaping follows packages/core/src/command.ts of github.com/actions/toolkit.
    """
    for character, code in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A")):
        title, message = title.replace(character, code), message.replace(character, code)
    title, message = for_log(title), for_log(message)
    title = title.replace(":", "%3A").replace(",", "%2C")
    print(f"::{level} title={title}::{message}", flush=True)


def refuse(message: str) -> NoReturn:
    """End the step with an annotation and the exit code of an invalid input."""
    annotate("error", "authprobe", message)
    sys.exit(USAGE)


def run_url() -> str:
    """Return the address of the page of this run of the workflow."""
    parts = (os.environ.get(name, "") for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY"))
    return "/".join((*parts, "actions/runs", os.environ.get("GITHUB_RUN_ID", "")))
