"""Arguments of the public interface that are not what their type says."""

import math
import numbers
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from authprobe.errors import SettingsError

T = TypeVar("T")
V = TypeVar("V")


def invalid(name: str, value: object, expected: str) -> SettingsError:
    """Return the error for an argument of this name: `expected` says what it must be."""
    try:
        shown = repr(value)
    except Exception:  # noqa: BLE001 - of the caller's own class, or of a number of 5,000 digits
        shown = f"<{type(value).__name__}>"
    return SettingsError(f"{name}={shown:.80}: must be {expected}")


def optional(check: Callable[[V, str], T], value: V | None, name: str) -> T | None:
    """Return what the check returns for a value; None stays.

    Raises:
        SettingsError: the check raises it.
    """
    return None if value is None else check(value, name)


def instance(value: object, name: str, kind: type[T], expected: str) -> T:
    """Return a value of a class.

    Raises:
        SettingsError: it is another value.
    """
    if not isinstance(value, kind):
        raise invalid(name, value, expected)
    return value


def text(value: object, name: str) -> str:
    """Return a string.

    Raises:
        SettingsError: it is another value.
    """
    return instance(value, name, str, "a string")


def flag(value: object, name: str) -> bool:
    """Return True or False.

    Raises:
        SettingsError: it is another value, even one that Python takes for true or false.
    """
    return instance(value, name, bool, "True or False")


def content(value: object, name: str) -> bytes:
    """Return bytes, also of an array or a view of them.

    Raises:
        SettingsError: it is another value.
    """
    if not isinstance(value, bytes | bytearray | memoryview):
        raise invalid(name, value, "bytes")
    return bytes(value)


def number(value: object, name: str) -> float:
    """Return a number, also of a library such as NumPy; infinity if no float can hold it.

    Raises:
        SettingsError: it is another value.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise invalid(name, value, "a number")
    try:
        return float(value)
    except OverflowError:
        return -math.inf if value < 0 else math.inf


def whole(value: object, name: str, least: int, most: int | None = None) -> int:
    """Return a whole number, also of a library, between two bounds, which it may be.

    Raises:
        SettingsError: it is less, more or another value.
    """
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        given = int(value)
        if least <= given and (most is None or given <= most):
            return given
    bounds = f"of at least {least}" if most is None else f"from {least} to {most}"
    raise invalid(name, value, f"a whole number {bounds}")


def words(value: Iterable[str], name: str) -> tuple[str, ...]:
    """Return the strings of a list or of anything else that has them one after another.

    Raises:
        SettingsError: it is one string, whose letters would be taken for the values, or no list of
            strings.
    """
    return tuple(text(word, name) for word in sequence(value, name))


def sequence(value: Iterable[T], name: str) -> tuple[T, ...]:
    """Return the values of a list or of anything else that has values one after another.

    Raises:
        SettingsError: it is a string or bytes, or has no values.
    """
    if isinstance(value, str | bytes | bytearray) or not isinstance(value, Iterable):
        raise invalid(name, value, "a list; put brackets around it")
    return tuple(value)


def path(value: object, name: str) -> Path:
    """Return a path of the file system.

    Raises:
        SettingsError: it is empty, has a null character, or is neither a string nor a path.
    """
    given = fspath(value)
    if given is None or not given:
        raise invalid(name, value, "a path")
    if "\0" in given:
        raise SettingsError(f"{name}={given!r:.80}: no path has a null character")
    return Path(given)


def fspath(value: object) -> str | None:
    """Return the text of a path; None: it is no path, or one that is no text."""
    if isinstance(value, os.PathLike):
        try:
            value = os.fspath(value)
        except TypeError:  # its method returns neither a text nor bytes
            return None
    return value if isinstance(value, str) else None
