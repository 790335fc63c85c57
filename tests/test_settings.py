import os
from pathlib import Path

import pytest

from authprobe.errors import SettingsError
from authprobe.settings import (
    INSTALLER_VARIABLES,
    MAX_HISTORY_RUNS,
    Settings,
    bundled_scenarios,
    cache_folder,
    child_environment,
    database_environment,
    installer_environment,
    is_ci,
    search_path,
)

OURS = {"HOME", "LANG", "PATH", "npm_config_cache", "npm_config_userconfig"}
SECRETS = {
    "SECRET": "canary",
    "ANTHROPIC_API_KEY": "canary",
    "ANTHROPIC_AUTH_TOKEN": "canary",
    "CLAUDE_CODE_OAUTH_TOKEN": "canary",
    "AWS_SECRET_ACCESS_KEY": "canary",
    "GITHUB_TOKEN": "canary",
    "NODE_OPTIONS": "--require=canary",
    "NODE_AUTH_TOKEN": "canary",
    "PYTHONPATH": "canary",
    "LD_PRELOAD": "canary",
    "PIPELINE": "canary",
    "NPM_TOKEN": "canary",
    "npm_package_name": "canary",
    "XDG_CACHE_HOME": "canary",
}


@pytest.fixture(autouse=True)
def user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the home of a user whose environment has only HOME and PATH."""
    for name in tuple(os.environ):
        monkeypatch.delenv(name)
    home = tmp_path / "user"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return home


@pytest.mark.parametrize(
    ("text", "size_bytes"), [(None, 20 * 10**9), ("", 20 * 10**9), ("1.5GiB", 3 * 2**29)]
)
def test_the_cache_limit_is_read_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, text: str | None, size_bytes: int
) -> None:
    if text is not None:
        monkeypatch.setenv("AUTHPROBE_CACHE_LIMIT", text)
    assert Settings().cache_limit_bytes == size_bytes


def test_an_invalid_cache_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHPROBE_CACHE_LIMIT", "much")
    with pytest.raises(SettingsError, match=r"^AUTHPROBE_CACHE_LIMIT: 'much' is not a size"):
        Settings()


@pytest.mark.parametrize("text", ["many", "0", "-1", "1.5", "9" * 20, "9" * 5000])
def test_a_number_of_runs_that_no_history_keeps_is_refused(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("AUTHPROBE_HISTORY_KEEP", text)
    with pytest.raises(SettingsError, match=r"must be a whole number from 1 to 9,223,372"):
        Settings()


def test_a_history_may_keep_as_many_runs_as_a_database_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AUTHPROBE_HISTORY_KEEP", str(MAX_HISTORY_RUNS))
    assert Settings().history_runs == MAX_HISTORY_RUNS


def test_installers_get_a_private_home_and_the_registry_of_the_user(
    user: Path, tmp_path: Path
) -> None:
    assert installer_environment(tmp_path / "private") == {
        "HOME": str(tmp_path / "private"),
        "LANG": "C.UTF-8",
        "PATH": "/usr/bin:/bin",
        "npm_config_cache": str(tmp_path / "private" / "npm"),
        "npm_config_userconfig": str(user / ".npmrc"),
    }


def test_the_pip_configuration_of_the_user_is_used_if_it_exists(user: Path, tmp_path: Path) -> None:
    file = user / ".config" / "pip" / "pip.conf"
    file.parent.mkdir(parents=True)
    file.write_text("[global]\n")
    assert installer_environment(tmp_path)["PIP_CONFIG_FILE"] == str(file)


def test_no_secret_reaches_an_installer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    passed = installer_environment(tmp_path)
    assert set(passed) == OURS
    assert "canary" not in repr(passed)


@pytest.mark.parametrize(
    "name",
    [
        *INSTALLER_VARIABLES,
        *("https_proxy", "no_proxy", "npm_config_registry", "NPM_CONFIG_REGISTRY"),
        *("npm_config_userconfig", "npm_config_strict-ssl"),
        *("npm_config_//host.example/:_authToken", "npm_config_@scope:registry"),
    ],
)
def test_variables_of_the_registry_are_passed_to_installers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv(name, "value")
    assert installer_environment(tmp_path)[name] == "value"


@pytest.mark.parametrize(
    "name",
    [
        *("NODE_OPTIONS", "PIP_TARGET", "PIP_PREFIX", "PIP_NO_BINARY", "PIP_REQUIREMENT"),
        *("npm_config_script_shell", "npm_config_node_options", "npm_config_git"),
        *("npm_config_prefix", "npm_config_global", "NPM_CONFIG_IGNORE_SCRIPTS"),
    ],
)
def test_variables_that_run_code_or_install_elsewhere_are_not_passed_to_installers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv(name, "value")
    assert name not in installer_environment(tmp_path)


@pytest.mark.parametrize("name", ["npm_config_cache", "HOME"])
def test_variables_of_the_user_do_not_replace_private_ones(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv(name, str(tmp_path / "of the user"))
    assert "of the user" not in installer_environment(tmp_path / "private")[name]


def test_scenarios_default_to_the_bundled_ones() -> None:
    files = sorted(bundled_scenarios().glob("*.yaml"))
    shared = [path for path in files if path.name.endswith(".definitions.yaml")]
    assert len(shared) == 2
    assert Settings().scenario_paths == tuple(path for path in files if path not in shared)
    assert Settings().scenario_paths
    assert Settings(scenarios=(Path("mine.yaml"),)).scenario_paths == (Path("mine.yaml"),)


def test_the_cache_folder_is_read_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, user: Path, tmp_path: Path
) -> None:
    assert cache_folder().is_relative_to(user)
    monkeypatch.setenv("AUTHPROBE_CACHE", "")
    assert cache_folder().is_relative_to(user)
    monkeypatch.setenv("AUTHPROBE_CACHE", str(tmp_path / "cache"))
    assert cache_folder() == tmp_path / "cache"


def test_the_search_path_has_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert search_path() == "/usr/bin:/bin"
    monkeypatch.delenv("PATH")
    assert search_path()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({"CI": "true"}, True),
        ({"CI": "True"}, True),
        ({"CI": "1"}, True),
        ({"CI": "false"}, False),
        ({"CI": ""}, False),
    ],
)
def test_a_ci_job_is_recognised_by_its_variable(
    environment: dict[str, str], expected: bool
) -> None:
    assert is_ci(environment) is expected


def test_a_command_of_the_emulator_gets_no_credential_of_the_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    theirs = ("ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CONFIG_DIR", "anthropic_x")
    for name in (*theirs, "EDITOR"):
        monkeypatch.setenv(name, "theirs")
    child = child_environment({"ANTHROPIC_BASE_URL": "ours", "EDITOR": "ours"})
    assert [name for name in theirs if name in child] == []
    assert (child["ANTHROPIC_BASE_URL"], child["EDITOR"]) == ("ours", "ours")
    assert child["PATH"] == search_path()


def test_a_bundled_folder_is_selected_by_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings(scenarios=(Path("incidents"),))
    assert settings.scenario_paths == (bundled_scenarios() / "incidents",)
    assert {path.parent for path in Settings().scenario_paths} == {bundled_scenarios()}


@pytest.mark.parametrize("name", ["incidents", "api-key.yaml", "./none", ".", "..", "a/incidents"])
def test_a_path_that_exists_or_names_no_bundled_folder_is_unchanged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "incidents").mkdir()
    assert Settings(scenarios=(Path(name),)).scenario_paths == (Path(name),)


def test_the_history_worker_gets_only_postgresql_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGPASSFILE", "/somewhere")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "canary")
    environment = database_environment()
    assert environment["PGPASSFILE"] == "/somewhere"
    assert "ANTHROPIC_API_KEY" not in environment
