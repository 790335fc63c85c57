"""Words for shell completion: `python -m authprobe.report.reference.completion_words`."""

import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import click

from authprobe.core.client_kinds import ClientKind
from authprobe.core.version_ranges import version_key
from authprobe.drift.rows import ROWS
from authprobe.emulator.catalogue import rows
from authprobe.emulator.config import AccountState, TokenKind
from authprobe.emulator.faults import ALIASES, FAULTS
from authprobe.observation.model import Outcome
from authprobe.plan.suites import bundled_suites
from authprobe.report.reference.suites import case_ids
from authprobe.scenario.bundled_clients import BUNDLED, KNOWN_CLIENTS

VERSIONS: Final = Path(__file__).parents[4] / "docs" / "versions"
"""Tables of versions, of a checkout."""
MAX_HELP: Final = 70
"""Characters of an explanation."""


def completion_words() -> str:
    """Return the words as JSON: cases, clients with their versions, and names with explanations."""
    suites = bundled_suites().values()
    rules = {row.id: _help(row.condition) for row in rows()}
    faults = {name: _help(kind.text) for name, kind in FAULTS.items()}
    document = {
        "cases": sorted({id for suite in suites for id in case_ids(suite)}),
        "clients": dict(_clients()),
        "suites": {suite.id: _help(suite.title) for suite in suites},
        "rules": rules,
        "faults": {**faults, **{name: f"rule {rule}" for name, rule in ALIASES.items()}, **rules},
        "rows": {row.id: _help(row.title) for row in ROWS.values()},
        "standings": dict.fromkeys(AccountState, ""),
        "outcomes": dict.fromkeys(Outcome, ""),
        "credentials": dict.fromkeys(TokenKind, ""),
    }
    return json.dumps(document, indent=0, ensure_ascii=False) + "\n"


def _clients() -> Iterator[tuple[str, Mapping[str, object]]]:
    """Yield each bundled client: the folder of its package in the cache, and known versions."""
    for name in (*ClientKind, *sorted(path.stem for path in BUNDLED.glob("*.yaml"))):
        package = KNOWN_CLIENTS[name].spec.package
        yield str(name), {"folder": package.folder if package else "", "versions": _versions(name)}


def _versions(client: str) -> list[str]:
    """Return the versions of a client that its table has, newest first."""
    path = VERSIONS / f"{client}.json"
    published = json.loads(path.read_text())["published"] if path.exists() else ()
    return sorted(published, key=version_key, reverse=True)


def _help(text: str) -> str:
    return textwrap.shorten(text, MAX_HELP, placeholder=" ...")


if __name__ == "__main__":
    click.echo(completion_words(), nl=False)
