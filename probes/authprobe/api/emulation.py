"""`authprobe.emulate`: the emulator for tests of other programs."""

from contextlib import AbstractContextManager
from typing import Final

from authprobe.emulator.config import Backend
from authprobe.emulator.server.connection import LOOPBACK
from authprobe.emulator.standalone import emulator
from authprobe.emulator.standalone.emulator import Emulator
from authprobe.errors import SettingsError

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
        SettingsError: `setup` is no `Backend`, or a port is outside 0 to 65535; on entry: the host
            is not loopback, a port is taken, or a value of `setup` is invalid.
    """
    if not isinstance(setup, Backend | None):
        raise SettingsError(f"setup={setup!r:.80}: must be a Backend")
    ports: dict[str, object] = {"port": port, "https_port": https_port}
    if control_port is not None:
        ports["control_port"] = control_port
    for name, value in ports.items():
        if not isinstance(value, int) or not 0 <= value <= MAX_PORT:
            raise SettingsError(f"{name}={value!r:.80}: must be from 0 to {MAX_PORT}")
    return emulator.emulate(
        setup,
        host=host,
        port=port,
        https_port=https_port,
        control_port=control_port,
        any_user=any_user,
    )
