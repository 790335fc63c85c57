"""Which credential each client uses: the documented order, and what was seen of it."""

import itertools
from pathlib import Path

import pytest

from authprobe.doctor.inventory.inventory import take_inventory
from authprobe.doctor.inventory.precedence import ActiveCredential, CredentialSlot
from tests.support.homes import ACCESS, API_KEY, CANARY, Home, hours, make_home

LADDER = ("provider", "auth-token", "api-key", "helper", "oauth-token", "federation", "login")
SLOTS = {
    "provider": CredentialSlot.PROVIDER,
    "auth-token": CredentialSlot.AUTH_TOKEN,
    "api-key": CredentialSlot.API_KEY,
    "helper": CredentialSlot.HELPER,
    "oauth-token": CredentialSlot.OAUTH_TOKEN,
    "federation": CredentialSlot.FEDERATION,
    "login": CredentialSlot.LOGIN,
}


def furnish(home: Home, part: str) -> None:
    """Put one credential into the home."""
    match part:
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


def win(home: Home) -> ActiveCredential:
    """What the `claude` on PATH uses."""
    return take_inventory(home.machine()).wins[0]


def slot(home: Home) -> CredentialSlot | None:
    held = win(home).held
    return held.slot if held else None


@pytest.mark.parametrize(("higher", "lower"), list(itertools.combinations(LADDER, 2)))
def test_the_first_of_the_ladder_wins(higher: str, lower: str, tmp_path: Path) -> None:
    home = make_home(tmp_path)
    furnish(home, lower)
    furnish(home, higher)
    assert slot(home) is SLOTS[higher]
    assert [other.slot for other in win(home).others] == [SLOTS[lower]]


@pytest.mark.parametrize("part", LADDER)
def test_alone_each_wins(part: str, tmp_path: Path) -> None:
    home = make_home(tmp_path)
    furnish(home, part)
    assert slot(home) is SLOTS[part]
    assert win(home).others == ()


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("2.1.31", CredentialSlot.LOGIN),
        ("2.0.76", CredentialSlot.LOGIN),
        ("2.1.330", CredentialSlot.FEDERATION),
    ],
)
def test_early_versions_know_nothing_of_federation(
    version: str, expected: CredentialSlot, tmp_path: Path
) -> None:
    # As scenarios/precedence.yaml has seen it.
    home = Home(tmp_path)
    home.install(version)
    furnish(home, "federation")
    furnish(home, "login")
    assert slot(home) is expected
    assert win(home).client == f"claude-code {version}"
    assert win(home).note is None


def test_in_between_it_is_said_that_it_is_not_known(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.install("2.1.112")
    furnish(home, "federation")
    assert win(home).note == "whether this version reads profiles is not known"


def test_a_key_beside_a_token_goes_out_too(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    furnish(home, "auth-token")
    assert win(home).note is None
    furnish(home, "api-key")
    assert win(home).note == "the key goes out beside it, in x-api-key"


def test_the_profile_of_a_user_comes_after_the_login(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    home.profile("user_oauth", access_token=ACCESS, expires_at=hours(1) // 1000)
    assert slot(home) is CredentialSlot.PROFILE_OF_USER
    home.login()
    assert slot(home) is CredentialSlot.LOGIN
    home.profile("oidc_federation")
    assert slot(home) is CredentialSlot.PROFILE


def test_a_blanked_login_wins_nothing(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    home.login(accessToken="", refreshToken="")
    assert slot(home) is None


def test_bare_mode_reads_keys_only(tmp_path: Path) -> None:
    home = make_home(tmp_path, CLAUDE_CODE_SIMPLE="1")
    furnish(home, "login")
    furnish(home, "oauth-token")
    furnish(home, "helper")
    assert slot(home) is None
    furnish(home, "api-key")
    assert slot(home) is CredentialSlot.API_KEY


def test_settings_beat_the_shell_unless_a_host_manages_the_provider(tmp_path: Path) -> None:
    home = make_home(tmp_path, ANTHROPIC_API_KEY=API_KEY)
    home.settings(env={"ANTHROPIC_API_KEY": f"{API_KEY}2"})
    held = win(home).held
    assert held
    assert held.where == "ANTHROPIC_API_KEY in ~/.claude/settings.json"
    home.variables["CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST"] = "1"
    held = win(home).held
    assert held
    assert held.where == "ANTHROPIC_API_KEY"


def test_local_settings_beat_those_of_the_project_and_the_user(tmp_path: Path) -> None:
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
        held = win(home).held
        assert held
        assert held.where.endswith(path.name)


def test_an_sdk_reads_neither_settings_nor_login(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    package = home.folder / "project" / "node_modules" / "@anthropic-ai" / "sdk"
    home.write(package / "package.json", {"name": "@anthropic-ai/sdk", "version": "0.90.0"})
    home.login()
    home.settings(env={"ANTHROPIC_API_KEY": API_KEY})
    home.variables["CLAUDE_CODE_OAUTH_TOKEN"] = ACCESS
    of_sdk = take_inventory(home.machine()).wins[1]
    assert (of_sdk.client, of_sdk.held) == ("anthropic-node 0.90.0", None)
    home.variables["ANTHROPIC_API_KEY"] = API_KEY
    held = take_inventory(home.machine()).wins[1].held
    assert held
    assert held.where == "ANTHROPIC_API_KEY"


def test_age_and_scopes_are_told_and_no_value(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    home.login(expiresAt=hours(-3.5))
    held = win(home).held
    assert held
    assert (held.kind, held.state) == ("subscription (max)", "expired 3 hours ago, is renewed")
    assert held.written == "2262 days ago"
    assert held.scopes == ("user:inference", "user:profile")
    assert "canary" not in repr(take_inventory(home.machine()))
