"""A dask scheduler and its workers on loopback, each worker with a client cache of its own."""

import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.support.command import environment
from tests.support.waiting import wait_until


@dataclass(slots=True)
class DaskCluster:
    """Processes of a scheduler and of workers; a context manager that ends them."""

    folder: Path
    scheduler: subprocess.Popen[bytes] | None = None
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    port: int = 0

    def __enter__(self) -> Self:
        self.port = free_port()
        options = ("--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard")
        self.scheduler = self._start("scheduler", ["distributed.cli.dask_scheduler", *options])
        wait_for_port(self.port)
        return self

    def __exit__(self, *_: object) -> None:
        for process in (*self.workers.values(), self.scheduler):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()

    @property
    def address(self) -> str:
        """The address for `--executor`."""
        return f"dask://127.0.0.1:{self.port}"

    def cache(self, name: str) -> Path:
        """Return the client cache of a worker."""
        return self.folder / f"cache-{name}"

    def add_worker(self, name: str, threads: int = 2, path: str | None = None) -> None:
        """Start a worker, and wait until the scheduler knows it."""
        options = ("--nthreads", str(threads), "--no-nanny", "--no-dashboard", "--name", name)
        places = ("--host", "127.0.0.1", "--local-directory", str(self.folder / f"space-{name}"))
        address = f"tcp://127.0.0.1:{self.port}"
        self.workers[name] = self._start(
            name, ["distributed.cli.dask_worker", address, *options, *places], path
        )
        log = self.folder / f"{name}.log"
        wait_until(lambda: b"Starting established connection" in log.read_bytes())

    def kill(self, name: str) -> None:
        """End a worker as a machine that loses power does."""
        self.workers[name].send_signal(signal.SIGKILL)
        self.workers[name].wait()

    def stop_scheduler(self) -> None:
        """End the scheduler at once."""
        assert self.scheduler is not None
        self.scheduler.kill()
        self.scheduler.wait()

    def _start(
        self, name: str, arguments: Sequence[str], path: str | None = None
    ) -> subprocess.Popen[bytes]:
        home = self.folder / f"home-{name}"
        variables = environment(home, AUTHPROBE_CACHE=str(self.cache(name)))
        if path:
            variables["PYTHONPATH"] = path
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=home,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port: int = server.getsockname()[1]
        return port


def wait_for_port(port: int) -> None:
    """Return when somebody listens on a port of loopback."""

    def listens() -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    wait_until(listens)
