"""Inputs, outputs, summaries and annotations: how a step talks to the runner of GitHub Actions.

Only the standard library is imported here and beside it, as this runs before anything is installed.
"""

import errno
import os
import re
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn

USAGE: Final = 4
"""Exit code of an invalid input, as of an invalid option of `authprobe`."""
INTERRUPTED: Final = 2
"""Exit code of a step that a cancelled job ends, as of `authprobe`."""
MAX_TEXT_BYTES: Final = 16 * 1024 * 1024
"""Size of a file that GitHub gets a part of, or that it wrote itself."""
MAX_SUMMARY_BYTES: Final = 1024 * 1024 - 4096
"""GitHub refuses a job summary above 1 MiB; the rest is for what the step adds itself."""
MAX_MESSAGE_LENGTH: Final = 4000
"""Letters of an annotation: GitHub refuses one above 64 KB, and an escape has up to ten letters."""
CI_COMMAND: Final = re.compile(r"(^\s*):(?=:)|#(?=#\[)")
"""`::error::` at the start of a line and `##[error]` anywhere, as `authprobe.core.escaping` has."""


class StepError(Exception):
    """A reason why a step cannot go on."""


UNUSABLE: Final = (
    StepError,
    OSError,
    ValueError,
    RuntimeError,  # RecursionError, or a user without a home
    MemoryError,
    subprocess.SubprocessError,
)
"""Errors of inputs, files and programs that cannot be used; any other is one of the action."""


def run_step(step: Callable[[], None], *, title: str = "authprobe", level: str = "error") -> int:
    """Run a step or a part of one, and return its exit code.

    It ends with an annotation at the first thing that it cannot use; below the level `error` the
    exit code is 0 all the same.
    """
    try:
        step()
    except KeyboardInterrupt:
        return INTERRUPTED
    except UNUSABLE as error:
        kind = "" if isinstance(error, StepError) else f"{type(error).__name__}: "
        annotate(level, title, f"{kind}{error}")
        return USAGE if level == "error" else 0
    return 0


def read_input(name: str) -> str:
    """Return an input of the action, which action.yml passes as a variable `INPUT_…`."""
    value = _variable_of(name).strip()
    try:
        value.encode()
    except UnicodeEncodeError:
        refuse(f"{name}: is not UTF-8")
    return value


def read_exact(name: str) -> str:
    """Return an input that conditions of action.yml compare as it is, with the space around it."""
    value = read_input(name)
    if value != _variable_of(name):
        refuse(f"{name}: has space before or after {value!r}; remove it")
    return value


def _variable_of(name: str) -> str:
    return os.environ.get(f"INPUT_{name.upper().replace('-', '_')}", "")


def read_lines(name: str) -> list[str]:
    """Return the lines of an input that are not blank, without the space around them."""
    return [line.strip() for line in read_input(name).splitlines() if line.strip()]


def is_on(name: str) -> bool:
    """Return True if an input is `true`, and False if it is `false` or empty; else end the step."""
    value = read_exact(name)
    if value.lower() not in ("true", "false", ""):
        refuse(f"{name}: {value!r} is neither 'true' nor 'false'")
    return value.lower() == "true"


def variable(name: str) -> str:
    """Return a variable that the runner or action.yml sets; end the step without it."""
    value = os.environ.get(name)
    if not value:
        refuse(f"{name} is not set: this program is a step of GitHub Actions")
    return value


def runner_path(name: str) -> Path:
    """Return a file or folder that the runner names in a variable; end the step without it."""
    return Path(variable(name))


def open_at_once(path: str, flags: int) -> int:
    """Open a file, as the opener of `open`, without waiting for the other end of a FIFO."""
    return os.open(path, flags | os.O_NONBLOCK, 0o666)


def read_file(path: Path, limit_bytes: int) -> bytes:
    """Return the content of a regular file.

    Raises:
        OSError: it is missing, something else, larger than the limit, or cannot be read.
    """
    with open(path, "rb", opener=open_at_once) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "Not a regular file", str(path))
        if status.st_size > limit_bytes:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
        return file.read(status.st_size)  # no more: a file of /proc can have no end


def write_output(name: str, value: str) -> None:
    """Set an output of the step.

    The delimiter is random, so that no value can end early and set another output.
    """
    delimiter = f"end-{os.urandom(16).hex()}"
    append("GITHUB_OUTPUT", f"{name}<<{delimiter}\n{value}\n{delimiter}\n")


def write_summary(text: str) -> None:
    """Add Markdown to the summary of the job, cut to what GitHub accepts."""
    append("GITHUB_STEP_SUMMARY", cut(text, MAX_SUMMARY_BYTES) + "\n")


def append(name: str, text: str) -> None:
    """Add text to a file of the runner.

    Raises:
        OSError: it cannot be written.
    """
    path = runner_path(name)
    with open(path, "ab", opener=open_at_once) as file:
        file.write(text.encode(errors="replace"))


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
    if len(message) > MAX_MESSAGE_LENGTH:
        message = f"{message[:MAX_MESSAGE_LENGTH]}…"
    for character, code in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A")):
        title, message = title.replace(character, code), message.replace(character, code)
    title, message = for_log(title), for_log(message)
    title = title.replace(":", "%3A").replace(",", "%2C")
    print(f"::{level} title={title}::{message}", flush=True)


def refuse(message: str) -> NoReturn:
    """End the step, as `run_step` does if something cannot be used."""
    raise StepError(message)


def run_url() -> str:
    """Return the address of the page of this run of the workflow."""
    parts = (os.environ.get(name, "") for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY"))
    return "/".join((*parts, "actions/runs", os.environ.get("GITHUB_RUN_ID", "")))
