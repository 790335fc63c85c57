"""Program that has imported `authprobe run` and forks itself for each command that a test starts.

A fork saves the imports, and what is kept for later calls, such as compiled templates: both take
longer than most of these commands. Its stdin is a socket.
Each message has the module, arguments, folder, environment and memory of the command, and
brings the descriptors of its stdout and stderr, and of a socket for its process id and exit code.
"""

import gc
import importlib
import importlib.metadata
import json
import os
import pkgutil
import resource
import runpy
import socket
import sys
from pathlib import Path
from typing import Any, Final, NoReturn

from _pytest.config import default_plugins

import authprobe.cli
import authprobe.commands
import authprobe.live.laboratory
from authprobe.report.html.pytest_html import PLUGINS
from authprobe.report.html.report import report_page
from authprobe.run.results_file import dump_run, parse_run
from authprobe.scenario.load import load_files
from tests.support.runs import every_kind

MAX_MESSAGE_BYTES: Final = 128 * 1024
SCENARIO: Final = Path(__file__).parents[2] / "scenarios" / "api-key.yaml"


def warm_up() -> None:
    """Import what commands import when they need it, and fill the caches of what they read."""
    for package in (authprobe.cli, authprobe.commands):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    for plugin in default_plugins:
        importlib.import_module(f"_pytest.{plugin}")
    for name in PLUGINS:
        for point in importlib.metadata.entry_points(group="pytest11", name=name):
            point.load()
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
            # Forks twice: the process between waits for the command, and the server for nobody.
            if command := os.fork():
                attend(command, descriptors)
            return become(json.loads(message), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        reap()


def attend(command: int, descriptors: list[int]) -> NoReturn:
    """Tell the process id of a command, and its exit code once it has ended."""
    out, err, channel = descriptors
    for descriptor in (0, out, err):
        os.close(descriptor)
    os.write(channel, f"{command}\n".encode())
    code = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
    os.write(channel, f"{code}\n".encode())
    os._exit(0)


def become(request: dict[str, Any], descriptors: list[int]) -> list[str]:
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
