"""The fixtures of every project that has authprobe installed; its entry point for pytest."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from authprobe.emulator.server.network import Network
    from authprobe.emulator.standalone.emulator import Emulator

pytest_plugins = ("authprobe.plugin",)  # scenario files; turned off together by -p no:authprobe


@pytest.fixture(scope="session")
def claude_auth_network() -> Iterator["Network"]:
    """The thread that serves every `claude_auth_emulator` of the session."""
    from authprobe.emulator.server.network import Network

    with Network() as network:
        yield network


@pytest.fixture
def claude_auth_emulator(claude_auth_network: "Network") -> Iterator["Emulator"]:
    """Claude's authentication on loopback, with its own ports, tokens, clock and faults for each
    test.
    """
    from authprobe.emulator.standalone.emulator import emulate

    with emulate(network=claude_auth_network) as emulator:
        yield emulator
