"""Hostile homes: whatever the files contain, the doctor finishes and reports it."""

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authprobe.core.safe_read import (
    MAX_FILE_BYTES,
    ReadProblem,
    read_json_file,
    read_text_file,
)
from authprobe.doctor.checks.registry import run_checks
from authprobe.doctor.inventory.inventory import take_inventory
from authprobe.errors import SettingsError
from tests.support.homes import Home, make_home
from tests.support.speed import processor_time

UNPRIVILEGED_USER = 65534
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)


def tree(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for objects with some of these keys and any values."""
    return st.dictionaries(st.sampled_from(names), VALUES)


def huge(path: Path) -> None:
    path.write_text('{"env": {}, "x": "' + "x" * 10_000_000 + '"}')


def loop(path: Path) -> None:
    path.symlink_to(path)


def fifo(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def folder(path: Path) -> None:
    path.mkdir()


def invalid(path: Path) -> None:
    path.write_text('{"env": {')


def deep(path: Path) -> None:
    path.write_text("[" * 200_000)


def number(path: Path) -> None:
    path.write_text('{"x": ' + "9" * 100_000 + "}")


def binary(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00\x01")


def listed(path: Path) -> None:
    path.write_text("[]")


HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "10-mb": (huge, "file-too-large"),
    "loop": (loop, "file-loop"),
    "fifo": (fifo, "file-not-a-file"),
    "device": (device, "file-not-a-file"),
    "folder": (folder, "file-not-a-file"),
    "invalid": (invalid, "file-not-json"),
    "deep": (deep, "file-not-json"),
    "number": (number, "file-not-json"),
    "binary": (binary, "file-not-text"),
    "list": (listed, "file-not-an-object"),
}
PLACES = (
    ".claude/.credentials.json",
    ".claude/settings.json",
    ".claude.json",
    ".config/anthropic/configs/default.json",
    ".config/anthropic/credentials/default.json",
)
CLOUD_PLACES = (
    ".aws/credentials",
    ".aws/config",
    ".aws/sso/cache/1.json",
    ".config/gcloud/application_default_credentials.json",
    ".azure/msal_token_cache.json",
)


def ids(home: Home) -> set[str]:
    """Return the ids of all results for a home."""
    return {result.id for result in run_checks(take_inventory(home.machine()))}


@contextlib.contextmanager
def without_permission(path: Path) -> Iterator[None]:
    """Make the file unreadable for the user who runs the tests, even for root."""
    path.chmod(0)
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(UNPRIVILEGED_USER)
        yield
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", HOSTILE)
def test_each_file_may_have_any_content(name: str, place: str, tmp_path: Path) -> None:
    spoil, expected = HOSTILE[name]
    home = make_home(tmp_path)
    path = home.home / place
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    spoil(path)
    assert expected in ids(home)


@pytest.mark.parametrize("place", CLOUD_PLACES)
@pytest.mark.parametrize("name", HOSTILE)
def test_each_file_of_a_cloud_may_have_any_content(name: str, place: str, tmp_path: Path) -> None:
    spoil, _ = HOSTILE[name]
    home = make_home(tmp_path)
    path = home.home / place
    path.parent.mkdir(parents=True, exist_ok=True)
    spoil(path)
    home.write(home.home / ".aws" / "x", "")
    clouds = ("BEDROCK", "VERTEX", "FOUNDRY")
    home.variables |= {f"CLAUDE_CODE_USE_{cloud}": "1" for cloud in clouds}
    home.variables["AWS_PROFILE"] = "\x1b[31mwork"
    home.variables["ANTHROPIC_FOUNDRY_RESOURCE"] = "x"
    assert "provider" in ids(home)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("of_user", [True, False])
def test_an_invalid_file_of_declarations_is_refused(
    name: str, of_user: bool, tmp_path: Path
) -> None:
    spoil, _ = HOSTILE[name]
    home = make_home(tmp_path)
    path = (home.own_config_folder if of_user else home.project) / "authprobe.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    spoil(path)
    with pytest.raises(SettingsError) as error:
        take_inventory(home.machine())
    assert re.search(r"authprobe\.toml:(?:\d+:\d+:)? ", str(error.value))
    assert len(str(error.value)) < 500


@pytest.mark.parametrize("spoil", [loop, fifo, device, folder, huge])
def test_files_named_by_variables_may_be_anything(
    spoil: Callable[[Path], None], tmp_path: Path
) -> None:
    home = make_home(tmp_path)
    names = ("NODE_EXTRA_CA_CERTS", "CLAUDE_CODE_CLIENT_CERT", "ANTHROPIC_IDENTITY_TOKEN_FILE")
    spoil(tmp_path / "it")
    home.variables |= dict.fromkeys(names, str(tmp_path / "it"))
    expected = {"authorities-unreadable", "client-certificate-unreadable", "identity-token-file"}
    assert expected <= ids(home)


@pytest.mark.parametrize("spoil", [loop, fifo, invalid])
def test_the_home_itself_may_not_be_a_folder(spoil: Callable[[Path], None], tmp_path: Path) -> None:
    spoil(tmp_path / "it")
    home = Home(tmp_path)
    machine = home.machine()
    broken = type(machine)(
        environment={},
        home=tmp_path / "it",
        search_path=(tmp_path / "it", tmp_path / "bin"),
        now=machine.now,
        folder=tmp_path / "it",
        root=tmp_path / "it",
    )
    assert run_checks(take_inventory(broken))


def test_a_file_without_read_permission_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text("{}")
    with without_permission(path):
        assert read_text_file(path).problem is ReadProblem.NO_PERMISSION


@pytest.mark.parametrize("closed", ["file", "folder"])
def test_a_login_without_read_permission_is_reported(closed: str) -> None:
    # Not in tmp_path, whose own folders are closed to others.
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        home = make_home(Path(name))
        path = home.login()
        machine = home.machine()
        with without_permission(path if closed == "file" else path.parent):
            ids = {result.id for result in run_checks(take_inventory(machine))}
        path.parent.chmod(0o700)
        assert "file-no-permission" in ids


def test_a_long_helper_takes_as_long_as_another_setting_of_its_size(tmp_path: Path) -> None:
    def seconds(number: int, name: str) -> float:
        folder = tmp_path / str(number)
        folder.mkdir()
        home = make_home(folder)
        home.settings(**{name: "a" * 900_000})
        found = list[str]()
        spent = processor_time(lambda: found.extend(ids(home)))
        assert ("helper-missing" in found) == (name == "apiKeyHelper")
        return spent

    seconds(0, "model")  # warm up
    assert seconds(1, "apiKeyHelper") < 10 * seconds(2, "model")


def test_a_program_on_the_path_may_be_anything(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    program = tmp_path / "bin" / "claude"
    for spoil in (loop, fifo, folder):
        program.unlink()
        spoil(program)
        assert "command-missing" in ids(home)
        if spoil is folder:
            program.rmdir()
            program.touch()


def test_invalid_file_names_are_reported(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    names = ("a\0b", "\ud800", "x" * 10_000)
    for name in names:
        home.settings(env={"SSL_CERT_FILE": name}, apiKeyHelper=name)
        assert {"authorities-unreadable", "helper-missing"} <= ids(home)


@pytest.mark.parametrize("platform", ["linux", "darwin"])
@pytest.mark.parametrize("cloud", ["BEDROCK", "VERTEX", "FOUNDRY"])
@pytest.mark.parametrize(
    "name", ["a\0b", "\ud800", "x" * 10_000, "/dev/zero", "/proc/self/mem", ".."]
)
def test_settings_may_name_any_folder_and_file(
    name: str, cloud: str, platform: str, tmp_path: Path
) -> None:
    home = make_home(tmp_path)
    home.platform = platform
    variables = (
        *("CLAUDE_CONFIG_DIR", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AWS_PROFILE"),
        *("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG", "AZURE_CONFIG_DIR"),
        *("ANTHROPIC_BASE_URL", "ANTHROPIC_BEDROCK_BASE_URL", "ANTHROPIC_FOUNDRY_RESOURCE"),
    )
    settings = {**dict.fromkeys(variables, name), f"CLAUDE_CODE_USE_{cloud}": "1"}
    home.settings(env=settings)
    assert ids(home) & {"provider", "cloud-credential-missing"}


def test_a_file_is_read_up_to_the_size_limit(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("x" * MAX_FILE_BYTES)
    assert len(read_text_file(path).text) == MAX_FILE_BYTES
    path.write_text("x" * (MAX_FILE_BYTES + 1))
    assert read_text_file(path).problem is ReadProblem.TOO_LARGE
    assert read_text_file(path).text == ""


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"\xef\xbb\xbf{}")
    assert read_json_file(path).problem is None


@settings(max_examples=60)
@given(
    login=tree("accessToken", "refreshToken", "expiresAt", "scopes", "refreshTokenExpiresAt"),
    user=tree("env", "apiKeyHelper", "forceLoginMethod"),
    state=tree("primaryApiKey", "customApiKeyResponses", "hasCompletedOnboarding"),
    profile=tree("authentication", "access_token", "expires_at"),
)
def test_any_json_is_checked_without_a_crash(
    login: dict[str, Any], user: dict[str, Any], state: dict[str, Any], profile: dict[str, Any]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        home = make_home(Path(name))
        home.write(home.credentials, json.dumps({"claudeAiOauth": login}))
        home.settings(**user)
        home.write(home.home / ".claude.json", state)
        for part in ("configs", "credentials"):
            home.write(home.home / ".config" / "anthropic" / part / "default.json", profile)
        assert run_checks(take_inventory(home.machine()))
