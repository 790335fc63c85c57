"""Settings of a run, and everything read from the environment; no other module reads it."""

import contextlib
import datetime
import os
import pwd
import re
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import platformdirs

from authprobe.configuration.files import (
    ConfigFile,
    find_project_file,
    ignored_project_files,
    read_own_file,
)
from authprobe.configuration.keys import RUN
from authprobe.configuration.merged import PREFIX, Configured, Shape, configured_options
from authprobe.core.byte_sizes import parse_size
from authprobe.core.directions import DIRECT, Directions
from authprobe.core.executors import ExecutorAddress
from authprobe.core.gates import NEVER, Gate
from authprobe.core.history_location import check_location
from authprobe.core.isolation import Isolation
from authprobe.core.shards import Shard
from authprobe.core.targets import Target
from authprobe.errors import SettingsError
from authprobe.options import (
    ALLOW_RENEWAL,
    BASELINE,
    BREAK_RULES,
    CASES,
    CLIENTS,
    EXECUTOR,
    FAIL_ON,
    HAR,
    HISTORY,
    ISOLATION,
    JOBS,
    KNOWN_FAILURES,
    LAST_FAILED,
    MAX_COST,
    MAX_FAILURES,
    METRICS,
    OUT,
    RETRIES,
    SCENARIOS,
    SET,
    SHARD,
    SHARD_WEIGHTS,
    SUITE,
    TARGET,
    TRACES,
    YES,
    OptionTexts,
    number_parser,
    parse_isolation,
)

if TYPE_CHECKING:
    # Imported only for its type, because it loads yaml, which not every command needs.
    from authprobe.documents.node_tree import Value

LIVE_FOLDER: Final = "live"
"""Folder of the bundled scenarios that the real service can be asked."""
BUNDLED_FOLDERS: Final = ("clients", "incidents", LIVE_FOLDER)
"""Folders of the bundled scenarios that a run leaves out unless it is given their names."""
INSTALLER_VARIABLES: Final = (
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
    *("NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE"),
    # pip.pypa.io/en/stable/cli/pip_install: without those that install elsewhere, or build.
    *("PIP_CERT", "PIP_CLIENT_CERT", "PIP_CONFIG_FILE", "PIP_DEFAULT_TIMEOUT"),
    *("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_KEYRING_PROVIDER"),
    *("PIP_NO_INDEX", "PIP_PROXY", "PIP_RETRIES", "PIP_TIMEOUT", "PIP_TRUSTED_HOST"),
)
"""Variables by which npm and pip reach a package registry."""

NPM_VARIABLE: Final = re.compile(
    r"npm_config_(?:[@/].*|_?auth.*|always_auth|ca|cafile|cert|certfile|email|fetch_.*|"
    r"globalconfig|https?_proxy|key|keyfile|local_address|maxsockets|no_?proxy|noproxy|_password|"
    r"proxy|registry|strict_ssl|userconfig|username)",
    re.IGNORECASE,
)
"""npm's own variables for the same: no folder, shell, script or option of Node.js.

docs.npmjs.com/cli/using-npm/config
"""

CLIENT_VARIABLE_PREFIXES: Final = ("ANTHROPIC_", "CLAUDE_")
"""Prefixes of the variables in which clients find a credential, their settings, or the address of
another service (code.claude.com/docs/en/env-vars).
"""

PUBLISHED_VERSIONS_TTL: Final = datetime.timedelta(hours=24)
"""Time for which the list of published versions, and the latest of them, is cached."""

DEFAULT_CACHE_LIMIT_BYTES: Final = 20_000_000_000
HISTORY_FILE: Final = "history.db"
DEFAULT_HISTORY_RUNS: Final = 400
MAX_HISTORY_RUNS: Final = 2**63 - 1
"""Largest `LIMIT` of SQLite and PostgreSQL, which count in 64 bits."""
TRACE_TIMEOUT: Final = 10.0
"""Seconds, as in the specification of OpenTelemetry's exporters."""


def bundled_scenarios() -> Path:
    """Return the directory of the bundled scenarios: beside the package in a checkout."""
    package = Path(__file__).parent
    bundled = package / "bundled_scenarios"
    return bundled if bundled.is_dir() else package.parents[1] / "scenarios"


