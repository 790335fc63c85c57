"""Fixtures of the tests of the actions."""

from pathlib import Path

import pytest

from tests.support.github_runner import FakeGitHub


@pytest.fixture
def github(tmp_path: Path) -> FakeGitHub:
    """The host of the repository, as `gh` asks it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return FakeGitHub(folder)
