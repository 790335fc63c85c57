"""Keys of authprobe.toml: which options a file can set, and who may set them.

A file of a project comes with a repository that somebody may only have cloned. It can therefore not
ask the real service, weaken the isolation, leave this machine or write outside of the project. An
option that is in no table here can be set by no file, so that a new one is safe by default.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

PROJECT_DEFINITIONS: Final = "clients"
"""Key with the files of definitions of clients, which is not an option."""
DOCTOR: Final = "doctor"
"""Table of what the doctor does not warn of, which is not options either."""
PYTEST: Final = "pytest"
"""Table of the options that pytest has with the prefix `--authprobe-`."""
RUN: Final = "run"


class KeyKind(enum.StrEnum):
    """Types of the value of a key."""

    TEXT = "a text"
    TEXTS = "a list of texts"
    NUMBER = "a number"
    FLAG = "true or false"
    PATH = "a path"
    PATHS = "a list of paths"
    HISTORY = "a path, a URL or none"


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a file."""

    kind: KeyKind
    reason: str = ""
    """Why the file of a project cannot set it; empty: it can."""
    harmless: tuple[str, ...] = ()
    """Values that it can set nevertheless."""
    mark: str = ""
    """Pattern of how every file begins that is written to the path; the file of a project cannot
    have another file replaced. Empty: reports with names of their own are written below the path,
    or what is there is read and refused first.
    """
    beside: str = ""
    """Ending of the name of a page that is written beside the path; empty: none is."""
    reports: bool = False
    """True if the reports of a run are written below the path; each is replaced only if it begins
    as `REPORT_MARKS` says.
    """


PAGE_MARK: Final = (
    r'<!doctype html>\s*<html lang="en">\s*<head>\s*<meta charset="utf-8">\s*'
    r'<meta http-equiv="Content-Security-Policy" (?:(?!</head>)[\s\S])*'
    r'</head>\s*<body>\s*<main class="ap">'
)
"""Beginning of a page, as in `report/html/templates/document.html`."""
REPORT_MARKS: Final[Mapping[str, str]] = {
    "report.html": r'<!DOCTYPE html>\s*<html lang="en">\s*<head><meta http-equiv="Content-Security-'
    r'Policy" (?:(?!</head>)[\s\S])*<title[^>]*>Compatibility of Claude clients',
    "results.json": r'\{\s*"schema_version": \d+,\s*"id": "',
    "summary.md": r"## \S+ authprobe: ",
    "junit.xml": r'<\?xml [^>]*>\s*<testsuites name="authprobe" ',
    "ctrf.json": r'\{\s*"reportFormat": "CTRF",[^{}]*"generatedBy": "authprobe",',
}
"""Beginnings of the reports of a run, by their names."""
_TEXT: Final = Key(KeyKind.TEXT)
_TEXTS: Final = Key(KeyKind.TEXTS)
_NUMBER: Final = Key(KeyKind.NUMBER)
_FLAG: Final = Key(KeyKind.FLAG)
_PATH: Final = Key(KeyKind.PATH)
_EXECUTOR: Final = Key(
    KeyKind.TEXT, "a project must not send what you run to other machines; set it in your own file"
)

RUN_KEYS: Final[Mapping[str, Key]] = {
    "scenarios": Key(KeyKind.PATHS),
    "suite": _TEXT,
    "set": _TEXTS,
    "client": _TEXTS,
    "case": _TEXTS,
    "jobs": _NUMBER,
    "out": Key(KeyKind.PATH, reports=True),
    "baseline": _PATH,
    "known-failures": _PATH,
    "history": Key(KeyKind.HISTORY),
    "max-cost": Key(
        KeyKind.NUMBER, "a project must not decide what you may pay; set it in your own file"
    ),
    "isolation": Key(
        KeyKind.TEXT,
        "a project must not weaken the isolation of its own clients; set it in your own file",
        harmless=("sealed",),
    ),
    "fail-on": _TEXTS,
    "retries": _NUMBER,
    "max-failures": _NUMBER,
    "executor": _EXECUTOR,
    "har": _PATH,
    "metrics": Key(KeyKind.PATH, mark="# HELP authprobe_run_info "),
    "traces": Key(
        KeyKind.FLAG, "a project must not send what you run elsewhere; set it in your own file"
    ),
    "verbose": _FLAG,
}
"""Options of `authprobe run`: keys at the top of the file."""

