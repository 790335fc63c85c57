"""GitHub, asked by its own program `gh`, with the token in `GH_TOKEN`."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any, Final

from runner import variable

MAX_BODY_BYTES = 65_000
"""GitHub takes 65,536 characters in an issue or a comment."""


AUTHOR: Final = "github-actions[bot]"
"""Whose name everything has that is written with the token of a job."""
TIMEOUT_SECONDS: Final = 120


class GitHubError(Exception):
    """An answer of `gh` that is an error, in its words."""


def repository() -> str:
    """Return the repository of the workflow, as `owner/name`."""
    return variable("GITHUB_REPOSITORY")


def gh(*arguments: str, body: str | None = None) -> str:
    """Run `gh`, with a body on its standard input, and return what it prints.

    Raises:
        GitHubError: it is not there, takes too long, or GitHub refuses.
    """
    try:
        done = subprocess.run(
            ["gh", *arguments],
            input=body or "",
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except OSError as error:
        raise GitHubError(f"gh cannot be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise GitHubError(f"gh does not answer within {TIMEOUT_SECONDS} seconds") from None
    if done.returncode:
        raise GitHubError(f"gh {' '.join(arguments[:2])}: {done.stderr.strip()}")
    return done.stdout


def send(method: str, path: str, **fields: object) -> None:
    """Send a request with a JSON body to the API of GitHub.

    Raises:
        GitHubError: GitHub refuses.
    """
    gh("api", path, "--method", method, "--input", "-", "--silent", body=json.dumps(fields))


def items(path: str) -> Iterator[Any]:
    """Yield every item of a list of the API, from all of its pages.

    Raises:
        GitHubError: GitHub refuses, or answers something else than lists of objects.
    """
    text = gh("api", path, "--paginate").strip()
    decoder, start = json.JSONDecoder(), 0
    while start < len(text):  # older versions of gh print an array for each page
        try:
            page, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            raise GitHubError(f"gh api {path}: no JSON") from None
        if not isinstance(page, list) or not all(isinstance(item, dict) for item in page):
            raise GitHubError(f"gh api {path}: no list of objects")
        yield from page
        start = end + len(text[end:]) - len(text[end:].lstrip())


def number_of(item: Any, key: str) -> int:
    """Return the number by which the API names an issue (`number`) or a comment (`id`).

    Raises:
        GitHubError: it has none.
    """
    number = item.get(key)
    if type(number) is not int or number < 1:
        raise GitHubError(f"gh api: {key} of an answer is {number!r:.80}, no number")
    return number


def is_own(item: Any, marker: str) -> bool:
    """Return True if a job wrote an issue or a comment, and it begins with this marker.

    People can copy the marker, and so can other apps: the author decides.
    """
    user, body = item.get("user"), item.get("body")
    is_author = isinstance(user, dict) and (user.get("login"), user.get("type")) == (AUTHOR, "Bot")
    return is_author and isinstance(body, str) and body.startswith(marker)
