"""Results of the doctor for prepared homes: exactly the expected ones."""

import datetime
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
import trustme

from authprobe.doctor.checks.registry import run_checks
from authprobe.doctor.inventory.inventory import take_inventory
from authprobe.doctor.result import CheckResult, Severity
from tests.support.homes import ACCESS, API_KEY, CANARY, REFRESH, Home, hours_from_now, make_home

Setup = Callable[[Home], object]

SHADOWED = ["warning login-shadowed"]
MISSING = ["warning credential-missing"]


def variable(**variables: str) -> Setup:
    """Return a setup with a valid login and these variables."""

    def setup(home: Home) -> None:
        home.login()
        home.variables |= variables

    return setup


def only(**variables: str) -> Setup:
    """Return a setup with these variables and no login."""
    return lambda home: home.variables.update(variables)


def lock(seconds: float, *, folder: bool = True) -> Setup:
    """Return a setup with a valid login and the lock of a renewal, this long from now."""

    def setup(home: Home) -> None:
        home.login()
        path = home.credentials.with_name(".oauth_refresh.lock")
        path.mkdir() if folder else path.touch()
        moment = max(hours_from_now(0) / 1000 + seconds, 0)
        os.utime(path, (moment, moment))

    return setup


def login(**changes: object) -> Setup:
    """Return a setup with a login that has these fields changed."""
    return lambda home: home.login(**changes)


def settings(**tree: object) -> Setup:
    """Return a setup with a login and these settings."""

    def setup(home: Home) -> None:
        home.login()
        home.settings(**tree)

    return setup


def several(*parts: Setup) -> Setup:
    """Return a setup that combines several."""

    def setup(home: Home) -> None:
        for part in parts:
            part(home)

    return setup


def force_login(home: Home) -> None:
    home.write(
        home.folder / "root" / "etc" / "claude-code" / "managed-settings.json",
        {"forceLoginMethod": "claudeai"},
    )


def link_login(home: Home) -> None:
    path = home.login()
    path.symlink_to(path.rename(home.folder / "elsewhere.json"))


def login_from_the_future(home: Home) -> None:
    os.utime(home.login(), (4_000_000_000, 4_000_000_000))


def move_config(home: Home) -> None:
    home.login()
    home.variables["CLAUDE_CONFIG_DIR"] = str(home.folder / "moved")
    home.write(home.folder / "moved" / ".claude.json", {"hasCompletedOnboarding": True})


def config_dir(value: str, folder: str) -> Setup:
    """Return a setup with a login in this folder of the home, and CLAUDE_CONFIG_DIR."""

    def setup(home: Home) -> None:
        path = home.login()
        home.write(home.home / folder / ".claude.json", {"hasCompletedOnboarding": True})
        path.rename(home.home / folder / path.name)
        home.variables["CLAUDE_CONFIG_DIR"] = value.format(home=home.home)

    return setup


def on_macos(*parts: Setup, config: str | None = None) -> Setup:
    """Return a setup for macOS, with this CLAUDE_CONFIG_DIR."""

    def setup(home: Home) -> None:
        home.platform = "darwin"
        if config is not None:
            home.variables["CLAUDE_CONFIG_DIR"] = config.format(home=home.home)
            folder = home.folder / "project" / home.variables["CLAUDE_CONFIG_DIR"]
            home.write(folder / ".claude.json", {"hasCompletedOnboarding": True})
        for part in parts:
            part(home)

    return setup


def second_login(folder: str, *, lock: bool = False) -> Setup:
    """Return a setup with a login, and another one in this folder of the home."""

    def setup(home: Home) -> None:
        path = home.login()
        home.write(home.home / folder / path.name, "not read")
        if lock:
            (home.home / folder / ".oauth_refresh.lock").mkdir()
            os.utime(home.home / folder / ".oauth_refresh.lock", (1, 1))

    return setup


def linked_folder(home: Home) -> None:
    home.login()
    home.write(home.folder / "outside" / ".credentials.json", "not read")
    (home.home / ".claude-work").symlink_to(home.folder / "outside")


def linked_login(home: Home) -> None:
    home.login()
    target = home.write(home.folder / "outside.json", "not read")
    (home.home / ".claude-work").mkdir()
    (home.home / ".claude-work" / ".credentials.json").symlink_to(target)


def moved_by_settings(login: str) -> Setup:
    """Return a setup whose user settings name another folder, and whose login is in this one."""

    def setup(home: Home) -> None:
        path = home.login()
        path = path.rename(home.write(home.home / login / ".credentials.json", ""))
        home.settings(env={"CLAUDE_CONFIG_DIR": str(home.home / "other")})

    return setup


def below_the_root(name: str, **tree: object) -> Setup:
    """Return a setup in a folder of a git repository whose root has these settings."""

    def setup(home: Home) -> None:
        home.subfolder = "sub"
        (home.project / ".git").mkdir(parents=True)
        home.write(home.project / ".claude" / name, tree)

    return setup


AWS_KEYS: Final = {"AWS_ACCESS_KEY_ID": CANARY, "AWS_SECRET_ACCESS_KEY": CANARY}
AWS_FILE: Final = f"""
[default]
aws_access_key_id = {CANARY}
aws_secret_access_key = {CANARY}
[work]
aws_access_key_id = {CANARY}
"""


def cloud(name: str, **variables: str) -> Setup:
    """Return a setup that uses this cloud, with these variables and no login."""
    return only(**{f"CLAUDE_CODE_USE_{name}": "1"}, **variables)


