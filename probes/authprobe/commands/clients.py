"""`authprobe clients`: what is in the cache of clients, more of it, less of it."""

import contextlib
import datetime
import json
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from authprobe.clients.installation import storage as folders
from authprobe.clients.installation.cache import Cache
from authprobe.clients.installation.storage import Entry
from authprobe.clients.process.children import Children
from authprobe.core.byte_sizes import format_size
from authprobe.core.client_kinds import ClientKind
from authprobe.core.version_ranges import version_key
from authprobe.engine import laboratory
from authprobe.engine.progress import make_reporter
from authprobe.engine.signals import interruptible
from authprobe.errors import ExitCode, InstallError, SettingsError
from authprobe.plan.expand import exact_versions, read_client
from authprobe.scenario.clients import INSTALLED, Client
from authprobe.settings import cache_folder, cache_limit_bytes, is_ci


def list_clients(*, as_json: bool) -> int:
    """Print every client in the cache; the exit code."""
    folder, limit_bytes = cache_folder(), cache_limit_bytes()
    found = sorted(
        folders.entries(folder), key=lambda entry: (entry.name, version_key(entry.version))
    )
    size_bytes = sum(entry.size_bytes for entry in found)
    if as_json:
        told = {
            "folder": str(folder),
            "limit_bytes": limit_bytes,
            "size_bytes": size_bytes,
            "clients": [_as_json(entry) for entry in found],
        }
        print(json.dumps(told, indent=2))
        return ExitCode.OK
    for line in _table(found):
        print(line)
    held = f"{_count(found)}, {format_size(size_bytes)} of {format_size(limit_bytes)}"
    print(f"{held}, in {folder}", file=sys.stderr)
    return ExitCode.OK


def _as_json(entry: Entry) -> dict[str, object]:
    used_at = datetime.datetime.fromtimestamp(entry.used_at, datetime.UTC)
    return {
        "name": entry.name,
        "version": entry.version,
        "size_bytes": entry.size_bytes,
        "used_at": used_at.replace(microsecond=0).isoformat(),
        "in_use": entry.in_use,
    }


def _table(found: Iterable[Entry]) -> list[str]:
    rows = [("CLIENT", "SIZE", "LAST USED")]
    rows += [(str(entry), format_size(entry.size_bytes), _used(entry)) for entry in found]
    wide = [max(len(row[column]) for row in rows) for column in range(2)]
    lines = [f"{name:{wide[0]}}  {size:>{wide[1]}}  {used}" for name, size, used in rows]
    return lines if len(lines) > 1 else []


def _used(entry: Entry) -> str:
    if entry.in_use:
        return "in use"
    moment = datetime.datetime.fromtimestamp(entry.used_at, datetime.UTC).astimezone()
    return f"{moment:%Y-%m-%d %H:%M}"


def _count(found: Iterable[Entry]) -> str:
    number = len(list(found))
    return "1 client" if number == 1 else f"{number} clients"


def install_clients(names: tuple[str, ...]) -> int:
    """Install these clients, or say why one cannot be; the exit code.

    Raises:
        SettingsError: a name that is not that of a client which can be installed.
    """
    limit_bytes = cache_limit_bytes()
    clients = tuple(dict.fromkeys(client for name in names for client in _wanted(name)))
    with contextlib.ExitStack() as stack:
        stack.enter_context(interruptible())
        made = tempfile.TemporaryDirectory(prefix="authprobe-install-", ignore_cleanup_errors=True)
        scratch = Path(stack.enter_context(made))
        children = Children(scratch)
        cache = stack.enter_context(Cache(cache_folder(), children, scratch, limit_bytes))
        stack.enter_context(children)
        with make_reporter(plain=is_ci()) as reporter:
            laboratory.install_clients(clients, cache, reporter)
    return _tell_installed(clients, cache)


def _wanted(name: str) -> Iterable[Client]:
    """Every client to install for a name, and the one that it drives.

    Raises:
        SettingsError: there is none.
    """
    asked: Client | None = read_client(name)
    while asked:
        if asked.kind is ClientKind.RAW_HTTP:
            raise SettingsError(f"{name}: this is authprobe itself; there is nothing to install")
        if asked.version == INSTALLED:
            raise SettingsError(f"{name}: this is your own; there is nothing to install")
        for version in exact_versions(asked, laboratory.published_versions):
            yield Client(kind=asked.kind, version=version)
        asked = asked.through


def _tell_installed(clients: Iterable[Client], cache: Cache) -> int:
    """Print what is there now, and on stderr what is not; the exit code."""
    code, sizes = ExitCode.OK, {x.folder: x.size_bytes for x in folders.entries(cache.folder)}
    for client in clients:
        try:
            installed = cache.get(client)
        except InstallError as error:
            code = ExitCode.FAILURES
            print(f"{client}: {error}", file=sys.stderr)
            continue
        name = f"{client.kind}@{installed.version}"
        if installed.folder in sizes:
            print(f"{name}  {format_size(sizes[installed.folder])}")
        else:
            code = ExitCode.FAILURES
            limit = format_size(cache.limit_bytes)
            print(f"{name}: removed again, as AUTHPROBE_CACHE_LIMIT is {limit}", file=sys.stderr)
    return code


def prune_clients(
    *, to_bytes: int | None, older_than: float | None, everything: bool, dry_run: bool
) -> int:
    """Remove clients that are not in use, least recently used first; the exit code.

    Without a choice the cache is brought back to its limit.

    Raises:
        SettingsError: the choices do not go together.
    """
    if everything and (to_bytes, older_than) != (None, None):
        raise SettingsError("--all leaves nothing to choose; leave out --to and --older-than")
    if to_bytes is None and older_than is None:
        to_bytes = 0 if everything else cache_limit_bytes()
    folder = cache_folder()
    found = folders.entries(folder)
    used_before = None if older_than is None else folders.days_ago(older_than)
    chosen = folders.eviction_candidates(found, limit_bytes=to_bytes, used_before=used_before)
    removed, failed = (list(chosen), False) if dry_run else _remove(folder, chosen)
    for entry in removed:
        print(f"{entry}  {format_size(entry.size_bytes)}")
    left = [entry for entry in found if entry not in removed]
    did, holds = ("would remove", "would hold") if dry_run else ("removed", "holds")
    freed = format_size(sum(entry.size_bytes for entry in removed))
    used = [entry for entry in left if entry.in_use]
    kept = f"; {_count(used)} in use" if used else ""
    rest = format_size(sum(entry.size_bytes for entry in left))
    print(f"{did} {_count(removed)}, {freed}; the cache {holds} {rest}{kept}", file=sys.stderr)
    return ExitCode.FAILURES if failed else ExitCode.OK


def _remove(folder: Path, chosen: tuple[Entry, ...]) -> tuple[list[Entry], bool]:
    """What could be removed, and whether something could not."""
    removed, failed = [], False
    with interruptible(), make_reporter(plain=is_ci()) as reporter:
        folders.sweep(folder)
        if chosen:
            reporter.begin_stage("removing clients", len(chosen))
        for entry in chosen:
            reporter.begin_step(str(entry), "")
            try:
                if folders.remove(entry):
                    removed.append(entry)
            except OSError as error:
                failed = True
                reporter.notify(f"{entry} cannot be removed: {error.strerror}")
            reporter.finish_step(str(entry))
    return removed, failed
