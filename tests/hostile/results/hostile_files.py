"""Hostile files in the place of authprobe's own, each with the command that reads it and its end.

A file is made in the folder in which the command runs. `victim` there is a file of the user.
"""

import json
import os
import re
import socket
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from authprobe.run.baseline import baseline_from_run, dump_baseline
from authprobe.run.history.database import append
from authprobe.run.results_file import dump_run
from tests.support.make import make_observation, make_record, make_run

RUN: Final = make_run(make_record(id="s/raw-http/a/b", observation=make_observation(elapsed=2.25)))
RESULTS: Final = dump_run(RUN)
BASELINE: Final = dump_baseline(baseline_from_run(RUN))
KNOWN: Final = """known_failures:
  - case: {case}
    signature: {{outcome: rejected}}
    expires: {expires}
    issue: {issue}
"""
Maker = Callable[[Path], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostileFile:
    """A file, the command that reads it, and the end of that command."""

    name: str
    path: str
    make: Maker
    command: tuple[str, ...]
    error: str
    """Pattern of the whole line on stderr; empty: there is none."""
    code: int = 4


def content(text: str | bytes) -> Maker:
    """Return a maker of a file with this content."""

    def make(path: Path) -> None:
        path.write_bytes(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)

    return make


def sparse(path: Path) -> None:
    """Make a file of 10 GB that takes no place on the disk."""
    with path.open("wb") as file:
        file.truncate(10_000_000_000)


def unix_socket(path: Path) -> None:
    """Make a socket."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def endless(path: Path) -> None:
    """Make a link to a device without end."""
    path.symlink_to("/dev/zero")


def dangling(path: Path) -> None:
    """Make a link to a file that does not exist."""
    path.symlink_to("created")


def live(path: Path) -> None:
    """Make a link to the user's file."""
    path.symlink_to("victim")


def changed(**changes: Any) -> Maker:
    """Return a maker of results with these values in the run, or in its case with `case_`."""
    document = json.loads(RESULTS)
    for name, value in changes.items():
        target = document["cases"][0] if name.startswith("case_") else document
        target = target["observation"] if name.startswith("case_seen_") else target
        target[re.sub("^case_(seen_)?", "", name)] = value
    return content(json.dumps(document))


def doubled(text: str) -> Maker:
    """Return a maker of a file that has its case twice."""
    document = json.loads(text)
    document["cases"] *= 2
    return content(json.dumps(document))


def sql(*statements: str) -> Maker:
    """Return a maker of a history with one run, changed by these statements."""

    def make(path: Path) -> None:
        append(str(path), RUN, 9)
        with sqlite3.connect(path) as database:
            for statement in statements:
                database.execute(statement)
        database.close()

    return make


def sql_only(*statements: str) -> Maker:
    """Return a maker of a database of these statements alone."""

    def make(path: Path) -> None:
        with sqlite3.connect(path) as database:
            for statement in statements:
                database.execute(statement)
        database.close()

    return make


def beside(suffix: str, maker: Maker) -> Maker:
    """Return a maker of a history, and of another file of the same database."""

    def make(path: Path) -> None:
        sql()(path)
        maker(Path(f"{path}{suffix}"))

    return make


INVALID: Final = r"invalid JSON at line \d+, column \d+: "
NO_RESULTS: Final = "r.json: not a results file of authprobe: "
NO_BASELINE: Final = "b.json: not a baseline: "
WRITE: Final = "; write a new one with `authprobe run`"
RESTORE: Final = "restore it from git, or make a new one with `authprobe accept`"
LARGE: Final = r"larger than 67,108,864 bytes \(limit\); "
SPECIAL: Final = "a {}, not a regular file; "
NUMBER: Final = "cases.0 has a number that is too large"
TIME: Final = "started_at must be a time with its time zone, from 1970 to 9998"
MOVE: Final = "move it away, or choose another history with --history"
ODD: Final = f"history h.db: it has values that authprobe did not write; {MOVE}"
MADE: Final = f"history h.db: the file has a {{}} that authprobe did not make; {MOVE}"
LEFT: Final = "not a regular file, and is left as it is; remove it, or choose another place"
CASE: Final = "s/raw-http/a/b"
SET: Final = "UPDATE authprobe_{}"


def results(name: str, make: Maker, reason: str, remedy: str = WRITE) -> HostileFile:
    """Return a hostile results file."""
    return HostileFile(
        name=f"results-{name}",
        path="r.json",
        make=make,
        command=("report", "r.json", "--out", "out"),
        error=NO_RESULTS + reason + remedy,
    )


def unread_results(name: str, make: Maker, reason: str) -> HostileFile:
    """Return a results file that is not read."""
    return HostileFile(
        name=f"results-{name}",
        path="r.json",
        make=make,
        command=("share", "--results", "r.json"),
        error=f"r.json: {reason}write a new one with `authprobe run`",
    )


def baseline(name: str, make: Maker, error: str) -> HostileFile:
    """Return a hostile baseline."""
    return HostileFile(
        name=f"baseline-{name}",
        path="b.json",
        make=make,
        command=("run", "--client", "raw-http", "--baseline", "b.json", "--out", "out"),
        error=error,
    )


def known(name: str, make: Maker, error: str) -> HostileFile:
    """Return a hostile known-failures file."""
    return HostileFile(
        name=f"known-{name}",
        path="k.yaml",
        make=make,
        command=("run", "--client", "raw-http", "--known-failures", "k.yaml", "--out", "out"),
        error=f"k.yaml:{error}",
    )


def history(name: str, make: Maker, error: str, case: str | None = None) -> HostileFile:
    """Return a hostile history, of which the runs or the points of a case are asked."""
    return HostileFile(
        name=f"history-{name}",
        path="h.db",
        make=make,
        command=("history", *([case] if case else []), "--history", "h.db"),
        error=error,
    )


def log(name: str, make: Maker, error: str, code: int = 4) -> HostileFile:
    """Return a hostile probe log."""
    return HostileFile(
        name=f"log-{name}",
        path="trials.jsonl",
        make=make,
        command=("bisect", "--log", "--out", "."),
        error=error,
        code=code,
    )


def accepted(name: str, make: Maker, error: str) -> HostileFile:
    """Return what stands in the place of the baseline that `accept` writes."""
    return HostileFile(
        name=f"accept-{name}",
        path="b.json",
        make=make,
        command=("accept", "--results", "good.json", "--baseline", "b.json"),
        error=error,
    )


FILES: Final = (
    results("empty", content(""), INVALID + "EOF while parsing a value"),
    results("cut", content(RESULTS[:-40]), INVALID + "EOF while parsing .*"),
    results("list", content("[]"), "the file must be an object"),
    results("deep", content("[" * 1_000_000), INVALID + "recursion limit exceeded"),
    results("binary", content(b"\0\xff" * 1000), INVALID + "expected value"),
    results("utf-16", content(RESULTS.encode("utf-16")), INVALID + "expected value"),
    results("surrogate", content(RESULTS.replace("shape", "\\ud800")), INVALID + ".*hex escape"),
    results("nan", content(RESULTS.replace("2.25", "NaN")), ".*elapsed must be a finite number"),
    results("infinite", content(RESULTS.replace("2.25", "1e999")), ".*elapsed must be a finite .*"),
    results("huge", content(RESULTS.replace("2.25", "1e300")), NUMBER),
    results("digits", changed(case_seen_status=10**4000), NUMBER),
    results("negative", changed(case_seen_elapsed=-1), ".*elapsed must be a number of seconds"),
    results("year-1", changed(started_at="0001-01-01T00:00:00Z"), TIME),
    results("year-9999", changed(started_at="9999-12-31T23:59:59-23:00"), TIME),
    results("no-zone", changed(started_at="2026-11-01T00:00:00"), TIME),
    results("no-time", changed(started_at="\u202e\x1b[2J"), "started_at must be a date and time"),
    results("twice", doubled(RESULTS), "cases has two cases with the same id"),
    results("type", changed(cases={"a": 1}), "cases must be a list"),
    results("status", changed(case_verdict={"status": "ok"}), "cases.0.verdict.status must be .*"),
    results("version", changed(schema_version=99), "schema_version must be 1"),
    results("missing", content('{"schema_version": 1}'), "id is missing"),
    results("other", live, INVALID + ".*"),
    unread_results("sparse", sparse, LARGE),
    unread_results("fifo", os.mkfifo, SPECIAL.format("FIFO")),
    unread_results("device", endless, SPECIAL.format("device")),
    unread_results("folder", Path.mkdir, SPECIAL.format("directory")),
    unread_results("socket", unix_socket, "No such device or address; "),
    unread_results("dangling", dangling, "No such file or directory; "),
    baseline("empty", content(""), NO_BASELINE + INVALID + f"EOF while .*; {RESTORE}"),
    baseline(
        "conflict",
        content(BASELINE.replace('"cases"', '<<<<<<< HEAD\n"cases"')),
        NO_BASELINE + INVALID + f"key must be a string; {RESTORE}",
    ),
    baseline(
        "twice",
        doubled(BASELINE),
        NO_BASELINE + f"two cases have the same id; keep one of them, or {RESTORE}",
    ),
    baseline(
        "type",
        content(BASELINE.replace('"passed"', '"fine"')),
        NO_BASELINE + f"cases.0.status must be .*; {RESTORE}",
    ),
    baseline(
        "identity",
        content(BASELINE.replace('"identity": 2', '"identity": "\\u001b[2J"')),
        r"b.json: a baseline of schema version 2 and identity \\u001b\[2J, which .*",
    ),
    baseline("sparse", sparse, f"b.json: {LARGE}{RESTORE}"),
    baseline("fifo", os.mkfifo, f"b.json: {SPECIAL.format('FIFO')}{RESTORE}"),
    baseline("device", endless, f"b.json: {SPECIAL.format('device')}{RESTORE}"),
    accepted("link", live, f".: cannot be written: 'b.json' is a symbolic link, {LEFT}"),
    accepted("dangling", dangling, f".: cannot be written: 'b.json' is a symbolic link, {LEFT}"),
    accepted("fifo", os.mkfifo, f".: cannot be written: 'b.json' is a FIFO, {LEFT}"),
    known("fifo", os.mkfifo, "1:1: not a regular file"),
    known("sparse", sparse, r"1:1: larger than 1,048,576 bytes \(limit\)"),
    known("device", endless, "1:1: not a regular file"),
    known("binary", content(b"\xff\xfe\0"), "1:1: the file is UTF-16; save it as UTF-8"),
    known(
        "year",
        content(KNOWN.format(case="x", expires="9999-99-99", issue="https://example.org/1")),
        "4:14: 'expires' must be a date such as 2026-02-19, not .*",
    ),
    known(
        "issue",
        content(KNOWN.format(case="x", expires="2026-12-31", issue="javascript:alert(1)")),
        "5:12: 'javascript:alert.1.' is not an address; .*",
    ),
    known("alias", content("known_failures: &a [*a]"), "1:21: the alias .* is inside its own .*"),
    history("fifo", os.mkfifo, f"history h.db: 'h.db' is a FIFO, {LEFT}"),
    history("folder", Path.mkdir, f"history h.db: 'h.db' is a directory, {LEFT}"),
    history("device", endless, f"history h.db: 'h.db' is a symbolic link, {LEFT}"),
    history("link", live, f"history h.db: 'h.db' is a symbolic link, {LEFT}"),
    history("text", content("no database, though " * 99), f"history h.db: the file is .*; {MOVE}"),
    history("empty", content(""), "h.db: there is no history yet; `authprobe run` creates one"),
    history("sparse", sparse, f"history h.db: the file is damaged; {MOVE}"),
    history("other", sql_only("CREATE TABLE t (x)"), f"history h.db: .* another program; {MOVE}"),
    history(
        "view",
        sql(
            "DROP TABLE authprobe_runs",
            "CREATE VIEW authprobe_runs AS WITH RECURSIVE n (x) AS "
            "(SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS seq FROM n",
        ),
        MADE.format("view"),
    ),
    history(
        "trigger",
        sql(
            "CREATE TRIGGER t AFTER INSERT ON authprobe_runs BEGIN "
            "DELETE FROM authprobe_results; END"
        ),
        MADE.format("trigger"),
    ),
    history(
        "computed",
        sql(
            "DROP TABLE authprobe_facts",
            "CREATE TABLE authprobe_facts (digest, text AS (hex(zeroblob(900000000))))",
        ),
        MADE.format("table"),
    ),
    history(
        "index",
        sql("CREATE INDEX i ON authprobe_facts (hex(text))"),
        MADE.format("index"),
    ),
    history("version", sql("UPDATE authprobe_schema SET version = 'x'"), ".*schema version x, .*"),
    history("count", sql(f"{SET.format('runs')} SET cases = 'many'"), ODD),
    history("counts", sql(f"{SET.format('runs')} SET failed = -1"), ODD),
    history("date", sql(f"{SET.format('runs')} SET started_at = 'soon'"), ODD),
    history("dates", sql(f"{SET.format('runs')} SET started_at = '0001-01-01 00:00:00'"), ODD),
    history("number", sql(f"{SET.format('runs')} SET started_at = 7"), ODD),
    history("time", sql(f"{SET.format('runs')} SET elapsed = 9e999"), ODD),
    history("name", sql(f"{SET.format('runs')} SET tool = x'00ff'"), ODD),
    history("facts", sql(f"{SET.format('facts')} SET text = '[1]'"), ODD, CASE),
    history("fact", sql(f"{SET.format('facts')} SET text = '{{'"), ODD, CASE),
    history("field", sql(f"{SET.format('facts')} SET text = '{{\"outcome\": 1}}'"), ODD, CASE),
    history(
        "large",
        sql(f"{SET.format('facts')} SET text = hex(zeroblob(6000000))"),
        f"history h.db: .*; {MOVE}",
        CASE,
    ),
    history(
        "journal", beside("-journal", dangling), f"history h.db: 'h.db-journal' is a .*, {LEFT}"
    ),
    history("wal", beside("-wal", live), f"history h.db: 'h.db-wal' is a symbolic link, {LEFT}"),
    log("fifo", os.mkfifo, "trials.jsonl: a FIFO, not a regular file; move .*"),
    log("device", endless, "trials.jsonl: a device, not a regular file; move .*"),
    log(
        "sparse",
        sparse,
        "trials.jsonl: larger than 500,000,000 bytes .*; move it .*",
    ),
    log("lines", content("{}\n[\n\x1b]\n"), "trials.jsonl: 3 damaged lines left out.*", code=0),
)
"""Every hostile file."""