def in_home(path: str, content: object = CANARY) -> Setup:
    """Return a setup with a file in the home; its content must not matter."""
    return lambda home: home.write(home.home / path, content)


def aws_files() -> Setup:
    """Return a setup with two profiles of AWS."""
    return in_home(".aws/credentials", AWS_FILE)


def linked_aws(home: Home) -> None:
    home.write(home.folder / "outside" / "credentials", AWS_FILE)
    (home.home / ".aws").symlink_to(home.folder / "outside")


def sso(hours: float, **fields: str) -> Setup:
    """Return a setup with a profile whose login ends so many hours from now."""
    end = datetime.datetime.fromtimestamp(hours_from_now(hours) / 1000, datetime.UTC)
    token = {"accessToken": CANARY, "expiresAt": end.strftime("%Y-%m-%dT%H:%M:%SZ"), **fields}
    registration = {"clientSecret": CANARY, "expiresAt": "2099-01-01T00:00:00Z"}
    return several(
        in_home(".aws/config", "[default]\nsso_session = work\n[sso-session work]\n"),
        in_home(".aws/sso/cache/1.json", token),
        in_home(".aws/sso/cache/2.json", registration),
    )


def console_login(folder: str, hours: float) -> Setup:
    """Return a setup with the login of `aws login`, which can be renewed (botocore 1.44.8)."""
    end = datetime.datetime.fromtimestamp(hours_from_now(hours) / 1000, datetime.UTC)
    token = {"secretAccessKey": CANARY, "expiresAt": end.strftime("%Y-%m-%dT%H:%M:%SZ")}
    return several(
        in_home(".aws/config", "[default]\nlogin_session = arn:aws:1\n"),
        in_home(f"{folder}/1.json", {"accessToken": token, "refreshToken": CANARY}),
    )


def linked_cache(home: Home) -> None:
    home.write(home.folder / "outside" / "1.json", {"expiresAt": "2020-01-01T00:00:00Z"})
    (home.home / ".aws" / "sso").mkdir()
    (home.home / ".aws" / "sso" / "cache").symlink_to(home.folder / "outside")


def hardware(name: str, content: str) -> Setup:
    """Return a setup of a virtual machine whose hardware has this name."""
    path = f"root/sys/devices/virtual/dmi/id/{name}"
    return lambda home: home.write(home.folder / path, f"{content}\n")


def declare(*, project: bool = False, **lists: list[str]) -> Setup:
    """Return a setup in which the user, or the project, declares these lists."""
    lines = [f"{key} = {json.dumps(values)}\n" for key, values in lists.items()]

    def setup(home: Home) -> None:
        folder = home.project if project else home.own_config_folder
        home.write(folder / "authprobe.toml", "".join(("[doctor]\n", *lines)))

    return setup


def project_gateway(name: str) -> Setup:
    """Return a setup in which settings of the project name a gateway."""
    tree = {"env": {"ANTHROPIC_BASE_URL": "https://gateway.example"}}
    return lambda home: home.write(home.project / ".claude" / name, tree)


def add_authority(home: Home) -> None:
    path = home.folder / "ca.pem"
    path.write_bytes("# Zürich\n".encode() + trustme.CA().cert_pem.bytes())
    home.login()
    home.variables["NODE_EXTRA_CA_CERTS"] = str(path)


def set_helper(home: Home) -> None:
    path = home.write(home.folder / "key helper", "#!/bin/sh\n", mode=0o700)
    home.settings(apiKeyHelper=f"'{path}' --now")


