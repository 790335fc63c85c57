"""The action `issue`: keep one issue about a workflow that runs every night.

It is opened when a run finds something, updated by those that still do, and closed by the first in
which everything was tested and nothing was found.
"""

import enum
import hashlib
import os
import re
import sys
import urllib.parse
from pathlib import Path
from typing import Any, Final

from github import MAX_BODY_BYTES, GitHubError, gh, is_own, items, number_of, repository, send
from probe import BROKE, CHANGED, EXIT_CODES, span
from runner import (
    MAX_TEXT_BYTES,
    StepError,
    annotate,
    cut,
    read_file,
    read_input,
    read_lines,
    refuse,
    run_step,
    run_url,
)

MARKER: Final = "<!-- authprobe issue"


class State(enum.Enum):
    """What the results together say."""

    FOUND = "found"
    CLEAR = "clear"
    UNKNOWN = "unknown"
    """Something could not be tested, or its job died: an open issue stays as it is."""


def main() -> None:
    """Open, update or close the issue, or leave it alone."""
    title, label = read_input("title"), read_input("label")
    if not title or not label:
        refuse("title and label must not be empty")
    if "," in label:
        refuse(f"label: {label!r} has a comma, at which GitHub cuts it in two when it searches")
    results = read_results()
    try:
        keep_issue(title, label, results)
    except GitHubError as error:
        annotate(
            "error", "authprobe: the issue", f"{error}. It needs the permission issues: write."
        )
        sys.exit(BROKE)


def read_results() -> dict[str, int | None]:
    """Return the exit codes of the input `results` by name; None: its job has none."""
    results: dict[str, int | None] = {}
    for line in read_lines("results"):
        name, equals, code = (part.strip() for part in line.rpartition("="))
        if not equals or not name or not re.fullmatch("[0-9]{0,3}", code):
            refuse(f"results: {line!r} must be NAME=EXIT-CODE")
        if name in results:
            refuse(f"results: {name!r} is given twice; name each job once")
        results[name] = int(code) if code else None
    if not results:
        refuse("results: empty; give a line NAME=EXIT-CODE for each job")
    return results


def state_of(results: dict[str, int | None]) -> State:
    """Return what to do: what was found counts, whatever else could not be tested."""
    codes = set(results.values())
    if codes & {BROKE, CHANGED}:
        return State.FOUND
    return State.CLEAR if codes == {0} else State.UNKNOWN


def keep_issue(title: str, label: str, results: dict[str, int | None]) -> None:
    """Open, update or close the issue with this label.

    Raises:
        GitHubError: GitHub refuses.
    """
    state, issue = state_of(results), open_issue(label)
    if state is State.UNKNOWN:
        words = ", ".join(f"{name}: {words_of(code)}" for name, code in results.items())
        annotate("warning", "authprobe: the issue stays as it is", words)
    elif state is State.CLEAR:
        if issue is not None:
            close(number_of(issue, "number"))
    elif issue is None:
        make_label(label)
        fields = {"title": title, "labels": [label], "body": text(results)}
        send("POST", f"repos/{repository()}/issues", **fields)
    else:
        update(issue, text(results))


def open_issue(label: str) -> Any | None:
    """Return the oldest open issue with this label that this program wrote, no pull request.

    Raises:
        GitHubError: GitHub refuses.
    """
    query = f"state=open&labels={urllib.parse.quote(label, safe='')}&direction=asc&per_page=100"
    issues = items(f"repos/{repository()}/issues?{query}")
    own = (each for each in issues if "pull_request" not in each and is_own(each, MARKER))
    return next(own, None)


def update(issue: Any, body: str) -> None:
    """Write the issue anew; say so in a comment, which notifies people, if it is about others."""
    path = f"repos/{repository()}/issues/{number_of(issue, 'number')}"
    send("PATCH", path, body=body)
    if issue["body"].splitlines()[0] != body.splitlines()[0]:
        words = f"[Another run]({run_url()}) found something else: the text above is new."
        send("POST", f"{path}/comments", body=words)


def close(number: int) -> None:
    """Close the issue, and say why."""
    path = f"repos/{repository()}/issues/{number}"
    send(
        "POST",
        f"{path}/comments",
        body=f"[A run]({run_url()}) tested everything and found nothing.",
    )
    send("PATCH", path, state="closed", state_reason="completed")


def make_label(label: str) -> None:
    """Make the label, unless it is there."""
    try:
        gh("label", "create", "--repo", repository(), "--color", "d93f0b", "--", label)
    except GitHubError as error:
        if "already exists" not in str(error):
            raise


def text(results: dict[str, int | None]) -> str:
    """Return the body: a marker with a hash of what was found, the results, and the reports."""
    key = f"{sorted(results.items())}\0{read_input('key')}"
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    marker = f"{MARKER} {digest} -->"
    lines = [f"[The newest run]({run_url()}) that found something:", ""]
    lines += [f"- {span(name)}: {words_of(code)}" for name, code in results.items()]
    paths = [Path(path) for path in read_lines("reports")]
    room = (MAX_BODY_BYTES - 5000) // max(len(paths), 1)
    for report in filter(None, map(read_report, paths)):
        lines += ["", cut(report, room)]
    # Each notice of what was cut takes room as well, and many reports have many.
    return "\n".join((marker, cut("\n".join(lines), MAX_BODY_BYTES - 1000)))


def read_report(path: Path) -> str:
    """Return a report of a job; empty if there is none, and after a warning if it is unusable."""
    try:
        # A link to another place could name a file with secrets.
        real = Path(os.path.realpath(path))
        if not real.is_relative_to(os.path.realpath(".")):
            refuse(f"{path}: is outside of the working directory")
        return read_file(real, MAX_TEXT_BYTES).decode(errors="replace")
    except FileNotFoundError:  # its job died
        return ""
    except (OSError, StepError) as error:
        annotate("warning", "authprobe: a report is left out", str(error))
        return ""


def words_of(code: int | None) -> str:
    """Return an exit code with its meaning."""
    if code is None:
        return "its job did not finish"
    return f"exit code {code}, {EXIT_CODES.get(code, 'which this action does not know')}"


if __name__ == "__main__":
    sys.exit(run_step(main))
