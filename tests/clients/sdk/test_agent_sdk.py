"""Agent SDK without a `claude` on PATH, faked by a script."""

import json
from pathlib import Path

import pytest

from authprobe.clients.base import Laboratory
from authprobe.core.client_kinds import Via
from authprobe.emulator.config import TokenKind
from authprobe.observation.model import COMMAND_MISSING, Outcome
from authprobe.scenario.model import Credential
from tests.support.installed import laboratory_with_python, observe

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
def test_agent_sdk_without_claude_is_unavailable(
    laboratory: Laboratory, tmp_path: Path, message: str, outcome: Outcome, detail: str
) -> None:
    (tmp_path / "output").write_text(json.dumps({"result": None, "error": {"message": message}}))
    laboratory_with_script = laboratory_with_python(laboratory, tmp_path, f"cat {tmp_path}/output")
    observation = observe(laboratory_with_script, "agent-sdk-python@0.1.7", TOKEN)
    assert (observation.outcome, observation.detail) == (outcome, detail)
