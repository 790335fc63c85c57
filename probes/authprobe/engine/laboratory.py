"""Set up what a run needs: scratch folder, emulator process, child processes and client cache."""

import contextlib
import functools
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Final

from authprobe.clients.base import Laboratory
from authprobe.clients.installation.cache import Cache
from authprobe.clients.process.children import Children
from authprobe.core.client_kinds import Package
from authprobe.core.isolation import Isolation
from authprobe.core.temporary_folder import made_folder, unused_folder
from authprobe.emulator.server.worker import RemoteNetwork
from authprobe.engine.progress import Reporter
from authprobe.errors import ClientError, SettingsError
from authprobe.redaction.redactor import Redactor
from authprobe.run.costs import load_costs
from authprobe.scenario.clients import Client
from authprobe.settings import Settings, cache_folder

MAX_CONCURRENT_INSTALLS: Final = 2
MAX_CONCURRENT_QUERIES: Final = 4
"""Questions to package registries, each of which mostly waits."""


def published_versions(package: Package, having: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the published versions of a package, cached for 24 h; refetch them if a version in
    `having` is missing.

    Raises:
        ClientError: the registry is unavailable, and no answer is cached.
    """
    children = Children(isolation=Isolation.SEALED)
    with children, Cache(cache_folder(), children) as cache:
        return cache.versions(package, having)


def current_versions(packages: Sequence[Package]) -> dict[Package, tuple[str, ...] | ClientError]:
    """Return the versions of each package that its registry publishes now, whatever is cached, or
    the error if the registry is unavailable.
    """

    def ask(package: Package) -> tuple[str, ...] | ClientError:
        try:
            return cache.current_versions(package)
        except ClientError as error:
            return error

    children = Children(isolation=Isolation.SEALED)
    with (
        children,
        Cache(cache_folder(), children) as cache,
        ThreadPoolExecutor(MAX_CONCURRENT_QUERIES, thread_name_prefix="registry") as pool,
    ):
        try:
            return dict(zip(packages, pool.map(ask, packages), strict=True))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            cache.stop()
            raise


def open_laboratory(
    stack: contextlib.ExitStack, settings: Settings, redactor: Redactor
) -> Laboratory:
    """Return the laboratory of a run, which is closed with the stack.

    Raises:
        SettingsError: the scratch directory or the emulator process could not be created.
    """
    scratch = unused_folder("authprobe-run-")
    children = stack.enter_context(Children(scratch, isolation=settings.isolation))
    # It removes the directory even if this process is killed, so it is started before.
    children.start_launcher()
    network = start_emulator(stack, scratch)
    installers = Children(isolation=settings.isolation)  # npm and pip are outside
    cache = Cache(cache_folder(), installers, scratch, settings.cache_limit_bytes)
    for resource in (cache, installers):
        stack.enter_context(resource)
    costs = load_costs(cache.folder)
    stack.callback(costs.save)
    return Laboratory(
        network=network,
        children=children,
        cache=cache,
        broken_rules=settings.break_rules,
        scratch=scratch,
        redactor=redactor,
        costs=costs,
    )


def start_emulator(stack: contextlib.ExitStack, scratch: Path) -> RemoteNetwork:
    """Create the run's scratch directory, start the emulator process, and return its network.

    Raises:
        SettingsError: the scratch directory or the emulator process could not be created.
    """
    try:
        stack.enter_context(made_folder(scratch))
        return stack.enter_context(RemoteNetwork(scratch))
    except (ClientError, OSError) as error:
        raise SettingsError(f"nothing can be probed here: {error}") from None


def install_clients(clients: Sequence[Client], cache: Cache, reporter: Reporter) -> None:
    """Prepare these clients concurrently; `cache.get` returns each, or raises its error."""
    if not clients:
        return
    cache.pin(clients)
    reporter.begin_stage("preparing clients", len(clients))
    with ThreadPoolExecutor(MAX_CONCURRENT_INSTALLS, thread_name_prefix="install") as pool:
        clients_by_future = {
            pool.submit(
                cache.prepare,
                client,
                functools.partial(reporter.begin_step, str(client)),
                reporter.notify,
            ): client
            for client in clients
        }
        try:
            for future in as_completed(clients_by_future):
                future.result()
                reporter.finish_step(str(clients_by_future[future]))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            cache.stop()
            raise
