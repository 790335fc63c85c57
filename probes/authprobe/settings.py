"""What the user chose: options and environment, read once. The only reader of the environment."""

import datetime
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import platformdirs

from authprobe.core.byte_sizes import parse_size
from authprobe.errors import SettingsError
from authprobe.options import (
    BASELINE,
    BREAK_RULES,
    CASES,
    CLIENTS,
    HISTORY,
    JOBS,
    KNOWN_FAILURES,
    OUT,
    SCENARIOS,
    TARGET,
    OptionTexts,
)

PASSED_TO_INSTALLERS: Final = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
)
"""How to reach a package registry from here; npm's and pip's own variables are passed as well."""

SENSITIVE: Final = ("ANTHROPIC_", "CLAUDE_")
"""How the names of variables begin by which clients find a credential, their settings, or another
service in the place of this one (code.claude.com/docs/en/env-vars).
"""

LATEST_AGE: Final = datetime.timedelta(hours=24)
"""How long an answer to "which version is the latest" is used, and to "which are published"."""

CACHE_LIMIT_BYTES: Final = 20_000_000_000
HISTORY_FILE: Final = "history.db"
HISTORY_KEEP: Final = 400
"""Runs."""


def bundled_scenarios() -> Path:
    """The folder of scenarios that come with authprobe: beside the package in a checkout."""
    package = Path(__file__).parent
    bundled = package / "bundled_scenarios"
    return bundled if bundled.is_dir() else package.parents[1] / "scenarios"


