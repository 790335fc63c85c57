"""TODO module docstring."""

import contextlib
import functools
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Final

from authprobe.clients.base import Laboratory
from authprobe.clients.installation.cache import Cache
from authprobe.clients.process.children import Children
from authprobe.emulator.server.worker import RemoteNetwork
from authprobe.engine.progress import Reporter
from authprobe.errors import ClientError, SettingsError
from authprobe.redaction.redactor import Redactor
from authprobe.scenario.model import Client, ClientKind
from authprobe.settings import Settings, cache_folder

MAX_CONCURRENT_INSTALLS: Final = 2


def published_versions(kind: ClientKind, having: Iterable[str] = ()) -> tuple[str, ...]:
    """The published versions of a client, as last heard within a day; asked for anew if one of
    these is not among them.

    Raises:
        ClientError: the registry gives no answer, and gave none before.
    """
    with Children() as children, Cache(cache_folder(), children) as cache:
        return cache.versions(kind, having)


def open_laboratory(
    stack: contextlib.ExitStack, settings: Settings, redactor: Redactor
) -> Laboratory:
    """The laboratory of a run, which ends with the stack.

    Raises:
        SettingsError: this machine does not let it be.
    """
    scratch, network = start_emulator(stack)
    installing = Children(scratch)
    cache = Cache(cache_folder(), installing, scratch, settings.cache_limit_bytes)
    children = Children(scratch, isolated=True)
    for part in (cache, installing, children):
        stack.enter_context(part)
    return Laboratory(
        network=network,
        children=children,
        cache=cache,
        broken_rules=settings.break_rules,
        scratch=scratch,
        redactor=redactor,
    )


def start_emulator(stack: contextlib.ExitStack) -> tuple[Path, RemoteNetwork]:
    """The run's own folder, and the emulator.

    Raises:
        SettingsError: this machine does not let them be.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="authprobe-run-", ignore_cleanup_errors=True)
        scratch = Path(stack.enter_context(folder))
        return scratch, stack.enter_context(RemoteNetwork(scratch))
    except (ClientError, OSError) as error:
        raise SettingsError(f"nothing can be probed here: {error}") from None


def install_clients(clients: Sequence[Client], cache: Cache, reporter: Reporter) -> None:
    """Prepare these clients; `cache.get` tells what became of each."""
    if not clients:
        return
    cache.pin(clients)
    reporter.begin_stage("preparing clients", len(clients))
    with ThreadPoolExecutor(MAX_CONCURRENT_INSTALLS, thread_name_prefix="install") as pool:
        waiting = {
            pool.submit(
                cache.prepare,
                client,
                functools.partial(reporter.begin_step, str(client)),
                reporter.notify,
            ): client
            for client in clients
        }
        try:
            for prepared in as_completed(waiting):
                prepared.result()
                reporter.finish_step(str(waiting[prepared]))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            cache.stop()
            raise