def bundled_files() -> tuple[Path, ...]:
    """Return the bundled scenarios that are in no folder, sorted."""
    bundled = bundled_scenarios()
    return tuple(sorted(set(bundled.glob("*.yaml")) - set(bundled.glob("*.definitions.yaml"))))


def bundled_observations() -> Path:
    """Return the index of observations: beside the package in a checkout."""
    package = Path(__file__).parent
    bundled = package / "bundled_observations.json"
    return bundled if bundled.is_file() else package.parents[1] / "observations" / "index.json"


def is_bundled(path: Path) -> bool:
    """Return True for a file of the bundled scenarios."""
    return path.resolve().is_relative_to(bundled_scenarios().resolve())


def cache_folder() -> Path:
    """Return the directory of installed clients: `AUTHPROBE_CACHE`, or one of the user's cache."""
    path = os.environ.get("AUTHPROBE_CACHE")
    if path:
        return Path(path).absolute()
    return _own_folder(platformdirs.user_cache_dir)


def own_config_folder() -> Path:
    """Return the directory of the user's own configuration of authprobe, which may be missing."""
    return _own_folder(platformdirs.user_config_dir)


def _own_folder(find: Callable[[str], str]) -> Path:
    home()  # a user who has none gets the error instead of a folder named `~`
    try:
        return Path(find("authprobe"))
    except RuntimeError:
        raise SettingsError("HOME is no absolute path; set HOME to a directory") from None


def project_file(folder: Path, problems: list[str] | None = None) -> ConfigFile | None:
    """Return the project's file of options for a working directory; None: there is none.

    Raises:
        SettingsError: it cannot be read, or, without a list of problems, sets what it cannot set.
    """
    return find_project_file(folder, _folders_of_the_user(), _short_path, problems)


def ignored_config_files() -> tuple[str, ...]:
    """Return a line about each file of options that does not count, as another user has it."""
    return tuple(ignored_project_files(current_folder(), _folders_of_the_user(), _short_path))


def _folders_of_the_user() -> tuple[Path, ...]:
    """Return the home and the configuration folder; empty for a user who has no home."""
    try:
        return home(), own_config_folder()
    except SettingsError:
        return ()


def config_files(problems: list[str] | None = None) -> tuple[ConfigFile, ...]:
    """Return the files of options: the project's, and the user's own.

    What is wrong with one is added to the problems, and left out.

    Raises:
        SettingsError: without a list of problems, something is wrong.
    """
    folder = current_folder()
    files: list[ConfigFile | None] = []
    for find in (project_file, _own_file):
        try:
            files.append(find(folder, problems))
        except SettingsError as error:  # it cannot be read
            if problems is None:
                raise
            problems.append(str(error))
    return tuple(filter(None, files))


def _own_file(folder: Path, problems: list[str] | None) -> ConfigFile | None:
    """Return the user's own file of options; None: there is none.

    Raises:
        SettingsError: it cannot be read, or, without a list of problems, sets what it cannot set.
    """
    folders = _folders_of_the_user()
    if not folders:
        return None
    own_home, own_folder = folders
    return read_own_file(own_folder, own_home, folder, _short_path, problems)


def _short_path(path: Path) -> str:
    """Return a path as it is written from the working directory, if it is below it."""
    folder = current_folder()
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def own_variables() -> Mapping[str, str]:
    """Return the variables of authprobe that are set."""
    return {n: value for n, value in os.environ.items() if n.startswith(PREFIX) and value}


def configured(
    command: str, shapes: Mapping[str, Shape], problems: list[str] | None = None
) -> Mapping[str, Configured]:
    """Return what variables and files set of the options with these names.

    What is invalid is added to `problems` and left out.

    Raises:
        SettingsError: without `problems`, a file or a variable is invalid.
    """
    return configured_options(command, shapes, own_variables(), config_files(problems), problems)


def _configured_text(name: str) -> tuple[str, str] | None:
    """Return the text that a variable or a file sets for an option of a run, and which does."""
    found = configured(RUN, {name: Shape.ONE}).get(name)
    return (str(found.value), found.source) if found else None


def cache_limit_bytes() -> int:
    """Return the size limit of the client cache: `AUTHPROBE_CACHE_LIMIT`, or 20 GB.

    Raises:
        SettingsError: the variable is not a size.
    """
    text = os.environ.get("AUTHPROBE_CACHE_LIMIT")
    if not text:
        return DEFAULT_CACHE_LIMIT_BYTES
    try:
        return parse_size(text)
    except ValueError as error:
        raise SettingsError(f"AUTHPROBE_CACHE_LIMIT: {error}") from None