def cache_folder() -> Path:
    """Where clients are kept: `AUTHPROBE_CACHE`, or the user's cache folder."""
    chosen = os.environ.get("AUTHPROBE_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("authprobe"))


def cache_limit_bytes() -> int:
    """How large the cache of clients may grow: `AUTHPROBE_CACHE_LIMIT`, or 20 GB.

    Raises:
        SettingsError: it is not a size.
    """
    chosen = os.environ.get("AUTHPROBE_CACHE_LIMIT")
    if not chosen:
        return CACHE_LIMIT_BYTES
    try:
        return parse_size(chosen)
    except ValueError as error:
        raise SettingsError(f"AUTHPROBE_CACHE_LIMIT: {error}") from None


def history_place(out: Path = Path("reports")) -> str:
    """Where runs are kept: `AUTHPROBE_HISTORY`, or a file in the folder for reports."""
    return os.environ.get("AUTHPROBE_HISTORY") or str(out / HISTORY_FILE)


def history_keep() -> int:
    """How many runs are kept: `AUTHPROBE_HISTORY_KEEP`, or 400.

    Raises:
        SettingsError: it is not a number of runs.
    """
    chosen = os.environ.get("AUTHPROBE_HISTORY_KEEP") or str(HISTORY_KEEP)
    if not (chosen.isascii() and chosen.isdecimal() and int(chosen) > 0):
        raise SettingsError(f"AUTHPROBE_HISTORY_KEEP: {chosen}: write a number of runs, as 400")
    return int(chosen)


def is_github_actions() -> bool:
    """Whether this is a job of GitHub Actions, which makes annotations of some lines on stdout."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def own_names() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the user of this machine is called, and what the machine is."""
    variables = (os.environ.get(name, "") for name in ("USER", "LOGNAME", "USERNAME"))
    users = (*variables, Path.home().name)
    host = os.uname().nodename
    return tuple(filter(None, users)), tuple(filter(None, (host, host.partition(".")[0])))


def search_path() -> str:
    """`PATH`, for finding node and npm, and the user's own `claude`."""
    return os.environ.get("PATH", os.defpath)


def whole_environment() -> Mapping[str, str]:
    """Every variable, for `authprobe doctor`, which looks at them and passes none on."""
    return dict(os.environ)


def home() -> Path:
    """The user's home."""
    return Path(os.environ.get("HOME") or Path.home())


def current_folder() -> Path:
    """Where the command was started; the home, if that folder is no more."""
    try:
        return Path.cwd()
    except OSError:
        return home()


def installer_environment(home: Path) -> dict[str, str]:
    """Variables for npm and pip: the way to the registry, and nothing else of the user's.

    `home` is the private home; npm is pointed at the user's own `.npmrc`, which names the registry.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.upper() in PASSED_TO_INSTALLERS
        or name.lower().startswith("npm_config_")
        or name.startswith("PIP_")
    }
    user_home = Path.home()
    # A client is kept once, in the cache of clients: npm's own copy goes with the private home.
    defaults = {"npm_config_userconfig": str(user_home / ".npmrc")}
    own = {"npm_config_cache": str(home / "npm"), "HOME": str(home), "PATH": search_path()}
    if (pip_config := user_home / ".config" / "pip" / "pip.conf").is_file():
        defaults["PIP_CONFIG_FILE"] = str(pip_config)
    return defaults | kept | own | {"LANG": "C.UTF-8"}


def database_environment() -> dict[str, str]:
    """Variables for who keeps the history: how PostgreSQL is reached, and nothing else.

    They are libpq's own (postgresql.org/docs/current/libpq-envars.html); the home has its files.
    """
    wanted = ("HOME", "PATH", "SSL_CERT_DIR", "SSL_CERT_FILE")
    return {n: v for n, v in os.environ.items() if n in wanted or n.startswith("PG")}


def child_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The user's environment with these variables, and without a credential or address of theirs.

    A program that is tried against the emulator must not hold the user's own token.
    """
    kept = {
        name: value for name, value in os.environ.items() if not name.upper().startswith(SENSITIVE)
    }
    return kept | dict(variables)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One run, as it was asked for."""

    scenarios: tuple[Path, ...] = ()
    """Files or folders, or names of bundled folders; empty: the bundled files."""
    clients: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    target: str = field(default_factory=TARGET.default)
    jobs: int = field(default_factory=JOBS.default)
    out: Path = field(default_factory=OUT.default)
    baseline: Path | None = field(default_factory=BASELINE.default)
    """None: nothing has been accepted."""
    known_failures: Path | None = field(default_factory=KNOWN_FAILURES.default)
    history: str | None = field(default_factory=HISTORY.default, repr=False)
    """A file, the URL of a database, or `none`; a URL may hold a password."""
    history_keep: int = field(default_factory=lambda: history_keep())
    """Runs."""
    cache_limit_bytes: int = field(default_factory=cache_limit_bytes)
    break_rules: frozenset[str] = frozenset()
    """For tests: emulator rules to leave out."""

    @property
    def kept_in(self) -> str:
        """Where the run is appended, and earlier ones are read."""
        return self.history or history_place(self.out)

    @property
    def is_limited(self) -> bool:
        """Whether options leave out cases of the bundled scenarios."""
        return bool(self.scenarios or self.clients or self.cases)

    @property
    def scenario_paths(self) -> tuple[Path, ...]:
        """The files and folders to load; a bare run leaves the bundled folders out."""
        bundled = bundled_scenarios()
        if not self.scenarios:
            return tuple(sorted(bundled.glob("*.yaml")))
        return tuple(_bundled_folder(bundled, path) or path for path in self.scenarios)

    @property
    def all_scenario_paths(self) -> tuple[Path, ...]:
        """Those that were given, or all that are bundled, incidents as well."""
        incidents = () if self.scenarios else (bundled_scenarios() / "incidents",)
        return (*self.scenario_paths, *incidents)


def parse_settings(texts: OptionTexts) -> Settings:
    """Return the settings of a run from the texts of its options, wherever those were given.

    Raises:
        SettingsError: the value of an option or of an environment variable is invalid.
    """
    return Settings(
        scenarios=SCENARIOS.values(texts),
        clients=CLIENTS.values(texts),
        cases=CASES.values(texts),
        target=TARGET.value(texts),
        jobs=JOBS.value(texts),
        out=OUT.value(texts),
        baseline=BASELINE.value(texts),
        known_failures=KNOWN_FAILURES.value(texts),
        history=HISTORY.value(texts),
        break_rules=frozenset(BREAK_RULES.values(texts)),
    )


def _bundled_folder(bundled: Path, path: Path) -> Path | None:
    """The bundled folder of this name, unless there is something here that is called so."""
    folder = bundled / path
    named = len(path.parts) == 1 and path.name and not path.exists() and folder.is_dir()
    return folder if named else None


def is_ci(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this looks like a CI job, where a progress bar would fill the log."""
    return environment.get("CI", "").lower() in ("1", "true")
