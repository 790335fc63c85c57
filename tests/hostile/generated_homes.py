"""Hostile homes for `authprobe doctor`, made by code: most cannot be stored in a repository.

Each has the beginning of one line that the doctor prints for it.
"""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests.support.homes import ACCESS, API_KEY, CANARY, REFRESH, Home

Setup = Callable[[Home], object]
MARK: Final = "this-program-ran"
"""File that every program in a home creates if it is run."""
MARKUP: Final = "<b>x</b>\x1b]0;t\x07\x1b[31m\x9b2J\u202e\u200b\ufe0f\r\n::error::x ##[error]x"
NESTED_FOLDERS: Final = 3000


def program(home: Home, path: Path, then: str = "") -> Path:
    """Write a program that leaves a mark beside the home, then does something hostile."""
    return home.write(path, f"#!/bin/sh\ntouch '{home.folder}/{MARK}'\n{then}\n", mode=0o755)


def content(place: str, data: bytes) -> Setup:
    """Return a setup with this content in a file of the home."""

    def setup(home: Home) -> None:
        home.write(home.home / place, "").write_bytes(data)

    return setup


def tree(place: str, value: object) -> Setup:
    """Return a setup with this JSON in a file of the home."""
    return content(place, json.dumps(value).encode())


def link(place: str, target: str) -> Setup:
    """Return a setup with a link in the place of a file or folder of the home."""

    def setup(home: Home) -> None:
        path = home.home / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(target)

    return setup


def fifo(place: str) -> Setup:
    """Return a setup with a FIFO in the home."""

    def setup(home: Home) -> None:
        path = home.home / place
        path.parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(path)

    return setup


def sparse(place: str) -> Setup:
    """Return a setup with a file of 50 GB that takes no space."""

    def setup(home: Home) -> None:
        with home.write(home.home / place, "").open("wb") as file:
            file.truncate(50 * 10**9)

    return setup


def variables(**values: str) -> Setup:
    """Return a setup with these variables, and a login."""

    def setup(home: Home) -> None:
        home.login()
        home.variables |= values

    return setup


def add_socket(home: Home) -> None:
    here = Path.cwd()
    (home.home / ".claude").mkdir(parents=True)
    os.chdir(home.home / ".claude")  # the path of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("settings.json")
    finally:
        os.chdir(here)


def nest_folders(home: Home) -> None:
    (home.home / ".claude").mkdir(parents=True)
    descriptor = os.open(home.home / ".claude", os.O_RDONLY)
    for _ in range(NESTED_FOLDERS):
        os.mkdir("d", dir_fd=descriptor)
        inner = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)


def fill_folder(home: Home) -> None:
    for number in range(5000):
        home.write(home.home / ".claude" / "projects" / f"{number}.json", "x")


def add_checkout(home: Home) -> None:
    """Make the current folder a hostile checkout, whose programs must not run."""
    project = home.folder / "project"
    for name in ("claude", "node_modules/.bin/claude", "node", "npm", "python3", "sh", "git"):
        program(home, project / name)
    mark = f"open('{home.folder}/{MARK}', 'w')"
    for name in ("sitecustomize.py", "authprobe.py", "json.py", "rich.py", "conftest.py"):
        home.write(project / name, mark)
    home.write(project / ".env", f"ANTHROPIC_API_KEY={API_KEY}\nLD_PRELOAD=./x.so\n")
    home.write(project / ".npmrc", f"node-options=--require=./x.js\n//x/:_authToken={CANARY}\n")
    hook = {"hooks": [{"type": "command", "command": str(project / "claude")}]}
    home.write(
        project / ".claude" / "settings.json",
        {
            "apiKeyHelper": str(project / "claude"),
            "awsAuthRefresh": str(project / "claude"),
            "hooks": {"SessionStart": [hook]},
            "env": {"ANTHROPIC_AUTH_TOKEN": CANARY},
        },
    )
    home.login()


def add_helper(home: Home) -> None:
    path = program(home, home.home / "helper", f"echo {CANARY}; sleep 300")
    home.settings(apiKeyHelper=f"{path} {API_KEY}")


def add_plugins(home: Home) -> None:
    path = program(home, home.home / ".claude" / "plugins" / "p" / "run")
    hook = {"hooks": [{"type": "command", "command": str(path)}]}
    home.settings(
        hooks={name: [hook] for name in ("SessionStart", "PreToolUse", "Stop")},
        enabledPlugins={"p": True},
        statusLine={"type": "command", "command": str(path)},
    )


def command(then: str) -> Setup:
    """Return a setup whose first `claude` on PATH does this when it runs."""

    def setup(home: Home) -> None:
        (home.folder / "bin" / "claude").unlink()
        program(home, home.folder / "bin" / "claude", then)
        home.login()

    return setup


def relative_path(home: Home) -> None:
    program(home, home.folder / "project" / "claude")
    home.login()
    home.variables["PATH"] = f".::bin:{home.folder}/bin:/\n:{'x' * 5000}:~"


