"""Precedence of credentials: the documented order, and deviations observed in real versions."""

import itertools
import os
from dataclasses import replace
from pathlib import Path

import pytest

from authprobe.doctor.inventory.inventory import take_inventory
from authprobe.doctor.inventory.precedence import ActiveCredential, CredentialSlot
from tests.support.homes import ACCESS, API_KEY, CANARY, Home, hours_from_now, make_home

ORDER = ("provider", "auth-token", "api-key", "helper", "oauth-token", "federation", "login")
SLOTS = {
    "provider": CredentialSlot.PROVIDER,
    "auth-token": CredentialSlot.AUTH_TOKEN,
    "api-key": CredentialSlot.API_KEY,
    "helper": CredentialSlot.HELPER,
    "oauth-token": CredentialSlot.OAUTH_TOKEN,
    "federation": CredentialSlot.FEDERATION,
    "login": CredentialSlot.LOGIN,
}


def add_credential(home: Home, name: str) -> None:
    """Put one credential into the home."""
    match name:
        case "provider":
            home.variables["CLAUDE_CODE_USE_VERTEX"] = "1"
        case "auth-token":
            home.variables["ANTHROPIC_AUTH_TOKEN"] = CANARY
        case "api-key":
            home.variables["ANTHROPIC_API_KEY"] = API_KEY
        case "helper":
            home.settings(apiKeyHelper="/bin/key")
        case "oauth-token":
            home.variables["CLAUDE_CODE_OAUTH_TOKEN"] = ACCESS
        case "federation":
            names = ("FEDERATION_RULE_ID", "ORGANIZATION_ID", "IDENTITY_TOKEN")
            home.variables |= {f"ANTHROPIC_{name}": "x" for name in names}
        case "login":
            home.login()


def active(home: Home) -> ActiveCredential:
    """Return the active credential of the `claude` on PATH."""
    return take_inventory(home.machine()).active_credentials[0]


def slot(home: Home) -> CredentialSlot | None:
    credential = active(home).credential
    return credential.slot if credential else None


@pytest.mark.parametrize(("higher", "lower"), list(itertools.combinations(ORDER, 2)))
def test_the_higher_of_two_credentials_is_used(higher: str, lower: str, tmp_path: Path) -> None:
    home = make_home(tmp_path)
    add_credential(home, lower)
    add_credential(home, higher)
    assert slot(home) is SLOTS[higher]
    assert [other.slot for other in active(home).shadowed] == [SLOTS[lower]]


@pytest.mark.parametrize("name", ORDER)
def test_a_single_credential_is_used(name: str, tmp_path: Path) -> None:
    home = make_home(tmp_path)
    add_credential(home, name)
    assert slot(home) is SLOTS[name]
    assert active(home).shadowed == ()


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("2.1.31", CredentialSlot.LOGIN),
        ("2.0.76", CredentialSlot.LOGIN),
        ("2.1.330", CredentialSlot.FEDERATION),
    ],
)
def test_early_versions_ignore_federation(
    version: str, expected: CredentialSlot, tmp_path: Path
) -> None:
    # Observed by scenarios/precedence.yaml.
    home = Home(tmp_path)
    home.install(version)
    add_credential(home, "federation")
    add_credential(home, "login")
    assert slot(home) is expected
    assert active(home).client == f"claude-code {version}"
    assert active(home).note is None


