"""Gateways and clouds that are used on purpose, so that the doctor does not warn of them again.

A project cannot declare what its own settings set: a repository that one has only cloned would
otherwise send the login elsewhere, and say itself that this is right.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from authprobe.configuration.files import ConfigFile, find_project_file, read_own_file
from authprobe.configuration.keys import DOCTOR
from authprobe.core.clouds import Cloud
from authprobe.doctor.inventory.environment import Variable
from authprobe.doctor.inventory.machine import Machine
from authprobe.errors import SettingsError
from authprobe.service.addresses import Address, parse_address
from authprobe.service.outbound import HTTP_SCHEMES

OPTION: Final = "option"
EXAMPLE: Final = "https://gateway.example"
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
CLOUD_NAMES: Final = ", ".join(cloud.value for cloud in Cloud)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """Gateways and clouds that one file, or the options, declare."""

    source: str
    """Path of the file, or the option."""
    gateways: frozenset[Address] = frozenset()
    clouds: frozenset[Cloud] = frozenset()
    is_of_project: bool = False

    def covers(self, variable: Variable) -> bool:
        """Return True if it may declare what this variable sets."""
        return not (self.is_of_project and variable.is_of_project)


@dataclass(frozen=True, slots=True)
class Declarations:
    """All declarations, those of the user first."""

    each: tuple[Declaration, ...] = ()

    def of_gateway(self, address: Address, variable: Variable) -> Declaration | None:
        """Return the first declaration of a gateway that this variable sets."""
        wanted = comparable(address)
        matches = (d for d in self.each if wanted in d.gateways and d.covers(variable))
        return _named(next(matches, None), "--gateway")

    def of_cloud(self, cloud: Cloud, variable: Variable) -> Declaration | None:
        """Return the first declaration of a cloud that this variable selects."""
        matches = (d for d in self.each if cloud in d.clouds and d.covers(variable))
        return _named(next(matches, None), "--cloud")


def _named(declaration: Declaration | None, option: str) -> Declaration | None:
    """Return the declaration, with the name of the option if it is one."""
    if declaration is None or declaration.source != OPTION:
        return declaration
    return replace(declaration, source=option)


def comparable(address: Address) -> Address:
    """Return the address without what makes no difference: the usual port, and a password."""
    port = address.port or DEFAULT_PORTS.get(address.scheme)
    return replace(address, host=address.host.rstrip("."), port=port, with_password=False)


def option_declaration(gateways: tuple[str, ...], clouds: tuple[str, ...]) -> Declaration:
    """Return what the options of a command declare.

    Raises:
        SettingsError: a gateway is not the URL of one.
    """
    problems = [f"--gateway: {problem}" for text in gateways if (problem := _gateway_problem(text))]
    if problems:
        raise SettingsError("\n".join(problems))
    return Declaration(
        source=OPTION,
        gateways=_addresses(gateways),
        clouds=frozenset(map(Cloud, clouds)),
    )


def load_declarations(machine: Machine, options: Declaration | None = None) -> Declarations:
    """Return the declarations of the options, of the user's file and of the project's.

    Raises:
        SettingsError: a file cannot be read, or has something else in it.
    """
    own_folder = machine.own_config_folder or machine.home
    files = (
        read_own_file(own_folder, machine.home, machine.folder, machine.display_path),
        find_project_file(machine.folder, (machine.home, own_folder), machine.display_path),
    )
    declarations = [options] if options else []
    for file in filter(None, files):
        declarations += _declared(file)
    return Declarations(tuple(declarations))


def _declared(file: ConfigFile) -> Iterator[Declaration]:
    table = {key: tuple(value) for key, value in file.doctor_table().items()}
    problems = [
        f"{file.source((DOCTOR, key))}: {DOCTOR}.{key}: {problem}"
        for key, texts in table.items()
        for text in texts
        if (problem := PROBLEM_OF[key](text))
    ]
    if problems:
        raise SettingsError("\n".join(problems))
    if any(table.values()):
        yield Declaration(
            source=file.name,
            gateways=_addresses(table.get("gateways", ())),
            clouds=frozenset(map(Cloud, table.get("clouds", ()))),
            is_of_project=file.is_of_project,
        )


def _gateway_problem(text: str) -> str | None:
    address = parse_address(text)
    if address is None or address.scheme not in HTTP_SCHEMES:
        return f"{text[:80]!r}: must be a URL with http:// or https://, such as {EXAMPLE}"
    if address.with_password:
        return f"{address}: must have no user name and password"
    return None


def _cloud_problem(text: str) -> str | None:
    return None if text in tuple(Cloud) else f"{text[:80]!r}: must be one of {CLOUD_NAMES}"


PROBLEM_OF: Final = {"gateways": _gateway_problem, "clouds": _cloud_problem}
"""Functions that return what is wrong with a text of each key."""


def _addresses(texts: tuple[str, ...]) -> frozenset[Address]:
    parsed = (parse_address(text) for text in texts)
    return frozenset(comparable(address) for address in parsed if address)
