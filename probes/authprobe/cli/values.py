"""Types of the values of options whose errors are worded as those of a run are."""

import re
from typing import Any, NoReturn

import click

from authprobe.core.byte_sizes import parse_size
from authprobe.core.suggestions import did_you_mean


class Number(click.IntRange):
    """A whole number between two others."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            end = (
                f"of at least {self.min}" if self.max is None else f"from {self.min} to {self.max}"
            )
            _refuse(value, param, f"must be a whole number {end}")


class Amount(click.FloatRange):
    """A number that is not below another one."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            _refuse(value, param, f"must be a number of at least {self.min:g}")


class OneOf(click.Choice[str]):
    """One of several words."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the word."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            words = f"use {', '.join(self.choices)}"
            hint = did_you_mean(str(value), self.choices, otherwise=words)
            _refuse(value, param, f"no such value{hint}")


class Day(click.DateTime):
    """A day, written as `2026-03-01`."""

    def __init__(self) -> None:
        super().__init__(["%Y-%m-%d"])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the day at midnight."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            _refuse(value, param, "must be a day, such as 2026-03-01")


class Days(click.ParamType[int]):
    """A number of days, written as `30d`."""

    name = "days"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the number of days."""
        match = re.fullmatch(r"([0-9]{1,5})d", str(value))
        if match is None:
            _refuse(value, param, "must be a number of days, such as 30d")
        return int(match[1])


class Size(click.ParamType[int]):
    """A size in bytes, written as `5G` or `500M`."""

    name = "size"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the number of bytes."""
        try:
            return parse_size(str(value))
        except ValueError as error:
            _refuse(value, param, str(error))


def _refuse(value: object, param: click.Parameter | None, reason: str) -> NoReturn:
    """Raise the error of a value, as `--jobs 0: must be ...`; what prints it escapes the value."""
    name = max(param.opts, key=len) if isinstance(param, click.Option) else ""
    name = name or (param.human_readable_name if param else "value")
    raise click.UsageError(f"{name} {str(value)[:200]}: {reason}")
