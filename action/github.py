"""GitHub, asked by its own program `gh`, with the token in `GH_TOKEN`."""

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

MAX_BODY_BYTES = 65_000
"""GitHub takes 65,536 characters in an issue or a comment."""


class GitHubError(Exception):
    """An answer of `gh` that is an error, in its words."""


def repository() -> str:
    """Return the repository of the workflow, as `owner/name`."""
    return os.environ["GITHUB_REPOSITORY"]


def gh(*arguments: str, body: str | None = None) -> str:
    """Run `gh`, with a body on its standard input, and return what it prints.

    Raises:
        GitHubError: it is not there, or GitHub refuses.
    """
    try:
        done = subprocess.run(
            ["gh", *arguments], input=body or "", capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise GitHubError(f"gh cannot be run: {error.strerror}") from None
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
        GitHubError: GitHub refuses.
    """
    text = gh("api", path, "--paginate").strip()
    decoder, start = json.JSONDecoder(), 0
    while start < len(text):  # older versions of gh print an array for each page
        page, end = decoder.raw_decode(text, start)
        yield from page
        start = end + len(text[end:]) - len(text[end:].lstrip())
