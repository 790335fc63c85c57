"""The certificate authority of a run."""

import tempfile
from pathlib import Path

import pytest

from authprobe.emulator.faults import EXPIRED_CERTIFICATE, UNTRUSTED_CERTIFICATE
from authprobe.emulator.server.authority import Authority


@pytest.mark.parametrize("fault", ["", EXPIRED_CERTIFICATE, UNTRUSTED_CERTIFICATE])
def test_no_key_is_outside_the_folder_of_the_authority(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fault: str
) -> None:
    """What a killed process leaves there is removed with the folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    folder = tmp_path / "ca"
    folder.mkdir()
    context = Authority(folder).context(frozenset({fault}), ("llm.corp.example",))
    assert context.num_tickets == 0
    assert list(folder.iterdir()) == []
