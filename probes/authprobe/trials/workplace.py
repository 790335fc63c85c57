"""Shared parts of commands that probe many versions: a lazily opened laboratory and the log."""

import contextlib
import datetime
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, Self

from authprobe.clients.base import Laboratory
from authprobe.clients.installation.installer_failures import LOCAL_REASONS
from authprobe.engine.laboratory import MAX_CONCURRENT_INSTALLS, open_laboratory
from authprobe.engine.progress import Reporter
from authprobe.engine.remote.opening import make_executor, open_cluster
from authprobe.engine.remote.reasons import CLUSTER_REASONS
from authprobe.engine.rounds import ProbeCases
from authprobe.observation.model import Observation, Outcome
from authprobe.plan.case import Case
from authprobe.redaction.redactor import Redactor
from authprobe.settings import Settings
from authprobe.trials.log import ProbeLog, Trial, cache_key

if TYPE_CHECKING:
    from authprobe.engine.remote.executor import RemoteExecutor

SECRET_MESSAGE: Final = "the observation contains an unredacted credential and is not in the log"


def local_failure_reason(observation: Observation) -> str | None:
    """Return the reason that this machine can probe no version at all; None: there is none."""
    if observation.outcome is not Outcome.UNAVAILABLE:
        return None
    detail = observation.detail or ""
    if any(reason in detail for reason in CLUSTER_REASONS):
        return f"nothing can be probed on the workers: {detail}"
    found = next((reason for reason in LOCAL_REASONS if reason in detail), None)
    return found and f"nothing can be installed here: {found}"


def record_trial(
    log: ProbeLog, case: Case, observation: Observation, reporter: Reporter
) -> Trial | None:
    """Append an observation to the log; None: it is about this machine, or contains a secret."""
    if local_failure_reason(observation):
        return None
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    trial = Trial(key=cache_key(case), at=now, observation=observation)
    if not log.add(trial):
        reporter.notify(f"{case.client}: {SECRET_MESSAGE}")
        return None
    return trial


class ProbeSession:
    """A lazily opened laboratory with threads for installing and probing, as a context manager."""

    def __init__(self, settings: Settings, redactor: Redactor, *, jobs: int) -> None:
        self._settings = settings
        self._redactor = redactor
        self._stack = contextlib.ExitStack()
        self._opened: Laboratory | None = None
        self._remote: RemoteExecutor | None = None
        self._installing = ThreadPoolExecutor(MAX_CONCURRENT_INSTALLS, thread_name_prefix="install")
        self._probing = ThreadPoolExecutor(jobs, thread_name_prefix="probe")

    @property
    def laboratory(self) -> Laboratory:
        """The laboratory; opened on first use, as replaying the log needs none."""
        self._opened = self._opened or open_laboratory(self._stack, self._settings, self._redactor)
        return self._opened

    def remote(self, reporter: Reporter, probe_here: ProbeCases) -> "RemoteExecutor | None":
        """Return the executor on the cluster of the settings, opened on first use; None: all is
        probed here.

        Raises:
            SettingsError: no scheduler or no usable worker answers.
        """
        if self._remote is None and self._settings.executor is not None:
            laboratory = self.laboratory
            cluster = self._stack.enter_context(open_cluster(self._settings, reporter))
            self._remote = make_executor(cluster, laboratory, probe_here) if cluster else None
        return self._remote

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._opened:  # stop the child processes first, so that the threads waiting for them end
            self._opened.children.close()
            self._opened.cache.stop()
        self._installing.shutdown(cancel_futures=True)
        self._probing.shutdown(cancel_futures=True)
        self._stack.close()
