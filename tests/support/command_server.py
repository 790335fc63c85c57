"""Program that has imported `authprobe run` and forks itself for each command that a test starts.

A fork saves the imports, and what is kept for later calls, such as compiled templates: both take
longer than most of these commands. Its stdin is a socket.
Each message has the module, arguments, folder, environment and memory of the command, and
brings the descriptors of its stdout and stderr, and of a socket for its process id and exit code.

A command starts its emulator, and the worker that keeps its history, as further programs in Python.
They are forks as well, of the process that waits for the command.
"""

import functools
import gc
import importlib
import importlib.metadata
import json
import os
import pkgutil
import resource
import runpy
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, NoReturn

from _pytest.config import default_plugins

import authprobe.cli
import authprobe.commands
import authprobe.emulator.server.network
import authprobe.live.laboratory
from authprobe.emulator.server import worker as emulator_worker
from authprobe.report.html.report import report_page
from authprobe.run.history import database
from authprobe.run.history import worker as history_worker
from authprobe.run.results_file import dump_run, parse_run
from authprobe.scenario.load import load_files
from tests.support.runs import every_kind

MAX_MESSAGE_BYTES: Final = 128 * 1024
MAX_DESCRIPTORS: Final = 8
SCENARIO: Final = Path(__file__).parents[2] / "scenarios" / "api-key.yaml"
STARTERS: Final = (emulator_worker, history_worker)
"""Modules of a command that start a program in Python."""


class ForkedProgram:
    """A program in Python that a command has forked, with what it needs of `subprocess.Popen`."""

    def __init__(
        self,
        forker: socket.socket,
        lock: threading.Lock,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        pass_fds: Sequence[int],
        stdin: int,
        start_new_session: bool,
    ) -> None:
        assert argv[:3] == [sys.executable, "-I", "-c"]
        assert (stdin, start_new_session) == (subprocess.DEVNULL, True)
        request = {
            "code": argv[3],
            "arguments": argv[4:],
            "descriptors": pass_fds,
            "cwd": str(Path.cwd()),
            "env": env,
        }
        self._end, its = socket.socketpair()
        with lock, its:  # threads may start programs at the same time
            message = json.dumps(request).encode()
            socket.send_fds(forker, [message], [its.fileno(), 1, 2, *pass_fds])
            self._id = int(forker.recv(MAX_MESSAGE_BYTES))

    def kill(self) -> None:
        """Kill it; its id stays its own, as it is waited for only after the command."""
        os.kill(self._id, signal.SIGKILL)

    def wait(self) -> None:
        """Block until it has ended, which closes its socket."""
        self._end.recv(1)


def warm_up() -> None:
    """Import what commands import when they need it, and fill the caches of what they read."""
    for package in (authprobe.cli, authprobe.commands):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    for plugin in default_plugins:
        importlib.import_module(f"_pytest.{plugin}")
    for point in importlib.metadata.entry_points(group="pytest11"):
        point.load()
    database.warm_up()
    load_files([SCENARIO])
    run = every_kind()
    parse_run(Path("results.json"), dump_run(run).encode())
    report_page(run)


def serve(requests: socket.socket) -> list[str]:
    """Fork for each request; in the fork that is to run a command, return it."""
    while True:
        message, descriptors, *_ = socket.recv_fds(requests, MAX_MESSAGE_BYTES, 3)
        if not message:
            os._exit(0)
        if os.fork() == 0:
            requests.close()
            forker, programs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            # Forks twice: the process between waits for the command, and the server for nobody.
            if command := os.fork():
                forker.close()
                attend(command, descriptors, programs)
            programs.close()
            return become(json.loads(message), descriptors, forker)
        for descriptor in descriptors:
            os.close(descriptor)
        reap()


def attend(command: int, descriptors: list[int], programs: socket.socket) -> NoReturn:
    """Tell the process id of a command, fork for it, and tell its exit code once it has ended."""
    out, err, channel = descriptors
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    for descriptor in (null, out, err):
        os.close(descriptor)
    os.write(channel, f"{command}\n".encode())
    while True:
        message, received, *_ = socket.recv_fds(programs, MAX_MESSAGE_BYTES, MAX_DESCRIPTORS)
        if not message:  # the command ends
            break
        if (program := os.fork()) == 0:
            programs.close()
            os.close(channel)
            run_program(json.loads(message), received)
        programs.send(str(program).encode())
        for descriptor in received:
            os.close(descriptor)
    code = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
    os.write(channel, f"{code}\n".encode())
    os._exit(0)


def run_program(request: dict[str, Any], received: list[int]) -> NoReturn:
    """Run a program that a command has started, and end this process."""
    _, out, err, *passed = received
    os.setsid()
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    os.dup2(out, 1)
    os.dup2(err, 2)
    for descriptor in (out, err):
        os.close(descriptor)
    here = dict(zip(map(str, request["descriptors"]), map(str, passed), strict=True))
    sys.argv = ["-c", *(here.get(argument, argument) for argument in request["arguments"])]
    exec(request["code"], {"__name__": "__main__"})  # noqa: S102 - code of authprobe
    sys.exit()


def become(request: dict[str, Any], descriptors: list[int], forker: socket.socket) -> list[str]:
    """Take on the folder, environment and output of a command; return its module and arguments."""
    os.chdir(request["cwd"])
    sys.path[0] = request["cwd"]  # as `python -m` does
    os.environ.clear()
    os.environ.update(request["env"])
    if limit := request["memory"]:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    null = os.open(os.devnull, os.O_RDONLY)
    for target, source in enumerate((null, *descriptors[:2])):
        os.dup2(source, target)
    for descriptor in (null, *descriptors):
        os.close(descriptor)
    popen = functools.partial(ForkedProgram, forker, threading.Lock())
    for module in STARTERS:
        vars(module)["subprocess"] = SimpleNamespace(Popen=popen, DEVNULL=subprocess.DEVNULL)
    arguments: list[str] = request["argv"]
    return arguments


def reap() -> None:
    """Let go of the processes between server and command that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


if __name__ == "__main__":
    warm_up()
    gc.freeze()  # leaves the memory that the forks share as it is
    requests = socket.socket(fileno=os.dup(0))
    module, *sys.argv[1:] = serve(requests)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
