"""`authprobe.emulate`: the emulator for tests of other programs."""

from contextlib import AbstractContextManager
from typing import Final

from authprobe import arguments
from authprobe.emulator.config import Backend
from authprobe.emulator.server.connection import LOOPBACK
from authprobe.emulator.standalone import emulator
from authprobe.emulator.standalone.control import check_setup
from authprobe.emulator.standalone.emulator import Emulator

MAX_PORT: Final = 65_535


def emulate(
    setup: Backend | None = None,
    *,
    host: str = LOOPBACK,
    port: int = 0,
    https_port: int = 0,
    control_port: int | None = None,
    any_user: bool = False,
) -> AbstractContextManager[Emulator]:
    """Return a context manager that serves an emulator on loopback until its end.

    Port 0 means any free port. With `control_port`, the control API is served as well. Programs of
    other users of this machine are refused unless `any_user` is set.

    Raises:
        SettingsError: an argument is of another type, a value of `setup` is invalid, or a port is
            outside 0 to 65535; on entry: the host is not loopback, or a port is taken.
    """
    setup = Backend() if setup is None else setup
    check_setup(setup)
    return emulator.emulate(
        setup,
        host=arguments.text(host, "host"),
        port=_port(port, "port"),
        https_port=_port(https_port, "https_port"),
        control_port=arguments.optional(_port, control_port, "control_port"),
        any_user=arguments.flag(any_user, "any_user"),
    )


def _port(value: object, name: str) -> int:
    return arguments.whole(value, name, 0, MAX_PORT)