def history_location(out: Path = Path("reports")) -> str:
    """Return the history's file or URL: of `AUTHPROBE_HISTORY`, of a file of options, or a file
    beside the reports.
    """
    configured_history = _configured_text("history")
    return configured_history[0] if configured_history else str(out / HISTORY_FILE)


def history_runs() -> int:
    """Return how many runs the history keeps: `AUTHPROBE_HISTORY_KEEP`, or 400.

    Raises:
        SettingsError: the variable is not such a number.
    """
    text = os.environ.get("AUTHPROBE_HISTORY_KEEP") or str(DEFAULT_HISTORY_RUNS)
    try:
        return number_parser(1, MAX_HISTORY_RUNS, DEFAULT_HISTORY_RUNS)(text)
    except ValueError as error:
        raise SettingsError(f"AUTHPROBE_HISTORY_KEEP: {text}: {error}") from None


def default_isolation() -> Isolation:
    """Return the strongest isolation of clients: of `AUTHPROBE_ISOLATION`, of a file of options,
    or sealed.

    Raises:
        SettingsError: what is set is not a level of isolation.
    """
    found = _configured_text("isolation")
    if found is None:
        return Isolation.SEALED
    text, source = found
    try:
        return parse_isolation(text)
    except ValueError as error:
        raise SettingsError(f"{source}: {text}: {error}") from None


def is_github_actions() -> bool:
    """Return True in a job of GitHub Actions, where some lines on stdout become annotations."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def local_names() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of this machine's user, and those of the machine."""
    variables = (os.environ.get(name, "") for name in ("USER", "LOGNAME", "USERNAME"))
    users = (*variables, home().name)
    host = os.uname().nodename
    return tuple(filter(None, users)), tuple(filter(None, (host, host.partition(".")[0])))


def search_path() -> str:
    """Return `PATH`, to find node, npm and the user's own `claude`."""
    return os.environ.get("PATH", os.defpath)


def is_on_path() -> bool:
    """Return True if the shell of the user finds `authprobe`, as far as this process can tell.

    `uvx` and `uv run` name uv in `UV`, and extend PATH for this process only.
    """
    return not os.environ.get("UV") and shutil.which("authprobe", path=search_path()) is not None


def environment_variables() -> Mapping[str, str]:
    """Return a copy of the environment for `authprobe doctor`, which passes nothing on."""
    return dict(os.environ)


def home() -> Path:
    """Return the user's home directory.

    Raises:
        SettingsError: the user has none.
    """
    try:
        return Path(os.environ.get("HOME") or Path.home())
    except RuntimeError:
        user = os.geteuid()
        message = f"HOME is not set, and user {user} has no home directory; set HOME to a directory"
        raise SettingsError(message) from None


def user_homes() -> tuple[Path, ...]:
    """Return the home of `HOME`, and after it that of the account if it is another one.

    Raises:
        SettingsError: the user has none.
    """
    with contextlib.suppress(KeyError):
        return tuple(dict.fromkeys((home(), Path(pwd.getpwuid(os.geteuid()).pw_dir))))
    return (home(),)


def claude_config_folder() -> Path:
    """Return the folder of the user's own Claude Code (code.claude.com/docs/en/env-vars)."""
    return Path(os.environ.get("CLAUDE_CONFIG_DIR") or home() / ".claude").absolute()


def current_folder() -> Path:
    """Return the working directory, or the home directory if that was deleted."""
    try:
        return Path.cwd()
    except OSError:
        return home()


def private_folders() -> tuple[Path, ...]:
    """Return the folders that no client sees: the user's home and the working directory."""
    folders = (*user_homes(), current_folder())
    return tuple(dict.fromkeys(folder.resolve() for folder in folders))