def path_of_odd_files(home: Home) -> None:
    odd = home.folder / "odd"
    odd.mkdir()
    os.mkfifo(odd / "fifo")
    os.mkfifo(odd / "claude")
    (odd / "loop").symlink_to("loop")
    parts = (odd / "fifo", odd / "loop", odd, "/dev/stdin", "/proc/self/mem", odd / "nothing")
    home.login()
    home.variables["PATH"] = ":".join(map(str, (*parts, home.folder / "bin")))


def spread_tokens(home: Home) -> None:
    """Put tokens where nobody expects them, also into what the doctor quotes."""
    home.write(home.home / ".npmrc", f"//registry.example/:_authToken={CANARY}\n")
    home.write(home.home / ".gitconfig", f"[http]\nextraHeader = Authorization: Bearer {ACCESS}\n")
    home.write(home.home / ".bashrc", f"export ANTHROPIC_API_KEY={API_KEY} # {MARKUP}\n")
    home.write(home.home / ".netrc", f"machine x login u password {CANARY}\n")
    home.login(scopes=[ACCESS, "user:inference"], subscriptionType=REFRESH)
    home.settings(env={"HTTPS_PROXY": f"http://u:{CANARY}@host:1", API_KEY: "x"}, model=API_KEY)
    home.variables["ANTHROPIC_BASE_URL"] = (
        f"https://u:{CANARY}@gateway.example/{ACCESS}?k={REFRESH}"
    )
    home.variables["ANTHROPIC_CUSTOM_HEADERS"] = f"X-Api-Key: {API_KEY}\n{ACCESS}: x"


def name_folders_by_tokens(home: Home) -> None:
    folder = home.folder / ACCESS
    home.variables |= {"CLAUDE_CONFIG_DIR": str(folder), "ANTHROPIC_CONFIG_DIR": str(folder / "a")}
    home.write(folder / ".credentials.json", "{")
    home.write(folder / "a" / "active_config", f"{API_KEY}\n")


def use_odd_text_everywhere(home: Home) -> None:
    home.login(accessToken=MARKUP, refreshToken=MARKUP, scopes=[MARKUP], subscriptionType=MARKUP)
    home.settings(env={MARKUP: MARKUP, "ANTHROPIC_BASE_URL": MARKUP}, apiKeyHelper=MARKUP)
    home.write(home.folder / "project" / ".claude" / "settings.json", {"env": {MARKUP: "other"}})
    home.profile(kind=MARKUP, access_token=MARKUP)
    home.variables |= {"ANTHROPIC_PROFILE": MARKUP, "HTTPS_PROXY": MARKUP, "LANG": MARKUP}


def hostile_profile(home: Home) -> None:
    home.variables["ANTHROPIC_PROFILE"] = "../../../../../etc/passwd"
    home.login()


def package_of_odd_type(home: Home) -> None:
    package = home.folder / "npm-2.1.330" / "@anthropic-ai" / "claude-code" / "package.json"
    package.unlink()
    package.symlink_to("/dev/zero")
    home.login()


def package_with_odd_version(home: Home) -> None:
    package = home.folder / "npm-2.1.330" / "@anthropic-ai" / "claude-code" / "package.json"
    home.write(package, {"name": "@anthropic-ai/claude-code", "version": MARKUP})
    home.login()


def odd_sdk_names(home: Home) -> None:
    packages = home.folder / "lib" / "python3.11" / "site-packages"
    for name in (f"anthropic-{MARKUP.replace('/', '')}.dist-info", f"anthropic-{ACCESS}.dist-info"):
        (packages / name).mkdir(parents=True)
    home.write(home.folder / "bin" / "python3", "", mode=0o755)
    home.login()


def broken_config_folder(value: str) -> Setup:
    """Return a setup with this `CLAUDE_CONFIG_DIR`."""
    return lambda home: home.variables.update(CLAUDE_CONFIG_DIR=value)


LOGIN: Final = ".claude/.credentials.json"
SETTINGS: Final = ".claude/settings.json"
STATE: Final = ".claude.json"
WRONG: Final[dict[str, Any]] = {"claudeAiOauth": {"accessToken": 1, "expiresAt": [], "scopes": {}}}
NAN: Final = b'{"claudeAiOauth": {"accessToken": "x", "expiresAt": NaN, "scopes": Infinity}}'
DUPLICATE: Final = (
    f'{{"claudeAiOauth": {{"accessToken": "{ACCESS}"}}, "claudeAiOauth": 5}}'.encode()
)
SURROGATE: Final = b'{"env": {"ANTHROPIC_BASE_URL": "\\ud800", "HTTPS_PROXY": "http://\\udfff:1"}}'
HUGE_NUMBER: Final = b'{"claudeAiOauth": {"accessToken": "x", "expiresAt": 1e999}}'

