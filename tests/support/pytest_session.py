"""pytest in a project of somebody's own, in which authprobe is installed."""

from pathlib import Path
from typing import Final

from tests.support.command import Ended, command, run

SCENARIO: Final = """\
id: example
title: Two kinds of key
why: To see which cases are probed.
sources: [https://example.org/]
endpoints:
  messages: {url: "https://api.anthropic.com/v1/messages"}
credentials:
  good: {token: api-key, via: x-api-key}
  bad: {token: api-key, state: unknown, via: x-api-key}
matrix:
  client: [raw-http]
  endpoint: [messages]
  credential: [good, bad]
tags: [nightly]
expect:
  - when: {credential: good}
    then:
      outcome: accepted
      status: 200
  - then: {outcome: rejected, status: 401}
"""
WRONG: Final = SCENARIO.replace("status: 200", "status: 500")
"""The same, of which one case fails: in line 19."""
WRONG_LINE: Final = 19
GOOD: Final = "example/raw-http/messages/good"
BAD: Final = "example/raw-http/messages/bad"
FILE: Final = "bot.authprobe.yaml"
OPTIONS: Final = ("--color=no", "-p", "no:randomly")


def write_project(folder: Path, text: str = SCENARIO, name: str = FILE) -> Path:
    """Write a project with one scenario file and return the path of that file."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\n")  # the root directory is this folder
    return path


def run_pytest(folder: Path, *arguments: str | Path, **variables: str) -> Ended:
    """Run pytest in this folder, with a home and a working directory of its own.

    It rewrites no assertions, as it could not rewrite those of plugins that its fork has imported.
    """
    words = (*OPTIONS, "--assert=plain", *arguments)
    return run(*words, cwd=folder, module="pytest", argv=None, **variables)


def start_pytest(folder: Path, *arguments: str | Path, **variables: str) -> Ended:
    """Run pytest as a new process: where it matters what it imports, and in which order."""
    return run(argv=command(*OPTIONS, *arguments, module="pytest"), cwd=folder, **variables)
