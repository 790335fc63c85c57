"""Options of a compatibility run, declared once for `authprobe run` and for pytest.

Each front end registers `RUN_OPTIONS` or `PYTEST_OPTIONS` with its own parser, which collects the
texts given for each option. `settings.parse_settings` turns those texts into one typed value.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from authprobe.core.gates import NEVER, Gate, parse_gates
from authprobe.core.isolation import Isolation
from authprobe.core.targets import CHOICES, Target, targets_of
from authprobe.errors import SettingsError

if TYPE_CHECKING:
    from authprobe.core.executors import ExecutorAddress
    from authprobe.core.shards import Shard
    from authprobe.documents.node_tree import Value

JOBS_PER_PROCESSOR: Final = 8
MAX_DEFAULT_JOBS: Final = 64
MAX_COUNT: Final = 1_000_000
MAX_DIGITS: Final = 20
MAX_RETRIES: Final = 10
MAX_COST_USD: Final = 1
DEFAULT_COST_USD: Final = 0.05
_COST: Final = re.compile(r"[0-9]{1,2}(?:\.[0-9]{1,6})?")
_NAMES: Final = re.compile(r"`[^`]*`|(?<![\w-])--?[a-z]+(?:-[a-z]+)*(?![\w-])")
"""A text in backquotes, or the name of an option."""
T_co = TypeVar("T_co", covariant=True)

OptionTexts = Mapping[str, Sequence[str]]
"""Texts given for each option, by the option's name, in the order of the command line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option(Generic[T_co]):
    """An option of a run: its name, the type of its value, its default and its help."""

    name: str
    """With its dashes, such as `--known-failures`."""
    metavar: str
    help: str
    parse: Callable[[str], T_co]
    """Return the value of one text, or raise ValueError with the remedy."""
    default_text: str | None = None
    """Description of the default in the help; None if there is nothing to say."""
    repeatable: bool = False
    hidden: bool = False

    @property
    def key(self) -> str:
        """The name without its dashes, as files have it and, in capitals, variables."""
        return self.name.removeprefix("--")

    @property
    def help_text(self) -> str:
        """The help, followed by the default in the form that click uses."""
        return f"{self.help}  [default: {self.default_text}]" if self.default_text else self.help

    def values(self, texts: OptionTexts) -> tuple[T_co, ...]:
        """Return the value of every text that was given for this option.

        Raises:
            SettingsError: a text cannot be parsed.
        """
        return tuple(self._parse(text) for text in texts.get(self.name, ()))

    def _parse(self, text: str) -> T_co:
        try:
            return self.parse(text)
        except ValueError as error:
            raise SettingsError(f"{self.name} {text}: {error}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """An option without a value, of `authprobe run` only: pytest has one with the same name."""

    name: str
    help_text: str

    def value(self, texts: OptionTexts) -> bool:
        """Return True if the option was given."""
        return bool(texts.get(self.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleOption(Option[T_co]):
    """An option with one value, and a default where it is left out."""

    default: Callable[[], T_co]

    def value(self, texts: OptionTexts) -> T_co:
        """Return the value given last, or the default.

        Raises:
            SettingsError: a text cannot be parsed.
        """
        values = self.values(texts)
        return values[-1] if values else self.default()


def default_jobs() -> int:
    """Return the number of clients that may run at a time: more than there are processors, as the
    load decides how many do.
    """
    # Imported here, as in the parsers below: the pytest plugin of every project imports this file.
    from authprobe.core.processors import available_processors

    return min(MAX_DEFAULT_JOBS, JOBS_PER_PROCESSOR * available_processors())


def parse_jobs(text: str) -> int:
    """Return a number of clients.

    Raises:
        ValueError: the text is not a whole number above 0.
    """
    if text.isascii() and text.isdecimal() and int(text) > 0:
        return int(text)
    raise ValueError("must be a whole number of at least 1")


def number_parser(least: int, most: int, example: int) -> Callable[[str], int]:
    """Return a function that parses a whole number between two others."""

    def parse(text: str) -> int:
        is_number = text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS
        if is_number and least <= int(text) <= most:
            return int(text)
        raise ValueError(f"must be a whole number from {least} to {most:,}, such as {example}")

    return parse


def parse_assignment(text: str) -> "tuple[str, Value]":
    """Return the name and the value of a variable; the value is read as in YAML.

    Raises:
        ValueError: the text has no `=`, or no name before it.
    """
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ValueError("write it as NAME=VALUE, such as model=claude-sonnet-5-5")
    # Imported here: the pytest plugin of every project imports this module, and PyYAML is large.
    from authprobe.documents.node_tree import resolve_scalar

    return name, resolve_scalar(value)


def parse_target(text: str) -> tuple[Target, ...]:
    """Return the targets that a word stands for.

    Raises:
        ValueError: there is no such target.
    """
    if text not in CHOICES:
        raise ValueError(f"no such target; use {', '.join(CHOICES)}")
    return targets_of(text)


def parse_shard(text: str) -> "Shard":
    """Return a part of a run.

    Raises:
        ValueError: the text does not name one.
    """
    from authprobe.core import shards

    return shards.parse_shard(text)


def parse_executor(text: str) -> "ExecutorAddress":
    """Return the address of a scheduler.

    Raises:
        ValueError: the text is none.
    """
    from authprobe.core import executors

    return executors.parse_executor(text)


def parse_cost(text: str) -> float:
    """Return an amount of US dollars.

    Raises:
        ValueError: the text is not an amount from 0 to 1.
    """
    if _COST.fullmatch(text) and float(text) <= MAX_COST_USD:
        return float(text)
    raise ValueError(f"must be US dollars from 0 to {MAX_COST_USD}, such as 0.01")


def parse_isolation(text: str) -> Isolation:
    """Return a level of isolation.

    Raises:
        ValueError: there is no such level.
    """
    if text not in list(Isolation):
        raise ValueError(f"no such isolation; use {', '.join(Isolation)}")
    return Isolation(text)


def _existing_file(*parts: str) -> Callable[[], Path | None]:
    """Return a default: this file if it exists when the options are read, else None."""

    def default() -> Path | None:
        from authprobe.core.safe_files import is_missing

        path = Path(*parts)
        return None if is_missing(path) else path

    return default


SCENARIOS: Final = Option(
    name="--scenarios",
    metavar="PATH",
    help=(
        "Scenario file or directory, or 'incidents' or 'clients' for the bundled ones of that "
        "name; repeatable."
    ),
    parse=Path,
    default_text="the bundled scenarios",
    repeatable=True,
)
SUITE: Final[SingleOption[str | None]] = SingleOption(
    name="--suite",
    metavar="NAME",
    help=(
        "Probe the bundled cases of this suite: smoke, standard, full, incidents or clients. "
        "`--list` shows what each has."
    ),
    parse=str,
    default=lambda: None,
    default_text="standard; all bundled cases if another option selects some",
)
CLIENTS: Final = Option(
    name="--client",
    metavar="NAME[@VERSION|RANGE]",
    help=(
        "Probe only this client; repeatable. A version or range replaces the versions that the "
        "scenarios name."
    ),
    parse=str,
    repeatable=True,
)
SET: Final = Option(
    name="--set",
    metavar="NAME=VALUE",
    help="Value of a variable of the scenarios, instead of the one in the file; repeatable.",
    parse=parse_assignment,
    repeatable=True,
)
CASES: Final = Option(
    name="--case",
    metavar="ID",
    help="Probe only the case with this id; repeatable.",
    parse=str,
    repeatable=True,
)
JOBS: Final = SingleOption(
    name="--jobs",
    metavar="N",
    help="Run at most this number of clients at the same time.",
    parse=parse_jobs,
    default=default_jobs,
    default_text="8 per processor, while it is idle",
)
OUT: Final = SingleOption(
    name="--out",
    metavar="DIRECTORY",
    help="Write the reports to this directory.",
    parse=Path,
    default=lambda: Path("reports"),
    default_text="reports",
)
BASELINE: Final[SingleOption[Path | None]] = SingleOption(
    name="--baseline",
    metavar="FILE",
    help="Compare with this baseline, or with the results.json of an earlier run.",
    parse=Path,
    default=_existing_file("reports", "baseline.json"),
    default_text="reports/baseline.json, if it exists",
)
KNOWN_FAILURES: Final[SingleOption[Path | None]] = SingleOption(
    name="--known-failures",
    metavar="FILE",
    help="Excuse the failures listed in this file.",
    parse=Path,
    default=_existing_file("reports", "known-failures.yaml"),
    default_text="reports/known-failures.yaml, if it exists",
)
HISTORY: Final[SingleOption[str | None]] = SingleOption(
    name="--history",
    metavar="PATH|URL|none",
    help="Append the run to this history file or PostgreSQL database.",
    parse=str,
    default=lambda: None,
    default_text="$AUTHPROBE_HISTORY, else history.db in --out",
)
TARGET: Final[SingleOption[tuple[Target, ...]]] = SingleOption(
    name="--target",
    metavar="emulator|live|both",
    help=(
        "Service to ask: the emulator; with 'live', the real one, with your own secrets, as far as "
        "the scenarios allow it; or both, side by side."
    ),
    parse=parse_target,
    default=lambda: (Target.EMULATOR,),
    default_text=Target.EMULATOR,
)
YES: Final = Flag(
    name="--yes",
    help_text="Agree to the plan beforehand, as in CI; it is still printed.",
)
MAX_COST: Final = SingleOption(
    name="--max-cost",
    metavar="USD",
    help="Refuse a plan for the real service that could cost more.",
    parse=parse_cost,
    default=lambda: DEFAULT_COST_USD,
    default_text=str(DEFAULT_COST_USD),
)
ALLOW_RENEWAL: Final = Flag(
    name="--allow-renewal",
    help_text=(
        "Use your stored login even if Claude Code might renew it, which replaces its tokens."
    ),
)
ISOLATION: Final[SingleOption[Isolation | None]] = SingleOption(
    name="--isolation",
    metavar="sealed|network|none",
    help=(
        "Isolate the clients at most this much. Without 'sealed' they can read and change your "
        "files, without 'network' also connect to other machines."
    ),
    parse=parse_isolation,
    default=lambda: None,
    default_text="$AUTHPROBE_ISOLATION, else sealed, as far as this system allows it",
)
FAIL_ON: Final[Option[tuple[Gate, ...]]] = Option(
    name="--fail-on",
    metavar="WORD[,WORD...]",
    help=(
        f"Exit with 1 if one of these occurs: {', '.join(Gate)}; or '{NEVER}'. "
        "`authprobe run --help` explains them."
    ),
    parse=parse_gates,
    default_text=Gate.FAILED,
    repeatable=True,
)
LAST_FAILED: Final = Flag(
    name="--last-failed",
    help_text=(
        "Probe only the cases that failed or could not be tested in the last run in --out. Plain "
        "pytest has this option itself."
    ),
)
MAX_FAILURES: Final[SingleOption[int | None]] = SingleOption(
    name="--max-failures",
    metavar="N",
    help="Start no further case after N failures.",
    parse=number_parser(1, MAX_COUNT, 1),
    default=lambda: None,
)
RETRIES: Final = SingleOption(
    name="--retries",
    metavar="N",
    help=(
        "Probe a failed case again, alone and at most N times. It is flaky if it passes then. A "
        "case that could not be tested is not probed again."
    ),
    parse=number_parser(0, MAX_RETRIES, 2),
    default=lambda: 0,
    default_text="0",
)
HAR: Final[SingleOption[Path | None]] = SingleOption(
    name="--har",
    metavar="DIRECTORY",
    help="Write the requests of each case to this directory, as an HTTP Archive (HAR 1.2).",
    parse=Path,
    default=lambda: None,
)
METRICS: Final[SingleOption[Path | None]] = SingleOption(
    name="--metrics",
    metavar="FILE",
    help=(
        "Write metrics to this file, such as authprobe.prom in the directory of the node "
        "exporter's textfile collector."
    ),
    parse=Path,
    default=lambda: None,
)
TRACES: Final = Flag(
    name="--traces",
    help_text=(
        "Send an OpenTelemetry trace of the run to the collector in OTEL_EXPORTER_OTLP_ENDPOINT."
    ),
)
SHARD: "Final[SingleOption[Shard | None]]" = SingleOption(
    name="--shard",
    metavar="I/N",
    help=(
        "Probe only the I-th of N parts of the run, cut by client version; `authprobe merge` joins "
        "what N machines have probed."
    ),
    parse=parse_shard,
    default=lambda: None,
)
SHARD_WEIGHTS: Final[SingleOption[Path | None]] = SingleOption(
    name="--shard-weights",
    metavar="FILE",
    help=(
        "With --shard: cut by how long the cases took in this results.json; the same file on all "
        "machines. By default all cases of clients count the same."
    ),
    parse=Path,
    default=lambda: None,
)
EXECUTOR: "Final[SingleOption[ExecutorAddress | None]]" = SingleOption(
    name="--executor",
    metavar="dask://HOST:PORT",
    help=(
        "Probe on the workers of this dask scheduler, each with a client cache of its own. Whoever "
        "reaches a scheduler runs code on its workers: see docs/scale.md."
    ),
    parse=parse_executor,
    default=lambda: None,
    default_text="this machine",
)
BREAK_RULES: Final = Option(
    name="--break-rule",
    metavar="ID",
    help="Leave out this rule of the emulator, to test the scenarios; repeatable.",
    parse=str,
    repeatable=True,
    hidden=True,
)

RUN_OPTIONS: Final[tuple[Option[object], ...]] = (
    SCENARIOS,
    SUITE,
    SET,
    CLIENTS,
    CASES,
    JOBS,
    OUT,
    BASELINE,
    KNOWN_FAILURES,
    HISTORY,
    TARGET,
    MAX_COST,
    ISOLATION,
    FAIL_ON,
    RETRIES,
    MAX_FAILURES,
    SHARD,
    SHARD_WEIGHTS,
    EXECUTOR,
    HAR,
    METRICS,
    BREAK_RULES,
)
"""Every option of a run with a value, in the order of the help."""
RUN_FLAGS: Final = (LAST_FAILED, TRACES, YES, ALLOW_RENEWAL)
"""Every option of a run without a value."""

REPORT: Final[SingleOption[Path | None]] = SingleOption(
    name="--report",
    metavar="DIRECTORY",
    help="Write the reports of `authprobe run` to this directory at the end of the session.",
    parse=Path,
    default=lambda: None,
    default_text="no reports",
)
ITEM_JOBS: Final = SingleOption(
    name=JOBS.name,
    metavar="N",
    help=(
        "Probe the cases of the next items while one runs, N at the same time. With pytest-xdist "
        "each process probes one; use -n instead."
    ),
    parse=parse_jobs,
    default=lambda: 1,
    default_text="1",
)
PYTEST_OPTIONS: Final[tuple[Option[object], ...]] = (
    REPORT,
    SET,
    CLIENTS,
    ITEM_JOBS,
    BASELINE,
    KNOWN_FAILURES,
    HISTORY,
    TARGET,
    ISOLATION,
    FAIL_ON,
    RETRIES,
    HAR,
    BREAK_RULES,
)
"""Every option of a session of pytest. The others are what pytest has itself: paths and node ids
select scenarios and cases, and `--maxfail` ends the session.
"""
PYTEST_PREFIX: Final = "--authprobe-"
"""Beginning of the options in pytest, where other plugins have a `--retries` or `--report` too."""


def prefixed_name(option: Option[object]) -> str:
    """Return the name of an option in pytest: `--authprobe-jobs` for `--jobs`."""
    return f"{PYTEST_PREFIX}{option.key}"


def renamed(message: str, names: Mapping[str, str]) -> str:
    """Return a message with other names of options, as its reader knows them.

    Commands, which are in backquotes, stay as they are.
    """
    return _NAMES.sub(lambda match: names.get(match[0], match[0]), message)
