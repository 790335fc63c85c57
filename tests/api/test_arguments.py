"""Every argument of the public interface: another type is an error of authprobe that names it."""

import collections
import decimal
import fractions
import inspect
import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
from pydantic import ConfigDict, TypeAdapter, ValidationError

import authprobe

SCENARIO = """\
id: our-key
title: A key
why: It must work.
sources: [https://example.org/]
variables: {state: valid}
endpoints:
  messages: {url: "https://api.anthropic.com/v1/messages"}
credentials:
  ours: {token: api-key, state: "${state}", via: x-api-key}
matrix:
  client: [raw-http]
  endpoint: [messages]
  credential: [ours]
expect:
  - then: {outcome: accepted}
"""
REQUIRED: dict[str, Any] = {
    "run": {"scenarios": SCENARIO},
    "diff": {"before": "before.json", "after": "after.json"},
    "explain": {"text": "401"},
    "case": {"id": "x"},
    "add": {"kind": "file", "id": "file_1"},
    **{name: {"token": "x"} for name in ("expire", "revoke", "state")},
    "fault": {"name": "delay"},
    "advance": {"seconds": 1},
}
"""Arguments of functions and methods that need some."""


class BytesPath:
    """A path that is no text, as the types allow it for other programs."""

    def __fspath__(self) -> bytes:
        return b"before.json"


class WrongPath:
    """A path of a class that has a bug."""

    def __fspath__(self) -> int:
        return 5


class Unreadable:
    """A value that cannot be shown."""

    def __repr__(self) -> str:
        raise ZeroDivisionError


VALUES: tuple[Any, ...] = (
    *(None, True, 0, 5, -1, 5.5, float("nan"), decimal.Decimal(1)),
    *("", b"", b"x", Path("x"), object(), Unreadable(), BytesPath(), WrongPath()),
    *([], [None], [[]], [5], ["x", b"y"], (), (5,), {}, {"a": []}, {5: 5}, set(), {1}, range(3)),
    *(int, len, authprobe.Backend, authprobe.TokenKind),
)


def functions() -> Iterator[tuple[str, str]]:
    """Yield the path of each public function and method, and the name of each of its arguments."""
    for name in authprobe.__all__:
        value = getattr(authprobe, name)
        members = vars(value) if isinstance(value, type) else {name: value}
        prefix = f"{name}." if isinstance(value, type) else ""
        for member, function in members.items():
            if isinstance(function, types.FunctionType) and not member.startswith("_"):
                parameters = inspect.signature(function).parameters
                yield from ((f"{prefix}{member}", each) for each in parameters if each != "self")


FUNCTIONS = tuple(functions())


def is_of(hint: TypeAdapter[Any], value: object) -> bool:
    """Return whether a value is of a type, as pydantic reads the type."""
    try:
        (valid,) = hint.validate_python((value,))
        if isinstance(valid, Iterator):  # an iterable is validated as it is read
            list(valid)
    except ValidationError:
        return False
    return True


@pytest.fixture(scope="module")
def owners() -> Iterator[dict[str, Any]]:
    """An object of each public class that has a method, by its name."""
    with authprobe.emulate() as emulator:
        yield {
            "Backend": authprobe.Backend(),
            "Emulator": emulator,
            "RunResult": authprobe.run(SCENARIO),
            "": authprobe,
        }


@pytest.mark.parametrize(("function", "name"), FUNCTIONS)
def test_another_type_is_an_error_that_names_the_argument(
    owners: dict[str, Any],
    function: str,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    owner, _, method = function.rpartition(".")
    call = getattr(owners[owner], method)
    config = ConfigDict(strict=True, arbitrary_types_allowed=True)
    one: Any = tuple[typing.get_type_hints(call)[name]]  # type: ignore[misc]  # known at run time
    hint: TypeAdapter[Any] = TypeAdapter(one, config=config)
    for value in VALUES:
        if function == "run" and is_of(hint, value):
            continue  # it would probe cases
        try:
            call(**{**REQUIRED.get(method, {}), name: value})
        except authprobe.ProbesError as error:
            message = str(error)
        else:
            message = ""
        assert is_of(hint, value) or re.match(rf"{name}\b.*: ", message), (repr_of(value), message)


def repr_of(value: object) -> str:
    """Return a text that shows a value."""
    return type(value).__name__ if isinstance(value, Unreadable) else f"{value:.80}"


def test_numbers_and_bytes_of_libraries_are_taken(owners: dict[str, Any]) -> None:
    emulator = owners["Emulator"]
    emulator.fault("delay", seconds=numpy.float32(0), times=numpy.int64(1))
    emulator.clear_faults()
    for content in (bytearray(b"x"), memoryview(b"x")):
        emulator.add("file", f"file_{type(content).__name__}", content=content)
    variables: dict[str, Any] = {
        "number": numpy.int64(2),
        "part": fractions.Fraction(1, 2),
        "state": "valid",
    }
    used = SCENARIO.replace("{state: valid}", "{state: valid, number: 1, part: 1.5}")
    used = used.replace("A key", "A key of ${number} and ${part}")
    counts: dict[str, Any] = {"retries": numpy.int8(1), "jobs": numpy.int64(1)}
    result = authprobe.run(used, variables=variables, **counts)
    assert '"A key of 2 and 0.5"' in result.results_json


@pytest.mark.parametrize(
    "value",
    [types.MappingProxyType({}), collections.defaultdict(dict, {"a.example": {}})],
)
def test_a_collection_that_cannot_be_copied_is_an_error(value: Any) -> None:
    with pytest.raises(authprobe.SettingsError, match="must be made of texts"):
        authprobe.emulate(authprobe.Backend(hosts=value))


def test_numbers_have_the_limits_that_options_have() -> None:
    with pytest.raises(
        authprobe.SettingsError, match="retries=11: must be a whole number from 0 to 10"
    ):
        authprobe.run(SCENARIO, retries=11)
    with pytest.raises(authprobe.SettingsError, match="from 1 to 1000000"):
        authprobe.run(SCENARIO, max_failures=1_000_001)
    with pytest.raises(authprobe.SettingsError, match="nested too deeply"):
        authprobe.run(SCENARIO, select="(" * 5000)


def test_a_number_that_python_does_not_print_is_an_error(owners: dict[str, Any]) -> None:
    number = 10**5000
    with pytest.raises(authprobe.SettingsError, match="port=<int>: must be a whole number"):
        authprobe.emulate(port=number)
    with pytest.raises(authprobe.SettingsError, match="outside the calendar"):
        owners["Emulator"].advance(number)
    with pytest.raises(authprobe.SettingsError, match="at most 100 years"):
        owners["Emulator"].issue(lifetime=number)