SHARED: Final[Mapping[str, frozenset[str]]] = {
    "merge": frozenset({"out", "baseline", "known-failures", "history", "fail-on", "verbose"}),
    "report": frozenset({"history"}),
    "accept": frozenset({"baseline", "known-failures"}),
    "history": frozenset({"history"}),
    "diff": frozenset({"scenarios", "jobs", "out", "executor"}),
    "bisect": frozenset({"scenarios", "out", "executor"}),
    "versions": frozenset({"jobs", "out", "executor"}),
    "watch": frozenset({"scenarios", "suite", "jobs", "out", "executor"}),
    PYTEST: frozenset(
        {
            *("set", "client", "jobs", "baseline", "known-failures", "history", "isolation"),
            *("fail-on", "retries", "har"),
        }
    ),
}
"""Options that mean the same as those of `authprobe run`, by the command that has them too: keys at
the top, and variables without the name of a command, count for them.
"""

_LOOKS: Final[Mapping[str, Key]] = {
    "scenarios": Key(KeyKind.PATHS),
    "out": _PATH,
    "jobs": _NUMBER,
    "executor": _EXECUTOR,
}
TABLES: Final[Mapping[str, Mapping[str, Key]]] = {
    RUN: RUN_KEYS,
    "merge": {name: RUN_KEYS[name] for name in sorted(SHARED["merge"])},
    "accept": {"results": _PATH, "baseline": _PATH, "known-failures": _PATH},
    "share": {
        "results": _PATH,
        "out": Key(
            KeyKind.PATH, mark=r"# .+\n\nauthprobe runs unmodified Claude clients, each with "
        ),
    },
    "diff": {
        **_LOOKS,
        "looks": _NUMBER,
        "html": Key(KeyKind.PATH, mark=PAGE_MARK),
    },
    "bisect": {name: key for name, key in _LOOKS.items() if name != "jobs"},
    "versions": {
        **_LOOKS,
        **{"client": _TEXT, "since": _TEXT, "until": _TEXT, "count": _NUMBER, "looks": _NUMBER},
        **{"features": _PATH, "data": Key(KeyKind.PATH, beside=".html"), "disk": _TEXT},
    },
    "watch": {**_LOOKS, "suite": _TEXT, "client": _TEXTS, "looks": _NUMBER, "at-most": _NUMBER},
    "drift": {"out": _PATH, "older-than": _TEXT},
    "emulator": {
        **{"port": _NUMBER, "https-port": _NUMBER, "control-port": _NUMBER, "date": _TEXT},
        **{"standing": _TEXT, "counts-as-claude-code": _FLAG, "follows-prompts": _FLAG},
        **{"fault": _TEXTS, "issue": _TEXTS, "base-url": _FLAG, "quiet": _FLAG},
    },
    PYTEST: {"report": _PATH, **{name: RUN_KEYS[name] for name in sorted(SHARED[PYTEST])}},
    DOCTOR: {"gateways": _TEXTS, "clouds": _TEXTS},
}
"""Keys of the table of each command."""

TOP_KEYS: Final[Mapping[str, Key]] = {**RUN_KEYS, PROJECT_DEFINITIONS: Key(KeyKind.PATHS)}

_OF_ONE_CALL: Final = "is for a single call only; give it as an option, or as a variable"
REFUSED: Final[Mapping[str, str]] = {
    "yes": "a file must not agree for you; give --yes, which is meant for CI",
    "allow-renewal": "a file must not have your login renewed; give --allow-renewal",
    "target": "a file must not have the real service asked; give --target",
    "break-rule": "a file must not leave out rules of the emulator; give --break-rule",
    "key-env": "a file must not have your key sent; give --key-env",
    "no-isolation": "a file must not end the isolation of programs; give --no-isolation",
    "share-home": "a file must not show your home to programs; give --share-home",
    "any-user": "a file must not open the emulator to other users; give --any-user",
    "listen-beyond-loopback": (
        "a file must not open the emulator to other machines; give --listen-beyond-loopback"
    ),
    "host": "a file must not choose the address of the emulator; give --host",
    "online": "a file must not have requests sent; give --online",
    **dict.fromkeys(
        ("shard", "shard-weights", "last-failed", "list", "json", "markdown", "k"), _OF_ONE_CALL
    ),
}
"""Options that no file can set, and why."""


def settable(command: str) -> Mapping[str, Key]:
    """Return the keys that count for a command, by their names: those of its table, and those at
    the top of the file that mean the same.
    """
    shared = {name: RUN_KEYS[name] for name in sorted(SHARED.get(command, ()))}
    return {**shared, **TABLES.get(command, {})}