def installer_environment(private_home: Path) -> dict[str, str]:
    """Return the environment of npm and pip: the way to the registry, and no other variables.

    npm is pointed at the user's own `.npmrc`, which names the registry.
    """
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name.upper() in INSTALLER_VARIABLES or NPM_VARIABLE.fullmatch(name.replace("-", "_"))
    }
    user_home = home()
    defaults = {"npm_config_userconfig": str(user_home / ".npmrc")}
    # npm's own cache is removed with the private home: the cache of clients has the only copy.
    private = {
        "npm_config_cache": str(private_home / "npm"),
        "HOME": str(private_home),
        "PATH": search_path(),
    }
    pip_config = user_home / ".config" / "pip" / "pip.conf"
    if os.path.isfile(pip_config):  # noqa: PTH113 (False if it cannot be looked at)
        defaults["PIP_CONFIG_FILE"] = str(pip_config)
    return defaults | inherited | private | {"LANG": "C.UTF-8"}


def database_environment() -> dict[str, str]:
    """Return the environment of the history's worker: the way to PostgreSQL, and nothing else.

    The variables are libpq's (postgresql.org/docs/current/libpq-envars.html), which also reads
    files in the home directory.
    """
    names = ("HOME", "PATH", "SSL_CERT_DIR", "SSL_CERT_FILE")
    return {n: v for n, v in os.environ.items() if n in names or n.startswith("PG")}


def trace_endpoint() -> str | None:
    """Return the address of the user's OpenTelemetry collector; None: there is none.

    The exporter reads the same variables, and others, itself
    (opentelemetry.io/docs/specs/otel/protocol/exporter).
    """
    names = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    return next(filter(None, map(os.environ.get, names)), None)


def trace_timeout() -> float:
    """Return the seconds that sending a trace may take as a whole.

    Raises:
        ValueError: the user's variable has another value than a number of seconds.
    """
    names = ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
    name = next(filter(os.environ.get, names), None)
    if name is None:
        return TRACE_TIMEOUT
    with contextlib.suppress(ValueError):
        if 0 < (seconds := float(os.environ[name])) <= threading.TIMEOUT_MAX:
            return seconds
    raise ValueError(f"{name} must be a number of seconds")


def child_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the user's environment with `variables`, without credentials and settings of Claude.

    A program that is tested against the emulator must not hold the user's own token.
    """
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(CLIENT_VARIABLE_PREFIXES)
    }
    return inherited | dict(variables)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of one run."""

    scenarios: tuple[Path, ...] = ()
    """Files, directories, or names of bundled directories; empty for the bundled files."""
    suite: str | None = None
    """Name of the suite whose cases are probed; None: all of the scenarios."""
    variables: Mapping[str, "Value"] = field(default_factory=dict)
    """Values of variables of the scenarios, instead of those in the files."""
    clients: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    targets: tuple[Target, ...] = field(default_factory=TARGET.default)
    """Who is asked: the emulator, the real service, or both."""
    is_confirmed: bool = False
    """True: the real service is asked without a question at the terminal."""
    max_cost_usd: float = field(default_factory=MAX_COST.default)
    """Highest cost of a run that asks the real service."""
    allow_renewal: bool = False
    """True: the user's own Claude Code may renew the stored login."""
    directions: Directions = DIRECT
    """The way to the real service; no option and no variable sets it, only tests do."""
    jobs: int = field(default_factory=JOBS.default)
    out: Path = field(default_factory=OUT.default)
    baseline: Path | None = field(default_factory=BASELINE.default)
    """None: nothing was accepted."""
    known_failures: Path | None = field(default_factory=KNOWN_FAILURES.default)
    history: str | None = field(default_factory=HISTORY.default, repr=False)
    """A file, the URL of a database, or `none`; not in the repr, as a URL may have a password."""
    history_runs: int = field(default_factory=lambda: history_runs())
    """Number of runs that the history keeps."""
    cache_limit_bytes: int = field(default_factory=cache_limit_bytes)
    isolation: Isolation = field(default_factory=lambda: default_isolation())
    """Strongest isolation of the clients."""
    fail_on: tuple[Gate, ...] = (Gate.FAILED,)
    """Kinds of result that make the run fail; empty: none does."""
    last_failed: bool = False
    """True: only the cases that failed in the last run in `out`."""
    max_failures: int | None = None
    """Number of failures after which no case is started."""
    retries: int = 0
    """Number of times that a failed case is probed again."""
    har: Path | None = None
    """Directory for the requests of each case; None: they are not written."""
    metrics: Path | None = None
    """File for metrics; None: they are not written."""
    sends_traces: bool = False
    """True: a trace of the run is sent to the collector that a variable names."""
    shard: Shard | None = None
    """Part of the run that is probed here; None: all of it."""
    shard_weights: Path | None = None
    """Results of a run whose times decide where shards are cut; None: the number of cases does."""
    executor: ExecutorAddress | None = None
    """Scheduler whose workers probe the cases; None: this machine does."""
    break_rules: frozenset[str] = frozenset()
    """Rules of the emulator to leave out, for tests."""

    @property
    def history_location(self) -> str:
        """The history's file or URL, or `none`."""
        return self.history or history_location(self.out)

    @property
    def asks_live(self) -> bool:
        """True if the real service is asked."""
        return Target.LIVE in self.targets

    @property
    def leaves_out_cases(self) -> bool:
        """True if options leave out cases of the scenarios."""
        return bool(self.clients or self.cases or self.last_failed)

    @property
    def scenario_paths(self) -> tuple[Path, ...]:
        """Files and directories to load; by default, the bundled files without their folders, or
        the folder of live ones where the real service is asked.
        """
        bundled = bundled_scenarios()
        if not self.scenarios and self.asks_live:
            return (bundled / LIVE_FOLDER,)
        if not self.scenarios:
            return bundled_files()
        return tuple(_bundled_folder(bundled, path) or path for path in self.scenarios)

    @property
    def all_scenario_paths(self) -> tuple[Path, ...]:
        """Files and directories to load; by default, everything bundled with its folders."""
        folders = () if self.scenarios else map(bundled_scenarios().joinpath, BUNDLED_FOLDERS)
        return tuple(dict.fromkeys((*self.scenario_paths, *filter(Path.is_dir, folders))))