HOMES: Final[dict[str, tuple[Setup, str]]] = {
    # --- what stands in the place of a file
    "login-fifo": (fifo(LOGIN), "file-not-a-file"),
    "settings-fifo": (fifo(SETTINGS), "file-not-a-file"),
    "settings-socket": (add_socket, "file-not-a-file"),
    "login-dev-zero": (link(LOGIN, "/dev/zero"), "file-not-a-file"),
    "login-dev-stdin": (link(LOGIN, "/dev/stdin"), "file-not-a-file"),
    "login-proc-self-mem": (link(LOGIN, "/proc/self/mem"), "file-unreadable"),
    "state-proc-kmsg": (link(STATE, "/proc/kmsg"), "file-"),
    "login-proc-environ": (link(LOGIN, "/proc/self/environ"), "file-"),
    "login-50-gb": (sparse(LOGIN), "file-too-large"),
    "state-50-gb": (sparse(STATE), "file-too-large"),
    "settings-loop": (link(SETTINGS, "settings.json"), "file-loop"),
    "login-link-to-shadow": (link(LOGIN, "/etc/passwd"), "file-not-json"),
    "config-is-file": (content(".claude", b"x"), "credential-missing"),
    "config-is-fifo": (fifo(".claude"), "credential-missing"),
    "config-is-loop": (link(".claude", ".claude"), "file-loop"),
    "config-is-root": (link(".claude", "/"), "credential-missing"),
    "config-is-proc": (link(".claude", "/proc/self/fd"), "credential-missing"),
    "nested-folders": (nest_folders, "credential-missing"),
    "many-files": (fill_folder, "credential-missing"),
    # --- what a file contains
    "state-deep": (content(STATE, b'{"a":' * 100_000), "file-not-json"),
    "state-wrong-types": (
        tree(STATE, {"primaryApiKey": [], "customApiKeyResponses": 5}),
        "credential-missing",
    ),
    "login-nan": (content(LOGIN, NAN), "login-malformed"),
    "login-huge-number": (content(LOGIN, HUGE_NUMBER), "login-malformed"),
    "login-duplicate-keys": (content(LOGIN, DUPLICATE), "login-malformed"),
    "login-wrong-types": (tree(LOGIN, WRONG), "login-malformed"),
    "settings-surrogates": (content(SETTINGS, SURROGATE), "gateway-invalid"),
    "settings-nul": (content(SETTINGS, b'{"env": {"A": "\0"}}'), "file-not-json"),
    "settings-escaped-nul": (
        content(SETTINGS, b'{"env": {"NODE_EXTRA_CA_CERTS": "/a\\u0000b"}}'),
        "authorities-unreadable",
    ),
    "settings-utf-16": (content(SETTINGS, '{"env": {}}'.encode("utf-16")), "file-not-text"),
    "odd-text-everywhere": (use_odd_text_everywhere, "gateway-invalid"),
    "tokens-in-odd-places": (spread_tokens, "credential-in-headers"),
    "folders-named-by-tokens": (name_folders_by_tokens, "file-not-json"),
    # --- programs, of which none may run
    "hostile-checkout": (add_checkout, "helper-not-run"),
    "helper": (add_helper, "helper-not-run"),
    "plugins-and-hooks": (add_plugins, "credential-missing"),
    "claude-prints-for-ever": (command("yes"), "command-version-unknown"),
    "claude-never-ends": (command("trap '' TERM; sleep 300"), "command-version-unknown"),
    "claude-forks": (command("sleep 300 & setsid sleep 300 &"), "command-version-unknown"),
    "claude-prints-1-gb": (command("head -c 1G /dev/zero"), "command-version-unknown"),
    "claude-prints-a-token": (command(f"echo {ACCESS}"), "command-version-unknown"),
    "path-relative": (relative_path, "several-commands"),
    "path-of-odd-files": (path_of_odd_files, "command: Claude Code 2.1.330"),
    "package-is-dev-zero": (package_of_odd_type, "command-version-unknown"),
    "package-with-odd-version": (package_with_odd_version, "command-version-unknown"),
    "sdk-with-odd-name": (odd_sdk_names, "sdk: anthropic-python (unknown version)"),
    # --- variables
    "ca-file-is-fifo": (
        lambda home: (fifo("ca")(home), variables(SSL_CERT_FILE=f"{home.home}/ca")(home)),
        "authorities-unreadable",
    ),
    "ca-file-is-dev-zero": (variables(NODE_EXTRA_CA_CERTS="/dev/zero"), "authorities-unreadable"),
    "identity-token-is-stdin": (
        variables(ANTHROPIC_IDENTITY_TOKEN_FILE="/dev/stdin"),
        "identity-token-file",
    ),
    "profile-with-folders": (hostile_profile, "profile-missing"),
    "locale-odd": (variables(LC_ALL="xx_YY.bogus", LANG="\x1b[31m", TZ="../../x"), "login"),
    "config-in-line-breaks": (broken_config_folder(f"/a\n::error::\x1b[2J{CANARY}"), "credential-"),
    "config-relative": (broken_config_folder("../.."), "credential-missing"),
    "config-too-long": (broken_config_folder("/x" * 50_000), "file-unreadable"),
    "home-empty": (variables(HOME=""), "command"),
    "home-missing": (variables(HOME="/does/not/exist"), "credential-missing"),
    "home-relative": (variables(HOME="some/where"), "credential-missing"),
    "home-in-line-breaks": (variables(HOME="/a\nb\x1b[2J\u202e"), "credential-missing"),
    "home-is-device": (variables(HOME="/dev/zero"), "credential-missing"),
}
