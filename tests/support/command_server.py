"""Program that has imported `authprobe run` and forks itself for each command that a test starts.

A fork saves the imports, which take longer than most of these commands. Its stdin is a socket.
Each message has the module, arguments, folder, environment and memory of the command, and
brings the descriptors of its stdout and stderr, and of a socket for its process id and exit code.
"""

import gc
import json
import os
import resource
import runpy
import socket
import sys
from typing import Any, Final, NoReturn

import authprobe.cli
import authprobe.commands.run  # what most of the tested commands import
import authprobe.diagnosis.diagnose
import authprobe.live.laboratory
import authprobe.report.html.report  # noqa: F401

MAX_MESSAGE_BYTES: Final = 128 * 1024


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
    gc.freeze()  # leaves the memory that the forks share as it is
    requests = socket.socket(fileno=os.dup(0))
    module, *sys.argv[1:] = serve(requests)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