def parse_settings(texts: OptionTexts) -> Settings:
    """Return the settings of a run from the texts of its options.

    Raises:
        SettingsError: the value of an option or of an environment variable is invalid.
    """
    settings = Settings(
        scenarios=SCENARIOS.values(texts),
        suite=SUITE.value(texts),
        variables=dict(SET.values(texts)),
        clients=CLIENTS.values(texts),
        cases=CASES.values(texts),
        targets=TARGET.value(texts),
        is_confirmed=YES.value(texts),
        max_cost_usd=MAX_COST.value(texts),
        allow_renewal=ALLOW_RENEWAL.value(texts),
        jobs=JOBS.value(texts),
        out=OUT.value(texts),
        baseline=BASELINE.value(texts),
        known_failures=KNOWN_FAILURES.value(texts),
        history=HISTORY.value(texts),
        isolation=ISOLATION.value(texts) or default_isolation(),
        fail_on=parse_fail_on(FAIL_ON.values(texts)),
        last_failed=LAST_FAILED.value(texts),
        max_failures=MAX_FAILURES.value(texts),
        retries=RETRIES.value(texts),
        har=HAR.value(texts),
        metrics=METRICS.value(texts),
        sends_traces=TRACES.value(texts),
        shard=SHARD.value(texts),
        shard_weights=SHARD_WEIGHTS.value(texts),
        executor=EXECUTOR.value(texts),
        break_rules=frozenset(BREAK_RULES.values(texts)),
    )
    try:
        check_location(settings.history_location)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    return settings


def parse_fail_on(values: Sequence[tuple[Gate, ...]]) -> tuple[Gate, ...]:
    """Return the gates of every value, or the default.

    Raises:
        SettingsError: one value is `never`, and another one is not.
    """
    if () in values and any(values):
        raise SettingsError(f"{FAIL_ON.name} {NEVER}: excludes the other words; give it alone")
    chosen = {gate for value in values for gate in value}
    return tuple(gate for gate in Gate if gate in chosen) if values else (Gate.FAILED,)


def _bundled_folder(bundled: Path, path: Path) -> Path | None:
    """Return the bundled directory with this name, unless the user has a file with this name."""
    folder = bundled / path
    is_name = len(path.parts) == 1 and path.name
    try:
        return folder if is_name and not path.exists() and folder.is_dir() else None
    except OSError:  # such as a name that is too long; reading it reports the reason
        return None


def is_ci(environment: Mapping[str, str] = os.environ) -> bool:
    """Return True in a CI job, where a progress bar would fill the log."""
    return environment.get("CI", "").lower() in ("1", "true")
