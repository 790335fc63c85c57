"""Step `comment` of the action: write the summary into one comment of the pull request.

It is found again by a marker in its first line, which names the workflow, the job and the artifact,
and written anew at each run. A comment that cannot be written is a warning: the job has its result.
"""

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Final

from github import MAX_BODY_BYTES, GitHubError, is_own, items, number_of, repository, send
from runner import (
    MAX_TEXT_BYTES,
    annotate,
    cut,
    read_file,
    run_step,
    run_url,
    runner_path,
    variable,
)

TITLE: Final = "authprobe: no comment"
NAMES: Final = ("GITHUB_WORKFLOW", "GITHUB_JOB", "ARTIFACT_NAME")


def main() -> None:
    """Write or update the comment."""
    number = pull_request()
    if number is None:
        annotate("notice", TITLE, "the workflow was not started by a pull request")
        return
    try:
        write_comment(number)
    except GitHubError as error:
        hint = "Comments need the permission pull-requests: write, which no fork gets"
        annotate("warning", TITLE, f"{error}. {hint}.")


def pull_request() -> int | None:
    """Return the number of the pull request that started the workflow."""
    event = json.loads(read_file(runner_path("GITHUB_EVENT_PATH"), MAX_TEXT_BYTES))
    request = event.get("pull_request") if isinstance(event, dict) else None
    number = request.get("number") if isinstance(request, dict) else None
    return number if isinstance(number, int) else None


def write_comment(number: int) -> None:
    """Update the comment of this workflow and job, or write the first one.

    Raises:
        GitHubError: GitHub refuses.
    """
    begin = marker()
    # The links come first: below, they could be inside of a block that was cut open.
    body = "\n".join((begin, links(), "", cut(summary(), MAX_BODY_BYTES - 2000)))
    issues = f"repos/{repository()}/issues"
    for comment in items(f"{issues}/{number}/comments?per_page=100"):
        if is_own(comment, f"{begin}\n"):
            send("PATCH", f"{issues}/comments/{number_of(comment, 'id')}", body=body)
            return
    send("POST", f"{issues}/{number}/comments", body=body)


def marker() -> str:
    """Return the first line of the comment, which Markdown does not show."""
    names = "\0".join(os.environ.get(name, "") for name in NAMES)
    return f"<!-- authprobe {hashlib.sha256(os.fsencode(names)).hexdigest()[:16]} -->"


def summary() -> str:
    """Return the summary that authprobe wrote, or its exit code if there is none to read."""
    if path := os.environ.get("SUMMARY"):
        try:
            return read_file(Path(path), MAX_TEXT_BYTES).decode(errors="replace")
        except OSError as error:
            annotate("warning", "authprobe: no summary", str(error))
    return f"## authprobe\n\nIt left no summary; its exit code is {variable('EXIT_CODE')}."


def links() -> str:
    """Return links to the run and to the artifact with the report."""
    artifact = os.environ.get("ARTIFACT_URL")
    report = f" · [report]({artifact})" if artifact else ""
    return f"[run]({run_url()}){report}"


if __name__ == "__main__":
    sys.exit(run_step(main, title=TITLE, level="warning"))
