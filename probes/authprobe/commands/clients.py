"""`authprobe clients`: list, install and remove cached clients."""

import contextlib
import dataclasses
import datetime
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from authprobe.clients.installation import storage
from authprobe.clients.installation.cache import Cache
from authprobe.clients.installation.storage import Entry
from authprobe.clients.process.children import Children
from authprobe.commands.printing import print_error, print_json, print_text
from authprobe.core.byte_sizes import format_size
from authprobe.core.client_kinds import ClientKind
from authprobe.core.isolation import Isolation
from authprobe.core.signals import interruptible
from authprobe.core.version_ranges import INSTALLED, version_key
from authprobe.engine import laboratory
from authprobe.engine.progress import make_reporter
from authprobe.errors import ExitCode, InstallError, SettingsError
from authprobe.plan.expand import exact_versions, known_clients_of, read_client
from authprobe.report.model.phrases import plural
from authprobe.scenario.bundled_clients import (
    BUNDLED,
    KNOWN_CLIENTS,
    client_sources,
    source_problems,
)
from authprobe.scenario.clients import Client
from authprobe.scenario.known_clients import KnownClient
from authprobe.scenario.load import load_all
from authprobe.settings import cache_folder, cache_limit_bytes, is_ci


def list_clients(*, as_json: bool) -> int:
    """Print every client in the cache, and return the exit code."""
    folder, limit_bytes = cache_folder(), cache_limit_bytes()
    storage.check_cache(folder)
    entries = sorted(
        storage.entries(folder), key=lambda entry: (entry.name, version_key(entry.version))
    )
    size_bytes = storage.used_bytes(entries)
    if as_json:
        listing = {
            "folder": str(folder),
            "limit_bytes": limit_bytes,
            "size_bytes": size_bytes,
            "clients": [_entry_json(entry) for entry in entries],
        }
        print_json(json.dumps(listing, indent=2))
        return ExitCode.OK
    for line in _table(entries):
        print_text(line)
    usage = f"{_count(entries)}, {format_size(size_bytes)} of {format_size(limit_bytes)}"
    print_error(f"{usage}, in {folder}")
    return ExitCode.OK


def _entry_json(entry: Entry) -> dict[str, object]:
    used_at = datetime.datetime.fromtimestamp(entry.used_at, datetime.UTC)
    return {
        "name": _names(entry.name),
        "version": entry.version,
        "size_bytes": entry.size_bytes,
        "used_at": used_at.replace(microsecond=0).isoformat(),
        "in_use": entry.in_use,
        "beside": dict(entry.companions),
    }


