"""Checks of settings that a command makes after it has parsed them, for `authprobe config`.

Each check calls what the command itself calls, so that the words are the same.
"""

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from authprobe.configuration.keys import PYTEST, RUN
from authprobe.configuration.merged import Configured
from authprobe.core.history_location import check_location
from authprobe.core.isolation import Isolation
from authprobe.errors import ProbesError
from authprobe.options import FAIL_ON
from authprobe.settings import Settings, parse_fail_on

if TYPE_CHECKING:
    from authprobe.scenario.known_clients import KnownClient

T = TypeVar("T")
Settled = Mapping[str, Configured]
"""What variables and files set for a command, by option."""
Check = Callable[[Settled, str], Iterator[str]]
"""Function that yields why a command would refuse what is set for an option of this name."""


def problems_of(command: str, found: Settled) -> Iterator[tuple[str, str]]:
    """Yield each option whose value the command would refuse, and why.

    What only the command line says counts as left out. No registry is asked.
    """
    checks = CHECKS.get(command, {})
    for option in found:
        if option in checks:
            for problem in checks[option](found, option):
                yield option, problem


def _each(check: Callable[[str], object]) -> Check:
    """Return the check of an option of which each value is checked by itself."""
    return lambda found, option: _refusals(check, _texts(found, option))


def _whole(check: Callable[[Settled], object]) -> Check:
    """Return the check of an option whose values are checked together, or with other options."""
    return lambda found, option: _refusals(check, (found,))


def _refusals(check: Callable[[T], object], values: Iterable[T]) -> Iterator[str]:
    """Yield the error of each value that a check refuses."""
    for value in values:
        try:
            check(value)
        except (ProbesError, ValueError) as error:
            yield str(error)


def _texts(found: Settled, option: str) -> tuple[str, ...]:
    if option not in found:
        return ()
    value = found[option].value
    return value if isinstance(value, tuple) else (str(value),)


def _text(found: Settled, option: str) -> str | None:
    return next(iter(_texts(found, option)), None)


def _settings(found: Settled) -> Settings:
    """Return settings with the scenarios and the suite only; nothing else is read."""
    return Settings(
        scenarios=tuple(map(Path, _texts(found, "scenarios"))),
        suite=_text(found, "suite"),
        isolation=Isolation.SEALED,
        cache_limit_bytes=1,
        history_runs=1,
    )


@_whole
def _scenarios(found: Settled) -> None:
    from authprobe.scenario.load import load_all

    load_all(_settings(found).scenario_paths)


@_whole
def _suite(found: Settled) -> None:
    from authprobe.engine.runner import chosen_suite

    chosen_suite(_settings(found))


def _clients(found: Settled, option: str) -> Iterator[str]:
    from authprobe.plan.expand import read_client

    texts, known = _clients_to_check(found, option)
    return _refusals(lambda text: read_client(text, f"--{option}", known), texts)


def _client_names(found: Settled, option: str) -> Iterator[str]:
    from authprobe.plan.expand import package_of, read_client_name

    texts, known = _clients_to_check(found, option)
    return _refusals(lambda text: package_of(read_client_name(text, f"--{option}", known)), texts)


def _clients_to_check(
    found: Settled, option: str
) -> "tuple[tuple[str, ...], Mapping[str, KnownClient]]":
    """Return the clients that are set, and those that are known.

    One that only scenarios could define is left out if these have errors, which are their own.
    """
    from authprobe.scenario.bundled_clients import KNOWN_CLIENTS
    from authprobe.scenario.clients import kind_name

    texts = _texts(found, option)
    known = tuple(text for text in texts if kind_name(text) in KNOWN_CLIENTS)
    if known == texts or "scenarios" not in found:
        return texts, KNOWN_CLIENTS
    from authprobe.plan.expand import known_clients_of
    from authprobe.scenario.load import load_all

    try:
        return texts, known_clients_of(load_all(_settings(found).scenario_paths))
    except ProbesError:
        return known, KNOWN_CLIENTS


@_each
def _case(text: str) -> None:
    from authprobe.plan.case_ids import check_case_id

    check_case_id(text)


@_each
def _baseline(text: str) -> None:
    from authprobe.run.baseline import read_baseline

    read_baseline(Path(text))


@_each
def _known_failures(text: str) -> None:
    from authprobe.run.known_failures import load_known_failures

    load_known_failures(Path(text), datetime.datetime.now(datetime.UTC).date())


@_whole
def _fail_on(found: Settled) -> None:
    parse_fail_on(FAIL_ON.values({FAIL_ON.name: _texts(found, "fail-on")}))


@_each
def _expression(text: str) -> None:
    from authprobe.plan.selection import compile_expression

    compile_expression(text)


@_each
def _break_rule(text: str) -> None:
    from authprobe.engine.runner import check_rules

    check_rules((text,))


@_whole
def _bounds(found: Settled) -> None:
    from authprobe.commands.versions import check_bounds

    check_bounds(_text(found, "since"), _text(found, "until"))


@_each
def _standing(text: str) -> None:
    from authprobe.commands.emulator_options import read_standing

    read_standing(text)


@_each
def _fault(text: str) -> None:
    from authprobe.commands.emulator_options import check_faults

    check_faults((text,))


@_whole
def _issued(found: Settled) -> None:
    from authprobe.commands.issued_credentials import parse_issued

    parse_issued(_texts(found, "issue"))


_HISTORY: Final[Mapping[str, Check]] = {"history": _each(check_location)}
_ACCEPTED: Final[Mapping[str, Check]] = {
    **_HISTORY,
    "baseline": _baseline,
    "known-failures": _known_failures,
    "fail-on": _fail_on,
}
_CASES: Final[Mapping[str, Check]] = {"scenarios": _scenarios, "k": _expression}
CHECKS: Final[Mapping[str, Mapping[str, Check]]] = {
    RUN: {
        **_ACCEPTED,
        **_CASES,
        "suite": _suite,
        "client": _clients,
        "case": _case,
        "break-rule": _break_rule,
    },
    PYTEST: {**_ACCEPTED, "client": _clients, "break-rule": _break_rule},
    "merge": _ACCEPTED,
    "report": _HISTORY,
    "history": _HISTORY,
    "diff": _CASES,
    "bisect": _CASES,
    "versions": {
        "scenarios": _scenarios,
        "client": _client_names,
        "since": _bounds,
        "until": _bounds,
    },
    "watch": {**_CASES, "suite": _suite, "client": _client_names},
    "emulator": {"standing": _standing, "fault": _fault, "issue": _issued},
}
"""Checks by command and option; those of a number, a size or a word are those of its type."""
