"""Programs of the user that a definition names."""

from pathlib import Path

import pytest

from authprobe.clients.installation.own_programs import find_own_program
from authprobe.clients.process.children import Children
from authprobe.core.isolation import Isolation
from authprobe.core.version_ranges import INSTALLED
from authprobe.errors import InstallError
from authprobe.scenario.client_definitions import ClientDefinition, Install
from authprobe.scenario.clients import Client
from authprobe.scenario.known_clients import known_client


def test_no_interpreter_of_the_working_directory_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path of an interpreter is asked for outside of every container."""
    interpreter = tmp_path / "python" / "evil"
    interpreter.parent.mkdir()
    interpreter.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\necho /bin/sh\n")
    interpreter.chmod(0o700)
    (tmp_path / "bot").write_text("#!/usr/bin/env python/evil\n")
    definition = ClientDefinition(run=("{program}",), install=Install(path="bot"))
    client = Client(kind="bot", version=INSTALLED, known=known_client("bot", definition, tmp_path))
    monkeypatch.chdir(tmp_path)
    with (
        Children(tmp_path / "scratch", isolation=Isolation.NONE) as children,
        pytest.raises(InstallError, match="bot needs python/evil, which is not on PATH"),
    ):
        find_own_program(client, children)
    assert not (tmp_path / "started").exists()
