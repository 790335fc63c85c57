"""Gateways and clouds that are used on purpose, so that the doctor does not warn of them again.

A project cannot declare what its own settings set: a repository that one has only cloned would
otherwise send the login elsewhere, and say itself that this is right.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from authprobe.core.safe_read import ReadProblem, read_text_file
from authprobe.core.suggestions import did_you_mean
from authprobe.doctor.inventory.clouds import Cloud
from authprobe.doctor.inventory.environment import Variable, repository_root
from authprobe.doctor.inventory.machine import Machine
from authprobe.errors import SettingsError
from authprobe.service.addresses import Address, parse_address
from authprobe.service.outbound import HTTP_SCHEMES

OPTION: Final = "option"
FILE: Final = "authprobe.toml"
TABLE: Final = "doctor"
KEYS: Final = ("gateways", "clouds")
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
    declarations = [options] if options else []
    if machine.own_config_folder is not None:
        declarations += _load(
            machine, machine.own_config_folder / FILE, machine.home, of_project=False
        )
    root = repository_root(machine)
    for folder in dict.fromkeys((machine.folder, root or machine.folder)):
        if folder != machine.own_config_folder:
            declarations += _load(machine, folder / FILE, folder, of_project=True)
    return Declarations(tuple(declarations))


def _load(machine: Machine, path: Path, limit: Path, *, of_project: bool) -> Iterator[Declaration]:
    name = machine.display_path(path)
    table = _doctor_table(path, name, limit)
    problems = list(_problems(table))
    if problems:
        raise SettingsError("\n".join(f"{name}: {problem}" for problem in problems))
    gateways, clouds = (tuple(_strings(table.get(key))) for key in KEYS)
    if gateways or clouds:
        yield Declaration(
            source=name,
            gateways=_addresses(gateways),
            clouds=frozenset(map(Cloud, clouds)),
            is_of_project=of_project,
        )


def _doctor_table(path: Path, name: str, limit: Path) -> Mapping[str, object]:
    """Return the table for the doctor; a link that leaves the folder is not followed."""
    if not _is_present(path):
        return {}
    if not _stays_inside(path, limit):
        raise SettingsError(f"{name}: is a link to another place; put the file itself here")
    file = read_text_file(path)
    if file.problem is ReadProblem.MISSING:
        return {}
    if file.problem:
        raise SettingsError(f"{name}: {file.problem}; correct or remove it")
    try:
        tree = tomllib.loads(file.text)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{name}: is not valid TOML: {error}") from None
    unknown = [f"{name}: {_unknown(key, (TABLE,))}" for key in tree if key != TABLE]
    if unknown:
        raise SettingsError("\n".join(unknown))
    table = tree.get(TABLE, {})
    if not isinstance(table, dict):
        raise SettingsError(f"{name}: {TABLE}: must be a table, [{TABLE}]")
    return table


def _is_present(path: Path) -> bool:
    try:
        path.lstat()
    except (OSError, ValueError):  # The folder may be unreadable, or a loop itself.
        return False
    return True


def _stays_inside(path: Path, limit: Path) -> bool:
    try:
        return not path.is_symlink() or path.resolve().is_relative_to(limit.resolve())
    except (OSError, RuntimeError):
        return False


def _problems(table: Mapping[str, object]) -> Iterator[str]:
    for key, value in table.items():
        where = f"{TABLE}.{key}"
        if key not in KEYS:
            yield f"{TABLE}.{_unknown(key, KEYS)}"
        elif not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            yield f'{where}: must be a list of texts, such as ["{_example(key)}"]'
        else:
            check = _gateway_problem if key == "gateways" else _cloud_problem
            yield from (f"{where}: {problem}" for text in value if (problem := check(text)))


def _unknown(key: str, known: tuple[str, ...]) -> str:
    hint = did_you_mean(key, known, otherwise=f"known: {', '.join(known)}")
    return f"{key[:80]}: unknown key{hint}"


def _example(key: str) -> str:
    return "https://gateway.example" if key == "gateways" else Cloud.BEDROCK.value


def _gateway_problem(text: str) -> str | None:
    address = parse_address(text)
    if address is None or address.scheme not in HTTP_SCHEMES:
        return f"{text[:80]!r}: must be a URL with http:// or https://, such as {_example(KEYS[0])}"
    if address.with_password:
        return f"{address}: must have no user name and password"
    return None


def _cloud_problem(text: str) -> str | None:
    return None if text in tuple(Cloud) else f"{text[:80]!r}: must be one of {CLOUD_NAMES}"


def _addresses(texts: tuple[str, ...]) -> frozenset[Address]:
    parsed = (parse_address(text) for text in texts)
    return frozenset(comparable(address) for address in parsed if address)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, str))
