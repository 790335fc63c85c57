"""Text of the doctor in a terminal: wrapped at its width, with commands that can be copied."""

from dataclasses import replace

import pytest

from authprobe.commands.doctor_text import TextCleaner, as_text
from authprobe.doctor.inventory.precedence import ActiveCredential, CredentialSlot, FoundCredential
from authprobe.doctor.result import CheckResult, Severity
from authprobe.redaction.redactor import Redactor

COMMAND = '`security find-generic-password -s "Claude Code-credentials-84012154"`'
RESULT = CheckResult(
    id="keychain-not-read",
    severity=Severity.WARNING,
    summary="The login may be in the Keychain, " + "which the doctor does not read, " * 3,
    where="/a/path/" + "x" * 100,
    remedy=f"Run this, which shows no token: {COMMAND} and then log in.",
)
ACTIVE = ActiveCredential(client="claude-code", credential=None, reason="there is none")


def lines(width: int | None) -> list[str]:
    text = as_text((RESULT,), (ACTIVE,), TextCleaner(Redactor()), width)
    return text.plain.splitlines()


def test_lines_are_not_wrapped_without_a_terminal() -> None:
    assert max(map(len, lines(None))) > 200
    assert len(lines(None)) == 6


@pytest.mark.parametrize("width", [80, 100])
def test_lines_are_wrapped_at_the_width_and_indented(width: int) -> None:
    wrapped = lines(width)
    assert all(len(line) <= width for line in wrapped if "/a/path" not in line)
    assert sum(line.startswith("      ") for line in wrapped) > 3
    assert "".join(wrapped).replace(" ", "") == "".join(lines(None)).replace(" ", "")


@pytest.mark.parametrize("width", [20, 80, 100])
def test_a_path_and_a_command_stay_in_one_line(width: int) -> None:
    wrapped = lines(width)
    assert any(COMMAND in line for line in wrapped)
    assert any(f"[{RESULT.where}]" in line for line in wrapped)


def test_a_client_that_is_not_installed_would_use_a_credential() -> None:
    key = FoundCredential(slot=CredentialSlot.API_KEY, where="ANTHROPIC_API_KEY", kind="API key")
    active = ActiveCredential(client="claude-code", credential=key, is_installed=False)
    text = as_text((), (active,), TextCleaner(Redactor()), None).plain
    assert (
        "  claude-code, not on PATH, would use ANTHROPIC_API_KEY: API key, not verified\n" in text
    )
    missing = replace(active, credential=None)
    text = as_text((), (missing,), TextCleaner(Redactor()), None).plain
    assert "  claude-code, not on PATH: no credential found\n" in text
