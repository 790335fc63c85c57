"""An Agent SDK that has no `claude` to drive, made up."""

import json
from pathlib import Path

import pytest

from authprobe.clients.base import Laboratory
from authprobe.core.client_kinds import Via
from authprobe.emulator.config import TokenKind
from authprobe.observation.model import COMMAND_MISSING, Outcome
from authprobe.scenario.model import Credential
from tests.support.installed import made_up, observe

TOKEN = Credential(token=TokenKind.ACCESS_TOKEN, via=Via.OAUTH_TOKEN_VARIABLE)


@pytest.mark.parametrize(
    ("message", "outcome", "detail"),
    [
        (
            "Claude Code not found. Install with:\n  npm install",
            Outcome.UNAVAILABLE,
            f"a claude of its own: {COMMAND_MISSING}",
        ),
        (
            "Please run /login",
            Outcome.REJECTED,
            "refused by the client itself: it asked no model",
        ),
    ],
)
def test_one_without_a_command_to_drive_could_not_be_tested(
    laboratory: Laboratory, tmp_path: Path, message: str, outcome: Outcome, detail: str
) -> None:
    (tmp_path / "told").write_text(json.dumps({"result": None, "error": {"message": message}}))
    broken = made_up(laboratory, tmp_path, f"cat {tmp_path}/told")
    seen = observe(broken, "agent-sdk-python@0.1.7", TOKEN)
    assert (seen.outcome, seen.detail) == (outcome, detail)