def _table(entries: Iterable[Entry]) -> list[str]:
    rows = [("CLIENT", "SIZE", "LAST USED")]
    rows += [
        (_entry_words(entry), format_size(entry.size_bytes), _last_use(entry)) for entry in entries
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    lines = [f"{name:{widths[0]}}  {size:>{widths[1]}}  {use}" for name, size, use in rows]
    return lines if len(lines) > 1 else []


def _entry_words(entry: Entry) -> str:
    """Return the client of an entry at its version, with the packages beside it."""
    name = f"{_names(entry.name)}@{entry.version}"
    beside = ", ".join(f"{package} {version}" for package, version in entry.companions.items())
    return f"{name} with {beside}" if beside else name


def _names(folder: str) -> str:
    """Return the clients whose package is in a folder of the cache, else the package.

    A definition that is only in a scenario is not known here.
    """
    kinds = [
        kind
        for kind, known in KNOWN_CLIENTS.items()
        if known.spec.package and known.spec.package.folder == folder
    ]
    if kinds or "+" not in folder:
        return ", ".join(kinds) or folder
    registry, package, *_ = folder.split("+")
    return f"{registry}:{package.replace('__', '/')}"


def _last_use(entry: Entry) -> str:
    if entry.in_use:
        return "in use"
    used_at = datetime.datetime.fromtimestamp(entry.used_at, datetime.UTC).astimezone()
    return f"{used_at:%Y-%m-%d %H:%M}"


def _count(entries: Sequence[Entry]) -> str:
    return plural(len(entries), "client")


def known_clients(*, as_json: bool, scenarios: tuple[Path, ...] = ()) -> int:
    """Print every client that a scenario can name, and return the exit code.

    Raises:
        ScenarioError: a scenario is invalid.
    """
    clients = _known(scenarios)
    rows = [_known_json(known) for known in clients.values()]
    if as_json:
        print_json(json.dumps({"clients": rows, "problems": source_problems()}, indent=2))
    else:
        for line in _columns(
            [("CLIENT", "TITLE", "SOURCE")]
            + [(row["name"], row["title"] or "", row["source"]) for row in rows]
        ):
            print_text(line)
    for problem in source_problems():
        print_error(f"not used: {problem}")
    return ExitCode.OK


def _known_json(known: KnownClient) -> dict[str, str]:
    """Return the kind of a client, its title, and the file with its definition."""
    definition = known.definition
    title = (definition and definition.title) or known.spec.surface
    if definition is None or known.folder in (None, BUNDLED):
        return {"name": known.kind, "title": title, "source": "authprobe"}
    file = next(
        (str(s.path) for s in client_sources() if s.clients.get(known.kind) is known),
        str(known.folder),
    )
    return {"name": known.kind, "title": title, "source": file}


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _known(scenarios: tuple[Path, ...]) -> dict[str, KnownClient]:
    return known_clients_of(load_all(scenarios) if scenarios else ())


def install_clients(names: tuple[str, ...], scenarios: tuple[Path, ...] = ()) -> int:
    """Install clients, print why if one cannot be, and return the exit code.

    `scenarios` are files with definitions of clients, beside those that are known everywhere.

    Raises:
        ScenarioError: a scenario is invalid.
        SettingsError: a name is not that of a client that can be installed.
    """
    limit_bytes, known = cache_limit_bytes(), _known(scenarios)
    clients = tuple(dict.fromkeys(client for name in names for client in _to_install(name, known)))
    with contextlib.ExitStack() as stack:
        stack.enter_context(interruptible())
        directory = tempfile.TemporaryDirectory(
            prefix="authprobe-install-", ignore_cleanup_errors=True
        )
        scratch = Path(stack.enter_context(directory))
        children = Children(scratch, isolation=Isolation.SEALED)
        cache = stack.enter_context(Cache(cache_folder(), children, scratch, limit_bytes))
        stack.enter_context(children)
        with make_reporter(plain=is_ci()) as reporter:
            laboratory.install_clients(clients, cache, reporter)
    return _print_installed(clients, cache)


def _to_install(name: str, known: Mapping[str, KnownClient]) -> Iterable[Client]:
    """Yield each client to install for a name, then those that it drives.

    Raises:
        SettingsError: nothing can be installed for the name.
    """
    client: Client | None = read_client(name, known_clients=known)
    while client:
        if client.kind == ClientKind.RAW_HTTP:
            raise SettingsError(f"{name}: part of authprobe; there is nothing to install")
        if client.version == INSTALLED:
            raise SettingsError(f"{name}: your own installation; there is nothing to install")
        for version in exact_versions(client, laboratory.published_versions):
            yield dataclasses.replace(client, version=version, through=None)
        client = client.through


def _print_installed(clients: Iterable[Client], cache: Cache) -> int:
    """Print each installed client, and on stderr why others are not; return the exit code."""
    code, sizes = ExitCode.OK, {x.folder: x.size_bytes for x in storage.entries(cache.folder)}
    for client in clients:
        try:
            installed = cache.get(client)
        except InstallError as error:
            code = ExitCode.FAILURES
            print_error(f"{client}: {error}")
            continue
        name = f"{client.kind}@{installed.version}"
        if installed.folder in sizes:
            print_text(f"{name}  {format_size(sizes[installed.folder])}")
        else:
            code = ExitCode.FAILURES
            limit = format_size(cache.limit_bytes)
            print_error(
                f"{name}: evicted again to stay within {limit}; raise AUTHPROBE_CACHE_LIMIT",
            )
    return code


def prune_clients(
    *, to_bytes: int | None, older_than: float | None, everything: bool, dry_run: bool
) -> int:
    """Remove clients that are not in use, least recently used first; return the exit code.

    Without a choice, the cache is reduced to its limit.

    Raises:
        SettingsError: the options contradict each other.
    """
    if everything and (to_bytes, older_than) != (None, None):
        raise SettingsError("--all removes every client; leave out --to and --older-than")
    if to_bytes is None and older_than is None:
        to_bytes = 0 if everything else cache_limit_bytes()
    folder = cache_folder()
    storage.check_cache(folder)
    entries = storage.entries(folder)
    used_before = None if older_than is None else storage.days_ago(older_than)
    candidates = storage.eviction_candidates(entries, limit_bytes=to_bytes, used_before=used_before)
    removed, failed = (list(candidates), False) if dry_run else _remove(folder, candidates)
    for entry in removed:
        print_text(f"{_entry_words(entry)}  {format_size(entry.size_bytes)}")
    remaining = [entry for entry in entries if entry not in removed]
    _print_pruned(removed, remaining, dry_run=dry_run)
    return ExitCode.FAILURES if failed else ExitCode.OK


def _print_pruned(removed: Sequence[Entry], remaining: Sequence[Entry], *, dry_run: bool) -> None:
    did, holds = ("would remove", "would hold") if dry_run else ("removed", "holds")
    rest_bytes = storage.used_bytes(remaining)
    freed = format_size(storage.used_bytes((*removed, *remaining)) - rest_bytes)
    rest = format_size(rest_bytes)
    in_use = [entry for entry in remaining if entry.in_use]
    note = f"; {_count(in_use)} in use" if in_use else ""
    print_error(f"{did} {_count(removed)}, {freed}; the cache {holds} {rest}{note}")


def _remove(folder: Path, candidates: Sequence[Entry]) -> tuple[list[Entry], bool]:
    """Return the removed clients, and whether one could not be removed."""
    removed, failed = [], False
    with interruptible(), make_reporter(plain=is_ci()) as reporter:
        storage.sweep(folder)
        if candidates:
            reporter.begin_stage("removing clients", len(candidates))
        for entry in candidates:
            reporter.begin_step(_entry_words(entry), "")
            try:
                if storage.remove(entry):
                    removed.append(entry)
            except OSError as error:
                failed = True
                reporter.notify(f"{_entry_words(entry)}: cannot be removed: {error.strerror}")
            reporter.finish_step(_entry_words(entry))
    return removed, failed
