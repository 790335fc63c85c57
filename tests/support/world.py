"""A fake registry with versions of `claude` whose behaviour a test chooses."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.command import Ended, run, write_scenario
from tests.support.registry import Registry

CASE = "example/claude-code@1.0.0/default/none"
SCENARIO = """
id: example
title: An example
why: To have one.
sources: [https://example.org/1]
matrix: {client: [claude-code@1.0.0], credential: [none]}
limit: 3
expect: {outcome: accepted}
"""
PROGRAM = """
program=$modules/.bin/claude
says() {{ printf '#!/bin/sh\\nif [ "$1" = --version ]; then echo %s; exit; fi\\n' "$version"; }}
answer() {{ says; echo "echo '$1'; exit $2"; }}
good() {{ answer '{{"is_error": false, "result": "pong"}}' 0; }}
bad() {{ answer '{{"is_error": true, "result": "no", "api_error_status": 401}}' 1; }}
lie() {{ version=9.9.9; good; }}
flaky() {{ cat "$here/flaky"; }}
hang() {{ says; echo 'sleep 300'; }}
crash() {{ says; echo 'echo fatal: it broke >&2; exit 7'; }}
case $version in
{cases}
*) good ;;
esac > "$program"
"""
GONE = """
case "$*" in install*@1.0.{patch})
    echo "npm error code {code}
npm error {words}" >&2; exit 1 ;;
esac
"""


@dataclass
class World:
    """A folder with a scenario, and a registry with versions."""

    folder: Path
    registry: Registry

    def publish(self, *, until: int, **does: str) -> None:
        """Publish 1.0.0 to 1.0.UNTIL; each keyword is a behaviour of PROGRAM, with its versions."""
        self.registry.publish_all(*(f"1.0.{n}" for n in range(until + 1)))
        cases = [f"{' | '.join(f'1.0.{n}' for n in v.split())}) {k} ;;" for k, v in does.items()]
        self.registry.after(PROGRAM.format(cases="\n".join(cases)))

    @property
    def env(self) -> dict[str, str]:
        """Variables that point clients at the registry, and let them count their starts here."""
        return {
            "PATH": f"{self.registry.folder}:/usr/bin:/bin",
            "AUTHPROBE_CACHE": str(self.folder / "cache"),
            "AUTHPROBE_ISOLATION": "network",
        }

    def bisect(self, *words: str) -> Ended:
        """Run the command with the scenario."""
        words = ("bisect", *words, "--scenarios", "example.yaml")
        return run(*words, cwd=self.folder, argv=None, **self.env)

    def ask(self, last: int, *words: str) -> dict[str, Any]:
        """Return the result between 1.0.0, which is good, and `last`, which is bad."""
        ended = self.bisect(CASE, "--good", "1.0.0", "--bad", f"1.0.{last}", "--json", *words)
        answer: dict[str, Any] = json.loads(ended.out)
        return answer | {"code": ended.code, "err": ended.err}

    @property
    def installs(self) -> int:
        """Number of attempted installations."""
        return self.registry.calls.count("install")


def make_world(folder: Path) -> World:
    """Return a folder with the scenario, and a registry without versions."""
    registry = folder / "registry"
    registry.mkdir()
    write_scenario(folder, SCENARIO)
    return World(folder, Registry(registry))


def numbers(first: int, last: int) -> str:
    """Return numbers as `publish` takes them: `4 5 6`."""
    return " ".join(map(str, range(first, last + 1)))
