"""Configuration folders beside the one in use, and the names of logins in the Keychain."""

import hashlib
from pathlib import Path

import pytest

from authprobe.doctor.inventory.config_folders import (
    MAX_FOLDERS,
    find_config_folders,
    keychain_service,
)
from tests.support.homes import make_home


def suffix(path: str) -> str:
    return hashlib.sha256(path.encode()).hexdigest()[:8]


@pytest.mark.parametrize("value", [None, ""])
def test_the_keychain_has_no_suffix_without_a_folder(value: str | None) -> None:
    assert keychain_service(value) == "Claude Code-credentials"


@pytest.mark.parametrize("value", ["/Users/me/.claude-work", "/Users/me/.claude-work/", "work"])
def test_the_keychain_has_a_suffix_for_each_spelling(value: str) -> None:
    assert keychain_service(value) == f"Claude Code-credentials-{suffix(value)}"


def test_the_folder_is_normalized_as_macos_does() -> None:
    assert keychain_service("/Users/Jose\u0301") == keychain_service("/Users/Jos\u00e9")


def test_a_path_that_is_no_text_has_a_name() -> None:
    assert keychain_service("/Users/\udcff").startswith("Claude Code-credentials-")


def test_the_number_of_folders_is_limited(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    for number in range(MAX_FOLDERS + 20):
        home.write(home.home / f".claude-{number}" / ".credentials.json", "")
    assert len(find_config_folders(home.machine())) == MAX_FOLDERS + 1
