"""Checks of settings that a command makes after it has parsed them, for `authprobe config`.

Each check calls what the command itself calls, so that the words are the same.
"""

import dataclasses
import datetime
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from authprobe.configuration.keys import PYTEST, RUN
from authprobe.configuration.merged import Configured
from authprobe.core.history_location import check_location
from authprobe.core.isolation import Isolation
from authprobe.errors import ProbesError
from authprobe.options import FAIL_ON
from authprobe.settings import Settings, parse_fail_on

SEPARATE: Final = frozenset({"client", "case", "fault", "break-rule"})
"""Options whose values are checked one by one, so that each wrong one is named."""
Settled = Mapping[str, Configured]
"""What variables and files set for a command, by option."""


def problems_of(command: str, found: Settled) -> Iterator[tuple[str, str]]:
    """Yield each option whose value the command would refuse, and why.

    What only the command line says counts as left out. No registry is asked.
    """
    for option, each in found.items():
        texts = each.value if option in SEPARATE and isinstance(each.value, tuple) else ()
        parts = [dataclasses.replace(each, value=(text,)) for text in texts] or [each]
        if check := CHECKS.get(command, {}).get(option):
            for part in parts:
                try:
                    check({**found, option: part})
                except (ProbesError, ValueError) as error:
                    yield option, str(error)


def _texts(found: Settled, option: str) -> tuple[str, ...]:
    if option not in found:
        return ()
    value = found[option].value
    return value if isinstance(value, tuple) else (str(value),)


def _paths(found: Settled, option: str) -> tuple[Path, ...]:
    return tuple(map(Path, _texts(found, option)))


def _settings(found: Settled) -> Settings:
    """Return settings with the scenarios and the suite only; nothing else is read."""
    return Settings(
        scenarios=_paths(found, "scenarios"),
        suite=next(iter(_texts(found, "suite")), None),
        isolation=Isolation.SEALED,
        cache_limit_bytes=1,
        history_runs=1,
    )


def _scenarios(found: Settled) -> None:
    from authprobe.scenario.load import load_all

    load_all(_settings(found).scenario_paths)


def _suite(found: Settled) -> None:
    from authprobe.engine.runner import chosen_suite

    chosen_suite(_settings(found))


def _clients(found: Settled) -> None:
    from authprobe.plan.expand import read_client
    from authprobe.scenario.bundled_clients import KNOWN_CLIENTS
    from authprobe.scenario.clients import kind_name

    texts, known = _texts(found, "client"), KNOWN_CLIENTS
    if not {kind_name(text) for text in texts} <= known.keys() and "scenarios" in found:
        from authprobe.plan.expand import known_clients_of
        from authprobe.scenario.load import load_all

        known = known_clients_of(load_all(_settings(found).scenario_paths))
    for text in texts:
        read_client(text, "--client", known)


def _client_names(found: Settled) -> None:
    from authprobe.plan.expand import known_clients_of, package_of, read_client_name
    from authprobe.scenario.load import load_all

    scenarios = load_all(_settings(found).scenario_paths) if "scenarios" in found else ()
    for text in _texts(found, "client"):
        package_of(read_client_name(text, "--client", known_clients_of(scenarios)))


def _cases(found: Settled) -> None:
    from authprobe.plan.case_ids import check_case_id

    for text in _texts(found, "case"):
        check_case_id(text)


def _baseline(found: Settled) -> None:
    from authprobe.run.baseline import read_baseline

    for path in _paths(found, "baseline"):
        read_baseline(path)


def _known_failures(found: Settled) -> None:
    from authprobe.run.known_failures import load_known_failures

    for path in _paths(found, "known-failures"):
        load_known_failures(path, datetime.datetime.now(datetime.UTC).date())


def _fail_on(found: Settled) -> None:
    parse_fail_on(FAIL_ON.values({FAIL_ON.name: _texts(found, "fail-on")}))


def _history(found: Settled) -> None:
    for text in _texts(found, "history"):
        check_location(text)


def _expression(found: Settled) -> None:
    from authprobe.plan.selection import compile_expression

    for text in _texts(found, "k"):
        compile_expression(text)


def _break_rules(found: Settled) -> None:
    from authprobe.engine.runner import check_rules

    check_rules(_texts(found, "break-rule"))


def _versions(found: Settled) -> None:
    from authprobe.commands.versions import check_bounds

    check_bounds(*(next(iter(_texts(found, name)), None) for name in ("since", "until")))


def _standing(found: Settled) -> None:
    from authprobe.commands.emulator_options import read_standing

    for text in _texts(found, "standing"):
        read_standing(text)


def _faults(found: Settled) -> None:
    from authprobe.commands.emulator_options import check_faults

    check_faults(_texts(found, "fault"))


def _issued(found: Settled) -> None:
    from authprobe.commands.issued_credentials import parse_issued

    parse_issued(_texts(found, "issue"))


Check = Callable[[Settled], None]
_ACCEPTED: Final[Mapping[str, Check]] = {
    "baseline": _baseline,
    "known-failures": _known_failures,
    "history": _history,
    "fail-on": _fail_on,
}
_CASES: Final[Mapping[str, Check]] = {"scenarios": _scenarios, "k": _expression}
CHECKS: Final[Mapping[str, Mapping[str, Check]]] = {
    RUN: {
        **_ACCEPTED,
        **_CASES,
        "suite": _suite,
        "client": _clients,
        "case": _cases,
        "break-rule": _break_rules,
    },
    PYTEST: {**_ACCEPTED, "client": _clients, "break-rule": _break_rules},
    "merge": _ACCEPTED,
    "report": {"history": _history},
    "history": {"history": _history},
    "diff": _CASES,
    "bisect": _CASES,
    "versions": {
        "scenarios": _scenarios,
        "client": _client_names,
        "since": _versions,
        "until": _versions,
    },
    "watch": {**_CASES, "suite": _suite, "client": _client_names},
    "emulator": {"standing": _standing, "fault": _faults, "issue": _issued},
}
"""Checks by command and option; those of a number, a size or a word are those of its type."""