HOMES: Final[dict[str, tuple[Setup, list[str]]]] = {
    # --- files
    "no-credential": (lambda home: None, MISSING),
    "valid-login": (login(), []),
    "expired-with-refresh-token": (login(expiresAt=hours_from_now(-3)), []),
    "expired-without-refresh-token": (
        login(expiresAt=hours_from_now(-3), refreshToken=""),
        ["warning login-expired"],
    ),
    "expired-30-days-ago": (login(expiresAt=hours_from_now(-24 * 30)), ["warning login-old"]),
    "expired-29-days-ago": (login(expiresAt=hours_from_now(-24 * 29)), []),
    "expired-a-year-ago": (login(expiresAt=hours_from_now(-24 * 367)), ["warning login-old"]),
    "expired-a-year-ago-but-renewable": (
        login(expiresAt=hours_from_now(-24 * 367), refreshTokenExpiresAt=hours_from_now(24 * 10)),
        [],
    ),
    "refresh-token-expired": (
        login(refreshTokenExpiresAt=hours_from_now(-30)),
        ["error refresh-token-expired"],
    ),
    "blanked": (
        login(
            accessToken="", refreshToken="", expiresAt=0, refreshTokenExpiresAt=hours_from_now(300)
        ),
        ["error login-blanked"],
    ),
    "scopes-as-string": (login(scopes="user:inference"), ["error login-malformed"]),
    "token-as-number": (login(accessToken=1), ["error login-malformed"]),
    "record-as-string": (
        lambda home: home.write(home.credentials, {"claudeAiOauth": "x"}),
        ["error login-malformed", *MISSING],
    ),
    "no-record": (
        lambda home: home.write(home.credentials, {"mcpOAuth": {}}),
        ["info login-missing", *MISSING],
    ),
    "expiry-in-seconds": (
        login(expiresAt=hours_from_now(5) // 1000),
        ["warning expiry-in-seconds"],
    ),
    "expiry-zero": (login(expiresAt=0), ["warning expiry-zero"]),
    "expiry-huge": (login(expiresAt=10**400), ["error login-malformed"]),
    "no-scope-for-inference": (login(scopes=["user:profile"]), ["error scope-missing"]),
    "open-to-others": (
        lambda home: home.login().chmod(0o644),
        ["warning file-open-to-others"],
    ),
    "symbolic-link": (link_login, ["info file-is-link"]),
    "modified-in-the-future": (login_from_the_future, ["warning clock-behind"]),
    "not-json": (
        lambda home: home.write(home.credentials, '{"claudeAiOauth": '),
        ["error file-not-json"],
    ),
    "refresh-lock": (lock(-30), ["info refresh-lock"]),
    "refresh-lock-of-the-future": (lock(3600), ["info refresh-lock"]),
    "refresh-lock-stale": (lock(-61), ["warning refresh-lock-stale"]),
    "refresh-lock-stale-of-an-expired-login": (
        several(lock(-61), login(expiresAt=hours_from_now(-3))),
        ["info login", "warning refresh-lock-stale"],
    ),
    "refresh-lock-of-1970": (lock(-(10**12)), ["warning refresh-lock-stale"]),
    "refresh-lock-as-file": (lock(-600, folder=False), ["warning refresh-lock-stale"]),
    "login-elsewhere": (move_config, ["warning login-elsewhere", *MISSING]),
    "keychain": (on_macos(), ["info keychain-not-read"]),
    "keychain-by-ssh": (
        on_macos(only(SSH_CONNECTION="192.0.2.1 1 192.0.2.2 22")),
        ["info keychain-not-read", "warning keychain-by-ssh"],
    ),
    "keychain-of-a-moved-folder": (
        on_macos(config="{home}/.claude-work"),
        ["info keychain-not-read", "info keychain-name-moved"],
    ),
    "keychain-of-the-default-folder-by-name": (
        on_macos(config="{home}/.claude"),
        ["info keychain-not-read", "warning keychain-name"],
    ),
    "keychain-of-a-folder-with-a-slash": (
        on_macos(config="{home}/.claude-work/"),
        ["info keychain-not-read", "warning keychain-name"],
    ),
    "keychain-and-file": (on_macos(login()), ["info keychain-not-read", "info login-in-file"]),
    "config-folder-empty": (
        several(login(), only(CLAUDE_CONFIG_DIR="")),
        ["warning config-folder-relative", "warning login-elsewhere", *MISSING],
    ),
    "config-folder-with-tilde": (
        several(login(), only(CLAUDE_CONFIG_DIR="~/.claude")),
        ["warning config-folder-relative", "warning login-elsewhere", *MISSING],
    ),
    "config-folder-relative": (
        several(
            only(CLAUDE_CONFIG_DIR="config"),
            lambda home: home.login().rename(
                home.write(home.folder / "project" / "config" / ".credentials.json", "")
            ),
        ),
        ["warning config-folder-relative"],
    ),
    "config-folder-absolute": (config_dir("{home}/elsewhere/", "elsewhere/"), []),
    "config-folder-in-settings": (
        moved_by_settings("other"),
        ["info config-folder-in-settings"],
    ),
    "config-folder-in-settings-without-login": (
        moved_by_settings(".claude"),
        ["info config-folder-in-settings", "warning login-elsewhere", *MISSING],
    ),
    "config-folder-in-project-settings-is-ignored": (
        several(
            login(),
            lambda home: home.write(
                home.folder / "project" / ".claude" / "settings.json",
                {"env": {"CLAUDE_CONFIG_DIR": "/nowhere"}},
            ),
        ),
        [],
    ),
    "several-config-folders": (
        second_login(".claude-work"),
        ["info several-config-folders"],
    ),
    "several-config-folders-and-none-in-use": (
        several(second_login(".claude-work"), lambda home: home.credentials.unlink()),
        ["warning login-elsewhere", *MISSING],
    ),
    "several-config-folders-and-an-ended-one-in-use": (
        several(second_login(".claude-work"), login(expiresAt=hours_from_now(-3), refreshToken="")),
        ["warning login-expired", "warning several-config-folders"],
    ),
    "several-config-folders-in-xdg": (
        second_login(".config/claude"),
        ["info several-config-folders"],
    ),
    "several-config-folders-with-a-lock": (
        second_login(".claude-work", lock=True),
        ["info several-config-folders", "warning refresh-lock-stale"],
    ),
    "linked-folder-is-not-followed": (linked_folder, []),
    "linked-login-is-not-followed": (linked_login, []),
    "key-of-a-console-login": (
        lambda home: home.write(
            home.home / ".claude.json", {"primaryApiKey": API_KEY, "hasCompletedOnboarding": True}
        ),
        [],
    ),
    "profile": (lambda home: home.profile(access_token=ACCESS), []),
    "profile-expired": (
        lambda home: home.profile(access_token=ACCESS, expires_at=hours_from_now(-2) // 1000),
        ["error profile-expired"],
    ),
    "profile-blanked": (
        lambda home: home.profile(access_token=""),
        ["error profile-blanked"],
    ),
    "profile-missing": (
        variable(ANTHROPIC_PROFILE="work"),
        ["error profile-missing", *SHADOWED],
    ),
    # --- variables
    "api-key-only": (only(ANTHROPIC_API_KEY=API_KEY), []),
    "oauth-token-as-api-key": (
        only(ANTHROPIC_API_KEY=ACCESS),
        ["error variable-of-wrong-kind"],
    ),
    "refresh-token-as-token": (
        only(CLAUDE_CODE_OAUTH_TOKEN=REFRESH),
        ["error variable-of-wrong-kind"],
    ),
    "line-break-inside": (
        only(CLAUDE_CODE_OAUTH_TOKEN=f"{ACCESS}\n{CANARY}"),
        ["error variable-malformed"],
    ),
    "ellipsis-inside": (
        only(ANTHROPIC_API_KEY=f"{API_KEY}\N{HORIZONTAL ELLIPSIS}"),
        ["error variable-malformed"],
    ),
    "line-break-at-the-end": (
        only(CLAUDE_CODE_OAUTH_TOKEN=f"{ACCESS}\n"),
        ["info variable-with-space"],
    ),
    "in-quotes": (only(ANTHROPIC_API_KEY=f'"{API_KEY}"'), ["error variable-not-expanded"]),
    "not-expanded": (
        only(ANTHROPIC_API_KEY="${{ secrets.KEY }}"),
        ["error variable-not-expanded"],
    ),
    "empty-variable": (variable(ANTHROPIC_API_KEY=""), ["warning variable-empty"]),
    "refresh-token-without-scopes": (
        variable(CLAUDE_CODE_OAUTH_REFRESH_TOKEN=REFRESH),
        ["warning scopes-not-set"],
    ),
    "headers-malformed": (
        variable(ANTHROPIC_CUSTOM_HEADERS="X-Team"),
        ["error headers-malformed"],
    ),
    "credential-in-headers": (
        variable(ANTHROPIC_CUSTOM_HEADERS=f"Authorization: Bearer {ACCESS}"),
        ["warning credential-in-headers"],
    ),
    # --- conflicts
    "key-shadows-login": (variable(ANTHROPIC_API_KEY=API_KEY), SHADOWED),
    "environment-token-shadows-login": (variable(CLAUDE_CODE_OAUTH_TOKEN=ACCESS), SHADOWED),
    "token-and-key": (
        only(ANTHROPIC_API_KEY=API_KEY, ANTHROPIC_AUTH_TOKEN=CANARY),
        ["warning several-keys"],
    ),
    "login-and-profile": (
        several(login(), lambda home: home.profile(access_token=ACCESS)),
        ["info other-credentials"],
    ),
    "provider-token-and-key": (
        several(
            cloud("VERTEX", ANTHROPIC_API_KEY=API_KEY, ANTHROPIC_AUTH_TOKEN=CANARY),
            in_home(".config/gcloud/application_default_credentials.json"),
        ),
        ["info provider", "warning several-credentials"],
    ),
    "two-tokens": (
        only(CLAUDE_CODE_OAUTH_TOKEN=ACCESS, ANTHROPIC_API_KEY=API_KEY),
        ["warning several-credentials"],
    ),
    "settings-over-shell": (
        several(
            only(ANTHROPIC_API_KEY=API_KEY),
            lambda home: home.settings(env={"ANTHROPIC_API_KEY": f"{API_KEY}2"}),
        ),
        ["warning settings-over-shell"],
    ),
    "settings-same-as-shell": (
        several(
            only(ANTHROPIC_API_KEY=API_KEY),
            lambda home: home.settings(env={"ANTHROPIC_API_KEY": API_KEY}),
        ),
        [],
    ),
    "settings-blank": (
        several(
            variable(ANTHROPIC_API_KEY=API_KEY),
            lambda home: home.settings(env={"ANTHROPIC_API_KEY": ""}),
        ),
        ["info settings-blank"],
    ),
    "local-settings-at-the-root": (
        several(
            only(ANTHROPIC_API_KEY=API_KEY),
            below_the_root("settings.local.json", env={"ANTHROPIC_API_KEY": f"{API_KEY}2"}),
        ),
        ["warning settings-over-shell"],
    ),
    "settings-not-read": (
        several(
            login(),
            below_the_root("settings.json", env={"ANTHROPIC_AUTH_TOKEN": CANARY}),
        ),
        ["info settings-not-read"],
    ),
    "settings-not-read-without-credentials": (
        several(login(), below_the_root("settings.json", env={"EDITOR": "vi"}, model="opus")),
        [],
    ),
    "secret-in-shared-settings": (
        lambda home: home.write(
            home.folder / "project" / ".claude" / "settings.json",
            {"env": {"ANTHROPIC_AUTH_TOKEN": CANARY}},
        ),
        ["warning secret-in-shared-settings"],
    ),
    "cloud-secret-in-shared-settings": (
        several(
            login(),
            lambda home: home.write(
                home.project / ".claude" / "settings.json",
                {"env": {"AWS_SECRET_ACCESS_KEY": CANARY}},
            ),
        ),
        ["warning secret-in-shared-settings"],
    ),
    "env-is-not-an-object": (settings(env=["x"]), ["warning settings-malformed"]),
    "number-in-env": (settings(env={"API_TIMEOUT_MS": 5}), ["warning settings-malformed"]),
    "helper": (set_helper, ["info helper-not-run"]),
    "helper-shadows-login": (several(login(), set_helper), ["info helper-not-run", *SHADOWED]),
    "helper-missing": (
        lambda home: home.settings(apiKeyHelper="/nowhere/helper"),
        ["error helper-missing"],
    ),
    "several-helpers": (
        several(
            set_helper,
            lambda home: home.write(
                home.folder / "project/.claude/settings.local.json", {"apiKeyHelper": "/bin/sh"}
            ),
        ),
        ["info helper-not-run", "warning several-helpers"],
    ),
    "helper-needs-a-shell": (
        lambda home: home.settings(apiKeyHelper=f"echo {API_KEY} | tail -1"),
        ["info helper-not-run"],
    ),
    "helper-is-not-a-string": (settings(apiKeyHelper=1), ["warning settings-malformed"]),
    "login-forced": (
        several(force_login, only(ANTHROPIC_API_KEY=API_KEY)),
        ["error login-forced"],
    ),
    "login-forced-and-present": (several(force_login, login()), []),
    # --- clouds
    "provider": (cloud("BEDROCK", AWS_BEARER_TOKEN_BEDROCK=CANARY), ["info provider"]),
    "provider-without-credential": (
        several(cloud("BEDROCK"), in_home(".aws/config", "[default]\nregion = us-east-1\n")),
        ["warning cloud-credential-missing"],
    ),
    "provider-behind-a-gateway": (
        cloud("BEDROCK", CLAUDE_CODE_SKIP_BEDROCK_AUTH="1"),
        ["info provider"],
    ),
    "several-providers": (
        cloud("BEDROCK", CLAUDE_CODE_USE_VERTEX="true", AWS_BEARER_TOKEN_BEDROCK=CANARY),
        ["info provider", "warning several-credentials", "warning several-providers"],
    ),
    "two-endpoints-of-bedrock": (
        cloud("BEDROCK", CLAUDE_CODE_USE_MANTLE="1", AWS_BEARER_TOKEN_BEDROCK=CANARY),
        ["info provider"],
    ),
    "aws-platform": (cloud("ANTHROPIC_AWS", ANTHROPIC_AWS_API_KEY=CANARY), ["info provider"]),
    "aws-keys": (cloud("BEDROCK", **AWS_KEYS), ["info provider"]),
    "aws-key-without-secret": (
        cloud("BEDROCK", AWS_ACCESS_KEY_ID=CANARY),
        ["warning cloud-credential-missing", "warning cloud-key-incomplete"],
    ),
    "aws-profile-over-keys": (
        several(cloud("BEDROCK", AWS_PROFILE="work", **AWS_KEYS), aws_files()),
        ["info provider", "warning profile-over-key"],
    ),
    "aws-profile-missing": (
        several(cloud("BEDROCK", AWS_PROFILE="gone"), aws_files()),
        ["info provider", "error cloud-credential-unusable"],
    ),
    "aws-profile-in-config-only": (
        several(
            cloud("BEDROCK", AWS_PROFILE="work"),
            in_home(".aws/config", "[profile work]\nrole_arn = x\nsource_profile = y\n"),
        ),
        ["info provider"],
    ),
    "aws-default-profile": (several(cloud("BEDROCK"), aws_files()), ["info provider"]),
    "aws-files-elsewhere": (
        several(
            cloud("BEDROCK", AWS_SHARED_CREDENTIALS_FILE="keys.ini"),
            lambda home: home.write(home.folder / "project" / "keys.ini", AWS_FILE),
        ),
        ["info provider"],
    ),
    "aws-files-linked-out-of-the-home": (
        several(cloud("BEDROCK", AWS_PROFILE="gone"), linked_aws),
        ["info provider"],
    ),
    "aws-sso": (several(cloud("BEDROCK"), sso(3)), ["info provider"]),
    "aws-sso-expired": (
        several(cloud("BEDROCK"), sso(-3)),
        ["info provider", "warning cloud-login-expired"],
    ),
    "aws-sso-expired-but-renewable": (
        several(cloud("BEDROCK"), sso(-3, refreshToken=CANARY)),
        ["info provider"],
    ),
    "aws-sso-expired-but-renewed-by-a-command": (
        several(
            cloud("BEDROCK"),
            sso(-3),
            lambda home: home.settings(awsAuthRefresh="aws sso login"),
        ),
        ["info provider"],
    ),
    "aws-sso-without-login": (
        several(cloud("BEDROCK"), in_home(".aws/config", "[default]\nsso_session = x\n")),
        ["info provider", "error cloud-credential-unusable"],
    ),
    "aws-sso-without-login-but-a-command": (
        several(
            cloud("BEDROCK"),
            in_home(".aws/config", "[default]\nsso_session = x\n"),
            lambda home: home.settings(awsAuthRefresh="aws sso login"),
        ),
        ["info provider"],
    ),
    "aws-sso-cache-linked-out-of-the-home": (
        several(
            cloud("BEDROCK"),
            in_home(".aws/config", "[default]\nsso_session = x\n"),
            linked_cache,
        ),
        ["info provider"],
    ),
    "aws-login": (
        several(cloud("BEDROCK"), console_login(".aws/login/cache", 3)),
        ["info provider"],
    ),
    "aws-login-expired": (
        several(cloud("BEDROCK"), console_login(".aws/login/cache", -3)),
        ["info provider"],
    ),
    "aws-login-in-another-folder": (
        several(
            cloud("BEDROCK"),
            console_login("cache", 3),
            lambda home: home.variables.update(AWS_LOGIN_CACHE_DIRECTORY=f"{home.home}/cache"),
        ),
        ["info provider"],
    ),
    "aws-export": (
        several(cloud("BEDROCK"), lambda home: home.settings(awsCredentialExport="/bin/aws-keys")),
        ["info provider"],
    ),
    "aws-pod": (
        cloud("BEDROCK", AWS_WEB_IDENTITY_TOKEN_FILE="/var/run/token", AWS_ROLE_ARN="arn:aws:1"),
        ["info provider"],
    ),
    "aws-container": (
        cloud("BEDROCK", AWS_CONTAINER_CREDENTIALS_FULL_URI="http://169.254.170.23/v1"),
        ["info provider"],
    ),
    "aws-instance": (
        several(cloud("BEDROCK"), hardware("sys_vendor", "Amazon EC2")),
        ["info provider"],
    ),
    "aws-instance-without-metadata": (
        several(
            cloud("BEDROCK", AWS_EC2_METADATA_DISABLED="true"),
            hardware("sys_vendor", "Amazon EC2"),
        ),
        ["warning cloud-credential-missing"],
    ),
    "google-file": (
        several(
            cloud("VERTEX", GOOGLE_APPLICATION_CREDENTIALS="key.json"),
            lambda home: home.write(home.folder / "project" / "key.json", CANARY),
        ),
        ["info provider"],
    ),
    "google-file-missing": (
        several(
            cloud("VERTEX", GOOGLE_APPLICATION_CREDENTIALS="/nowhere/key.json"),
            in_home(".config/gcloud/application_default_credentials.json"),
        ),
        ["info provider", "error cloud-credential-unusable"],
    ),
    "google-folder-moved": (
        several(
            cloud("VERTEX", CLOUDSDK_CONFIG="/etc/gcloud"),
        ),
        ["warning cloud-credential-missing", "warning google-folder-not-read"],
    ),
    "google-instance": (
        several(cloud("VERTEX"), hardware("product_name", "Google Compute Engine")),
        ["info provider"],
    ),
    "foundry-key": (
        cloud("FOUNDRY", ANTHROPIC_FOUNDRY_RESOURCE="r", ANTHROPIC_FOUNDRY_API_KEY=CANARY),
        ["info provider"],
    ),
    "foundry-without-resource": (
        cloud("FOUNDRY", ANTHROPIC_FOUNDRY_API_KEY=CANARY),
        ["info provider", "error foundry-resource-missing"],
    ),
    "foundry-principal": (
        cloud(
            "FOUNDRY",
            ANTHROPIC_FOUNDRY_RESOURCE="r",
            AZURE_CLIENT_ID="1",
            AZURE_TENANT_ID="2",
            AZURE_CLIENT_SECRET=CANARY,
        ),
        ["info provider"],
    ),
    "foundry-azure-cli": (
        several(
            cloud("FOUNDRY", ANTHROPIC_FOUNDRY_BASE_URL="https://r.services.ai.azure.com"),
            in_home(".azure/msal_token_cache.json"),
        ),
        ["info provider"],
    ),
    "foundry-azure-instance": (
        several(
            cloud("FOUNDRY", ANTHROPIC_FOUNDRY_RESOURCE="r"),
            hardware("chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77"),
        ),
        ["info provider"],
    ),
    "foundry-nothing": (
        cloud("FOUNDRY", ANTHROPIC_FOUNDRY_RESOURCE="r"),
        ["warning cloud-credential-missing"],
    ),
    "clouds-not-used": (
        several(
            variable(AWS_PROFILE="work"),
            aws_files(),
            in_home(".config/gcloud/application_default_credentials.json"),
            in_home(".azure/msal_token_cache.json"),
        ),
        ["info cloud-not-used", "info cloud-not-used", "info cloud-not-used"],
    ),
    "cloud-not-used-and-missing": (variable(AWS_PROFILE="gone"), []),
    "instance-not-used": (several(login(), hardware("sys_vendor", "Amazon EC2")), []),
    "provider-disabled": (variable(CLAUDE_CODE_USE_BEDROCK="0"), []),
    "federation-incomplete": (
        variable(ANTHROPIC_FEDERATION_RULE_ID="fdrl_1", ANTHROPIC_IDENTITY_TOKEN=CANARY),
        ["warning federation-incomplete"],
    ),
    "identity-token-file-missing": (
        only(
            ANTHROPIC_FEDERATION_RULE_ID="fdrl_1",
            ANTHROPIC_ORGANIZATION_ID="1",
            ANTHROPIC_IDENTITY_TOKEN_FILE="/nowhere/token",
        ),
        ["error identity-token-file"],
    ),
    "key-declined": (
        several(
            only(ANTHROPIC_API_KEY=API_KEY),
            lambda home: home.write(
                home.home / ".claude.json",
                {
                    "hasCompletedOnboarding": True,
                    "customApiKeyResponses": {"rejected": [API_KEY[-20:]]},
                },
            ),
        ),
        ["warning key-declined"],
    ),
    "onboarding-unfinished": (
        several(
            only(CLAUDE_CODE_OAUTH_TOKEN=ACCESS),
            lambda home: home.write(home.home / ".claude.json", {}),
        ),
        ["info onboarding-unfinished"],
    ),
    "bare-mode": (
        variable(CLAUDE_CODE_SIMPLE="1"),
        ["info bare-mode"],
    ),
    # --- the network
    "proxy": (variable(HTTPS_PROXY="http://user:word@proxy.example:3128"), ["info proxy"]),
    "proxy-socks": (variable(HTTPS_PROXY="socks5://proxy.example"), ["error proxy-invalid"]),
    "proxy-not-a-url": (variable(https_proxy="proxy.example:99999"), ["error proxy-invalid"]),
    "proxies-differ": (
        variable(https_proxy="http://a.example", HTTPS_PROXY="http://b.example"),
        ["info proxy", "warning proxy-conflict"],
    ),
    "authorities": (add_authority, ["info authorities"]),
    "authorities-missing": (
        variable(NODE_EXTRA_CA_CERTS="/nowhere/ca.pem"),
        ["error authorities-unreadable"],
    ),
    "authorities-not-pem": (
        several(
            lambda home: home.write(home.folder / "project" / "ca.cer", "0\x82"),
            variable(SSL_CERT_FILE="ca.cer"),
        ),
        ["error authorities-invalid"],
    ),
    "authorities-in-settings": (
        several(add_authority, lambda home: _move_into_settings(home, "NODE_EXTRA_CA_CERTS")),
        ["info authorities", "warning authorities-in-settings"],
    ),
    "not-verified": (
        variable(NODE_TLS_REJECT_UNAUTHORIZED="0"),
        ["warning certificates-not-verified"],
    ),
    "store-unknown": (variable(CLAUDE_CODE_CERT_STORE="bundled,mine"), ["warning store-unknown"]),
    "client-certificate": (
        variable(CLAUDE_CODE_CLIENT_CERT="/nowhere/cert.pem"),
        ["error client-certificate-unreadable", "warning client-certificate-incomplete"],
    ),
    "gateway": (
        only(ANTHROPIC_BASE_URL="https://gateway.example", ANTHROPIC_AUTH_TOKEN=CANARY),
        ["info gateway"],
    ),
    "gateway-path": (
        only(ANTHROPIC_BASE_URL="https://gateway.example/v1/", ANTHROPIC_AUTH_TOKEN=CANARY),
        ["info gateway", "warning gateway-path"],
    ),
    "gateway-path-of-messages": (
        only(
            ANTHROPIC_BASE_URL="https://gateway.example/x/v1/messages", ANTHROPIC_AUTH_TOKEN=CANARY
        ),
        ["info gateway", "warning gateway-path"],
    ),
    "gateway-path-of-the-api": (
        variable(ANTHROPIC_BASE_URL="https://api.anthropic.com/v1"),
        ["warning gateway-path"],
    ),
    "gateway-with-a-prefix": (
        only(ANTHROPIC_BASE_URL="https://gateway.example/apiv1", ANTHROPIC_AUTH_TOKEN=CANARY),
        ["info gateway"],
    ),
    "gateway-gets-login": (
        variable(ANTHROPIC_BASE_URL="https://gateway.example"),
        ["info gateway", "warning gateway-gets-login"],
    ),
    "gateway-in-clear": (
        only(ANTHROPIC_BASE_URL="http://gateway.example", ANTHROPIC_AUTH_TOKEN=CANARY),
        ["info gateway", "warning gateway-in-clear"],
    ),
    "gateway-on-loopback": (
        only(ANTHROPIC_BASE_URL="http://127.0.0.1:4000", ANTHROPIC_AUTH_TOKEN=CANARY),
        ["info gateway"],
    ),
    "gateway-on-purpose": (
        several(
            variable(ANTHROPIC_BASE_URL="https://gateway.example/api"),
            declare(gateways=["https://GATEWAY.example:443/"]),
        ),
        ["info gateway"],
    ),
    "gateway-on-purpose-but-another-one": (
        several(
            variable(ANTHROPIC_BASE_URL="https://gateway.example"),
            declare(gateways=["https://other.example", "http://gateway.example"]),
        ),
        ["info gateway", "warning gateway-gets-login"],
    ),
    "gateway-on-purpose-by-the-project": (
        several(
            variable(ANTHROPIC_BASE_URL="https://gateway.example"),
            declare(project=True, gateways=["https://gateway.example"]),
        ),
        ["info gateway"],
    ),
    "gateway-on-purpose-in-clear": (
        several(
            variable(ANTHROPIC_BASE_URL="http://gateway.example"),
            declare(gateways=["http://gateway.example"]),
        ),
        ["info gateway", "warning gateway-in-clear"],
    ),
    "gateway-of-project": (
        several(login(), project_gateway("settings.json")),
        ["info gateway", "warning gateway-gets-login", "warning gateway-of-project"],
    ),
    "gateway-of-local-settings": (
        several(login(), project_gateway("settings.local.json")),
        ["info gateway", "warning gateway-gets-login", "warning gateway-of-project"],
    ),
    "gateway-of-project-declared-by-itself": (
        several(
            login(),
            project_gateway("settings.json"),
            declare(project=True, gateways=["https://gateway.example"]),
        ),
        ["info gateway", "warning gateway-gets-login", "warning gateway-of-project"],
    ),
    "gateway-of-project-declared-by-the-user": (
        several(
            login(),
            project_gateway("settings.json"),
            declare(gateways=["https://gateway.example"]),
        ),
        ["info gateway"],
    ),
    "gateway-shadows-login": (
        variable(ANTHROPIC_BASE_URL="https://gateway.example", ANTHROPIC_AUTH_TOKEN=CANARY),
        ["info gateway", *SHADOWED],
    ),
    "gateway-shadows-login-on-purpose": (
        several(
            variable(ANTHROPIC_BASE_URL="https://gateway.example", ANTHROPIC_AUTH_TOKEN=CANARY),
            declare(gateways=["https://gateway.example"]),
        ),
        ["info gateway", "info shadowed-on-purpose"],
    ),
    "gateway-gets-two-keys": (
        several(
            variable(
                ANTHROPIC_BASE_URL="https://gateway.example",
                ANTHROPIC_AUTH_TOKEN=CANARY,
                ANTHROPIC_API_KEY=API_KEY,
            ),
            declare(gateways=["https://gateway.example"]),
        ),
        ["info gateway", "warning several-keys"],
    ),
    "gateway-gets-headers-on-purpose": (
        several(
            variable(
                ANTHROPIC_BASE_URL="https://gateway.example",
                ANTHROPIC_CUSTOM_HEADERS=f"Authorization: Bearer {ACCESS}",
            ),
            declare(gateways=["https://gateway.example"]),
        ),
        ["info gateway", "info headers-on-purpose"],
    ),
    "cloud-shadows-login": (
        several(login(), cloud("BEDROCK", AWS_BEARER_TOKEN_BEDROCK=CANARY)),
        ["info provider", *SHADOWED],
    ),
    "cloud-shadows-login-on-purpose": (
        several(
            login(),
            cloud("BEDROCK", AWS_BEARER_TOKEN_BEDROCK=CANARY),
            declare(clouds=["bedrock", "vertex"]),
        ),
        ["info provider", "info shadowed-on-purpose"],
    ),
    "cloud-shadows-login-but-another-one-is-declared": (
        several(
            login(),
            cloud("BEDROCK", AWS_BEARER_TOKEN_BEDROCK=CANARY),
            declare(clouds=["vertex"]),
        ),
        ["info provider", *SHADOWED],
    ),
    "cloud-of-project-declared-by-itself": (
        several(
            login(),
            lambda home: home.write(
                home.project / ".claude" / "settings.json",
                {"env": {"CLAUDE_CODE_USE_BEDROCK": "1", "CLAUDE_CODE_SKIP_BEDROCK_AUTH": "1"}},
            ),
            declare(project=True, clouds=["bedrock"]),
        ),
        ["info provider", *SHADOWED],
    ),
    "gateway-of-a-cloud": (
        several(
            cloud(
                "BEDROCK",
                CLAUDE_CODE_SKIP_BEDROCK_AUTH="1",
                ANTHROPIC_BEDROCK_BASE_URL="https://gateway.example",
                ANTHROPIC_BASE_URL="https://not-read.example",
            ),
        ),
        ["info provider", "info gateway"],
    ),
    "gateway-is-the-cloud": (
        cloud(
            "BEDROCK",
            AWS_BEARER_TOKEN_BEDROCK=CANARY,
            ANTHROPIC_BEDROCK_BASE_URL="https://bedrock-runtime.eu-west-1.amazonaws.com",
        ),
        ["info provider"],
    ),
    "gateway-is-the-service": (variable(ANTHROPIC_BASE_URL="https://api.anthropic.com"), []),
    "gateway-not-a-url": (variable(ANTHROPIC_BASE_URL="gateway"), ["error gateway-invalid"]),
    # --- installed clients
    "two-versions": (
        several(login(), lambda home: home.install("2.1.329", "bin-2")),
        ["warning several-commands"],
    ),
    "broken-version": (
        several(login(), lambda home: _reinstall(home, "2.1.221")),
        ["warning known-regression"],
    ),
    "no-command": (
        several(login(), lambda home: (home.folder / "bin" / "claude").unlink()),
        ["info command-missing"],
    ),
}


def _install_sdk(home: Home, folder: str, version: str) -> None:
    """Install the API's SDK for Node globally, for a Node in this folder."""
    (home.folder / folder / "bin").mkdir(parents=True)
    (home.folder / folder / "bin" / "node").touch()
    scope = home.folder / folder / "lib" / "node_modules" / "@anthropic-ai"
    home.write(scope / "sdk" / "package.json", {"version": version})


def test_a_credential_file_of_another_user_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = make_home(tmp_path)
    home.login()
    other_user = os.geteuid() + 1
    monkeypatch.setattr("os.geteuid", lambda: other_user)
    assert problems(results_for(home)) == ["warning file-of-another-user"]


def test_an_sdk_in_several_versions_is_reported(tmp_path: Path) -> None:
    home = make_home(tmp_path, CLAUDE_CODE_OAUTH_TOKEN=ACCESS)
    _install_sdk(home, "a", "0.80.0")
    _install_sdk(home, "b", "0.90.0")
    machine = replace(
        home.machine(), search_path=(*(tmp_path / name / "bin" for name in "ab"), tmp_path / "bin")
    )
    results = run_checks(take_inventory(machine))
    assert problems(results) == ["info several-sdks"]
    assert [each.summary for each in results if each.id == "sdk"] == [
        "anthropic-node 0.80.0",
        "anthropic-node 0.90.0",
    ]


def _move_into_settings(home: Home, name: str) -> None:
    home.settings(env={name: home.variables.pop(name)})


def _reinstall(home: Home, version: str) -> None:
    (home.folder / "bin" / "claude").unlink()
    home.install(version)


def results_for(home: Home) -> tuple[CheckResult, ...]:
    """Return all results for a home."""
    return run_checks(take_inventory(home.machine()))


def problems(results: tuple[CheckResult, ...]) -> list[str]:
    """Return severity and id of each result that is not `ok`."""
    return sorted(f"{r.severity} {r.id}" for r in results if r.severity is not Severity.OK)


@pytest.mark.parametrize("name", HOMES)
def test_a_home_has_exactly_the_expected_results(name: str, tmp_path: Path) -> None:
    setup, expected = HOMES[name]
    home = make_home(tmp_path)
    setup(home)
    assert problems(results_for(home)) == sorted(expected)


@pytest.mark.parametrize("name", HOMES)
def test_every_problem_has_a_remedy_and_reveals_no_credential(name: str, tmp_path: Path) -> None:
    home = make_home(tmp_path)
    HOMES[name][0](home)
    inventory = take_inventory(home.machine())
    assert "canary" not in repr(inventory)
    for result in run_checks(inventory):
        if result.severity in (Severity.ERROR, Severity.WARNING):
            assert result.remedy
            assert all(source.startswith("https://") for source in result.sources)
        text = "".join((result.summary, result.where or "", result.remedy or "", *result.details))
        assert "canary" not in text
        assert "word@" not in text
