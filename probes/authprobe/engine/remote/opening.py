"""Opening of the cluster of a run; only a run with one imports what it needs."""

import contextlib
import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING

from authprobe.engine.progress import Reporter
from authprobe.settings import Settings

if TYPE_CHECKING:
    from authprobe.clients.base import Laboratory
    from authprobe.engine.remote.cluster import Cluster
    from authprobe.engine.remote.executor import RemoteExecutor
    from authprobe.engine.rounds import ProbeCases


@contextlib.contextmanager
def open_cluster(settings: Settings, reporter: Reporter) -> "Iterator[Cluster | None]":
    """Yield the connected cluster of the settings; None: this machine probes.

    Raises:
        SettingsError: dask is not installed, or no scheduler answers.
    """
    if settings.executor is None:
        yield None
        return
    from authprobe.engine.remote.cluster import Cluster
    from authprobe.engine.remote.worker import Conditions

    conditions = Conditions(
        run=secrets.token_hex(8),
        isolation=settings.isolation,
        broken_rules=settings.break_rules,
    )
    with Cluster(settings.executor, conditions, reporter) as cluster:
        yield cluster


def make_executor(
    cluster: "Cluster", laboratory: "Laboratory", probe_here: "ProbeCases"
) -> "RemoteExecutor":
    """Return the executor of a run on this cluster."""
    from authprobe.engine.remote.executor import RemoteExecutor

    return RemoteExecutor(cluster, laboratory.cache, cluster.reporter, probe_here, laboratory.costs)