def test_support_for_profiles_is_unknown_in_the_versions_between(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.install("2.1.112")
    add_credential(home, "federation")
    assert active(home).note == "it is unknown whether this version reads profiles"


def test_a_key_is_sent_together_with_a_token(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    add_credential(home, "auth-token")
    assert active(home).note is None
    add_credential(home, "api-key")
    assert active(home).note == "the key is sent as well, in x-api-key"


@pytest.mark.parametrize(
    ("credentials", "reason"),
    [
        ((), "there is none where Claude Code looks"),
        (("login",), "it is the only one that was found"),
        (("login", "helper"), "Claude Code looks for apiKeyHelper before the login"),
        (
            ("login", "provider", "federation"),
            "Claude Code looks for Google Vertex AI before workload identity federation "
            "and the login",
        ),
    ],
)
def test_the_reason_names_what_was_found(
    credentials: tuple[str, ...], reason: str, tmp_path: Path
) -> None:
    home = make_home(tmp_path)
    for name in credentials:
        add_credential(home, name)
    assert active(home).reason == reason


def test_an_agent_sdk_uses_what_claude_code_uses(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    package = home.folder / "project" / "node_modules" / "@anthropic-ai" / "claude-agent-sdk"
    home.write(package / "package.json", {"version": "0.3.332"})
    home.login()
    of_sdk = take_inventory(home.machine()).active_credentials[1]
    assert of_sdk.client == "agent-sdk-node 0.3.332"
    assert of_sdk.credential
    assert of_sdk.credential.slot is CredentialSlot.LOGIN
    assert of_sdk.note
    assert of_sdk.note.startswith("it runs Claude Code")


def test_the_profile_of_a_user_comes_after_the_login(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    home.profile("user_oauth", access_token=ACCESS, expires_at=hours_from_now(1) // 1000)
    assert slot(home) is CredentialSlot.PROFILE_OF_USER
    home.login()
    assert slot(home) is CredentialSlot.LOGIN
    home.profile("oidc_federation")
    assert slot(home) is CredentialSlot.PROFILE


def test_a_blanked_login_is_not_used(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    home.login(accessToken="", refreshToken="")
    assert slot(home) is None


def test_bare_mode_reads_keys_only(tmp_path: Path) -> None:
    home = make_home(tmp_path, CLAUDE_CODE_SIMPLE="1")
    add_credential(home, "login")
    add_credential(home, "oauth-token")
    add_credential(home, "helper")
    assert slot(home) is None
    add_credential(home, "api-key")
    assert slot(home) is CredentialSlot.API_KEY


def test_settings_override_the_shell_unless_a_host_manages_the_provider(tmp_path: Path) -> None:
    home = make_home(tmp_path, ANTHROPIC_API_KEY=API_KEY)
    home.settings(env={"ANTHROPIC_API_KEY": f"{API_KEY}2"})
    credential = active(home).credential
    assert credential
    assert credential.where == "ANTHROPIC_API_KEY in ~/.claude/settings.json"
    home.variables["CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST"] = "1"
    credential = active(home).credential
    assert credential
    assert credential.where == "ANTHROPIC_API_KEY"


def test_settings_files_override_one_another_in_the_documented_order(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    folder = tmp_path / "project" / ".claude"
    order = (
        home.settings_file,
        folder / "settings.json",
        folder / "settings.local.json",
        tmp_path / "root" / "etc" / "claude-code" / "managed-settings.json",
        tmp_path / "root" / "etc" / "claude-code" / "managed-settings.d" / "10.json",
    )
    for number, path in enumerate(order):
        home.write(path, {"env": {"ANTHROPIC_API_KEY": f"{API_KEY}{number}"}})
        credential = active(home).credential
        assert credential
        assert credential.where.endswith(path.name)


def test_an_sdk_reads_neither_settings_nor_login(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    package = home.folder / "project" / "node_modules" / "@anthropic-ai" / "sdk"
    home.write(package / "package.json", {"name": "@anthropic-ai/sdk", "version": "0.90.0"})
    home.login()
    home.settings(env={"ANTHROPIC_API_KEY": API_KEY})
    home.variables["CLAUDE_CODE_OAUTH_TOKEN"] = ACCESS
    of_sdk = take_inventory(home.machine()).active_credentials[1]
    assert (of_sdk.client, of_sdk.credential) == ("anthropic-node 0.90.0", None)
    home.variables["ANTHROPIC_API_KEY"] = API_KEY
    credential = take_inventory(home.machine()).active_credentials[1].credential
    assert credential
    assert credential.where == "ANTHROPIC_API_KEY"


def test_age_and_scopes_are_shown_without_the_value(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    home.login(expiresAt=hours_from_now(-3.5))
    credential = active(home).credential
    assert credential
    assert (credential.kind, credential.state) == (
        "subscription (max)",
        "expired 3 hours ago, and will be renewed",
    )
    assert credential.written == "2262 days ago"
    assert credential.scopes == ("user:inference", "user:profile")
    assert "canary" not in repr(take_inventory(home.machine()))


@pytest.mark.parametrize(
    ("version", "is_read"), [("2.1.207", False), ("2.1.218", True), ("2.1.332", True)]
)
def test_local_settings_are_those_of_the_root_of_the_repository(
    version: str, is_read: bool, tmp_path: Path
) -> None:
    # Measured with these versions.
    home = Home(tmp_path, {"ANTHROPIC_API_KEY": API_KEY}, subfolder="sub")
    home.install(version)
    (home.project / ".git").mkdir(parents=True)
    settings = {"env": {"ANTHROPIC_API_KEY": f"{API_KEY}2"}}
    home.write(home.project / ".claude" / "settings.local.json", settings)
    credential = active(home).credential
    assert credential
    assert credential.where.endswith("settings.local.json") is is_read


def test_a_home_that_is_a_repository_has_no_local_settings_for_folders_below(
    tmp_path: Path,
) -> None:
    home = Home(tmp_path)
    home.install()
    (home.home / ".git").mkdir(parents=True)
    home.write(home.home / ".claude/settings.local.json", {"env": {"ANTHROPIC_API_KEY": API_KEY}})
    machine = replace(home.machine(), folder=home.home / "work")
    assert take_inventory(machine).credentials == ()


@pytest.mark.parametrize(
    ("version", "is_moved"), [("2.1.197", True), ("2.1.240", True), ("2.1.266", False)]
)
@pytest.mark.parametrize("name", ["settings.json", "settings.local.json"])
def test_a_project_moves_the_login_of_old_versions(
    name: str, version: str, is_moved: bool, tmp_path: Path
) -> None:
    # Measured with these versions.
    home = Home(tmp_path)
    home.install(version)
    home.login()
    home.write(home.home / "third" / ".credentials.json", home.credentials.read_text())
    home.settings(env={"CLAUDE_CONFIG_DIR": str(home.home / "third")})
    settings = {"env": {"CLAUDE_CONFIG_DIR": str(home.home / "other")}}
    home.write(home.project / ".claude" / name, settings)
    machine = take_inventory(home.machine()).machine
    assert machine.config_folder == home.home / ("other" if is_moved else "third")


def test_user_settings_of_both_folders_apply(tmp_path: Path) -> None:
    # Measured with 2.1.332: the first ones name the folder, and those in it override them.
    home = make_home(tmp_path)
    home.settings(env={"CLAUDE_CONFIG_DIR": str(home.home / "other"), "ANTHROPIC_API_KEY": API_KEY})
    credential = active(home).credential
    assert credential
    assert credential.where == "ANTHROPIC_API_KEY in ~/.claude/settings.json"
    home.write(home.home / "other/settings.json", {"env": {"ANTHROPIC_API_KEY": f"{API_KEY}2"}})
    credential = active(home).credential
    assert credential
    assert credential.where == "ANTHROPIC_API_KEY in ~/other/settings.json"


def test_a_key_that_was_declined_is_not_used_by_interactive_sessions(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    add_credential(home, "api-key")
    state = {"customApiKeyResponses": {"rejected": [API_KEY[-20:]]}}
    home.write(home.home / ".claude.json", state)
    assert active(home).note == "interactive sessions ignore it, because it was declined once"
    add_credential(home, "auth-token")
    assert active(home).note == "the key is sent as well, in x-api-key"


def test_a_login_in_the_keychain_is_mentioned_where_it_would_be_used(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    home.platform = "darwin"
    assert (
        active(home).note == "a login in the Keychain, which is not read, is used if there is one"
    )
    home.profile("user_oauth", access_token=ACCESS)
    assert active(home).note == "a login in the Keychain, which is not read, comes before it"
    add_credential(home, "api-key")
    assert active(home).note is None


def test_a_gateway_in_settings_is_that_of_claude_code_and_not_of_an_sdk(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    package = home.project / "node_modules" / "@anthropic-ai" / "sdk"
    home.write(package / "package.json", {"version": "1.14.0"})
    home.settings(env={"ANTHROPIC_BASE_URL": "https://user:word@gateway.example/api?key=x"})
    gateways = [each.gateway for each in take_inventory(home.machine()).active_credentials]
    assert gateways == ["https://gateway.example", None]
    home.variables["ANTHROPIC_BASE_URL"] = "https://other.example"
    gateways = [each.gateway for each in take_inventory(home.machine()).active_credentials]
    assert gateways == ["https://gateway.example", "https://other.example"]
    home.variables["ANTHROPIC_BASE_URL"] = "https://api.anthropic.com"
    assert active(home).gateway == "https://gateway.example"


def test_a_file_of_the_distant_future_has_an_age(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = make_home(tmp_path)
    add_credential(home, "login")
    status_of = os.fstat
    # Some file systems keep any time; that of the tests may not.
    monkeypatch.setattr(os, "fstat", lambda file: os.stat_result((*status_of(file)[:8], 10**14, 0)))
    credential = active(home).credential
    assert credential
    assert (credential.written or "").startswith("in 63")


def test_a_relative_folder_of_profiles_is_below_the_current_folder(tmp_path: Path) -> None:
    home = make_home(tmp_path, ANTHROPIC_CONFIG_DIR="work")
    config = home.project / "work" / "configs" / "default.json"
    home.write(config, {"authentication": {"type": "user_oauth"}})
    credential = active(home).credential
    assert credential
    assert credential.where == "$ANTHROPIC_CONFIG_DIR/configs/default.json"
