"""`authprobe clients` as a user runs it, with a fake registry and with the real one."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from authprobe.cli import main
from authprobe.clients.installation.storage import ClientLock, lock_file
from tests.support.command import Ended, command, environment
from tests.support.command import run as run_here
from tests.support.registry import OFFLINE, Registry
from tests.support.waiting import wait_until

KILOBYTES = 'head -c 100000 /dev/zero > "$modules/large"'


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """Return the registry of the only `npm` on PATH, with an empty cache."""
    folder = tmp_path / "registry"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("AUTHPROBE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AUTHPROBE_CACHE_LIMIT", raising=False)
    registry = Registry(folder)
    registry.after(KILOBYTES)
    return registry


@pytest.fixture
def cache(registry: Registry, tmp_path: Path) -> Path:
    """Return a cache with three clients, last used 20, 10 and 0 days ago."""
    versions = ("1.0.0", "1.0.9", "1.0.10")
    assert clients("install", *(f"claude-code@{version}" for version in versions)).exit_code == 0
    for place, version in enumerate(versions):
        moment = time.time() - (20 - 8 * place) * 86_400
        os.utime(tmp_path / "cache" / "claude-code" / f"{version}.lock", (moment, moment))
    return tmp_path / "cache"


def clients(*arguments: str) -> Result:
    """Run `authprobe clients` with these arguments."""
    return CliRunner().invoke(main, ["clients", *arguments], prog_name="authprobe")


def names(printed: str) -> list[str]:
    """Return the first word of each line."""
    return [line.split()[0] for line in printed.splitlines()]


def cached_versions(cache: Path) -> list[str]:
    """Return the versions in a cache."""
    return sorted(path.name for path in cache.glob("claude-code/*") if path.is_dir())


def test_list_of_an_empty_cache_prints_only_the_summary(registry: Registry, tmp_path: Path) -> None:
    listed = clients("list")
    assert (listed.exit_code, listed.stdout) == (0, "")
    assert listed.stderr == f"0 clients, 0 B of 20.0 GB, in {tmp_path / 'cache'}\n"


def test_list_prints_each_client_with_its_size(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTHPROBE_CACHE_LIMIT", "1.5 GiB")
    lock = ClientLock(lock_file(cache / "claude-code" / "1.0.9"))
    assert lock.take(shared=True)
    listed = clients("list")
    lock.release()
    assert names(listed.stdout) == [
        "CLIENT",
        "claude-code@1.0.0",
        "claude-code@1.0.9",
        "claude-code@1.0.10",
    ]
    assert [line.endswith("kB  in use") for line in listed.stdout.splitlines()][1:] == [
        False,
        True,
        False,
    ]
    assert listed.stderr.startswith("3 clients, 300 kB of 1.61 GB, in ")


def test_list_as_json_has_sizes_in_bytes(cache: Path) -> None:
    listing = json.loads(clients("list", "--json").stdout)
    assert (listing["folder"], listing["limit_bytes"]) == (str(cache), 20_000_000_000)
    assert listing["size_bytes"] == sum(client["size_bytes"] for client in listing["clients"])
    first = listing["clients"][0]
    assert (first["name"], first["version"], first["in_use"]) == ("claude-code", "1.0.0", False)
    assert 100_000 < first["size_bytes"] < 101_000
    assert first["used_at"].endswith("+00:00")


def test_an_installed_client_is_printed_and_not_installed_again(registry: Registry) -> None:
    registry.publish("1.2.3")
    for _ in range(2):
        result = clients("install", "claude-code@1.0.0", "claude-max-api-proxy@2.0.0")
        assert result.exit_code == 0
        assert names(result.stdout) == [
            "claude-code@1.0.0",
            "claude-max-api-proxy@2.0.0",
            "claude-code@1.2.3",
        ]
    assert sorted(registry.calls) == ["install"] * 3 + ["view"]


def test_a_range_installs_every_published_version_in_it(registry: Registry) -> None:
    registry.publish_all("1.0.9", "1.0.10", "1.1.0-beta.1", "1.1.0", "1.0.0")
    result = clients("install", "claude-code@1.0.x", "claude-code@each minor")
    assert names(result.stdout) == [
        "claude-code@1.0.0",
        "claude-code@1.0.9",
        "claude-code@1.0.10",
        "claude-code@1.1.0",
    ]


def test_a_failed_installation_is_reported_and_the_others_continue(registry: Registry) -> None:
    registry.before('case "$*" in *@1.0.1) echo E404 >&2; exit 1;; esac')
    result = clients("install", "claude-code@1.0.0", "claude-code@1.0.1")
    assert (result.exit_code, names(result.stdout)) == (1, ["claude-code@1.0.0"])
    last = result.stderr.splitlines()[-1]
    assert last == "claude-code@1.0.1: @anthropic-ai/claude-code@1.0.1: not published"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("claude", "claude: no such client; did you mean 'claude-code'?"),
        ("raw-http", "raw-http: part of authprobe; there is nothing to install"),
        (
            "claude-code@installed",
            "claude-code@installed: your own installation; there is nothing to install",
        ),
        (
            "claude-code@>=9",
            "claude-code@>=9: no published version is in this range; the newest is 1.0.0",
        ),
        (
            "claude-code@each day",
            "claude-code@each day: 'each day' is not a version range; "
            "write >=2.1.0 <2.2, 2.1.x, or each minor",
        ),
    ],
)
def test_a_name_that_cannot_be_installed_is_refused_in_one_line(
    registry: Registry, name: str, message: str
) -> None:
    registry.publish_all("1.0.0", "2.0.0-beta.1")
    result = clients("install", "claude-code@1.0.0", name)
    assert (result.exit_code, result.stdout, result.stderr) == (4, "", f"{message}\n")
    assert "install" not in registry.calls


def test_a_range_needs_a_registry(registry: Registry) -> None:
    registry.fail(OFFLINE)
    result = clients("install", "claude-code@1.x")
    assert result.exit_code == 4
    assert result.stderr == (
        "claude-code@1.x: the versions of @anthropic-ai/claude-code: "
        "the package registry cannot be reached\n"
    )


def test_a_client_evicted_for_lack_of_space_is_reported(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTHPROBE_CACHE_LIMIT", "150k")
    result = clients("install", "claude-code@1.0.0", "claude-code@1.0.1")
    assert (result.exit_code, len(result.stdout.splitlines())) == (1, 1)
    assert "the clients in use take 200 kB; AUTHPROBE_CACHE_LIMIT is 150 kB" in result.stderr
    assert "evicted again to stay within 150 kB; raise AUTHPROBE_CACHE_LIMIT" in result.stderr


@pytest.mark.parametrize(
    ("options", "remaining"),
    [
        ([], ["1.0.0", "1.0.10", "1.0.9"]),
        (["--to", "250k"], ["1.0.10", "1.0.9"]),
        (["--to", "0"], []),
        (["--older-than", "15"], ["1.0.10", "1.0.9"]),
        (["--older-than", "10"], ["1.0.10"]),
        (["--older-than", "15", "--to", "150k"], ["1.0.10"]),
        (["--all"], []),
    ],
)
def test_prune_removes_the_least_recently_used_clients(
    cache: Path, options: list[str], remaining: list[str]
) -> None:
    would, did = clients("prune", "--dry-run", *options), clients("prune", *options)
    assert (would.exit_code, did.exit_code) == (0, 0)
    assert would.stdout == did.stdout
    assert cached_versions(cache) == remaining
    number = 3 - len(remaining)
    assert f"would remove {number} client" in would.stderr
    assert f"removed {number} client" in did.stderr


def test_prune_reduces_the_cache_to_its_limit(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHPROBE_CACHE_LIMIT", "150k")
    lock = ClientLock(lock_file(cache / "claude-code" / "1.0.0"))
    assert lock.take(shared=True)
    pruned = clients("prune")
    lock.release()
    assert names(pruned.stdout) == ["claude-code@1.0.9", "claude-code@1.0.10"]
    message = "removed 2 clients, 200 kB; the cache holds 100 kB; 1 client in use"
    assert pruned.stderr.splitlines()[-1] == message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--to", "5X"], "'5X' is not a size; write it as 10G or 500M"),
        (["--older-than", "-1"], "--older-than -1: must be a number of at least 0"),
        (["--all", "--to", "5G"], "--all removes every client; leave out --to and"),
    ],
)
def test_an_invalid_option_is_refused(cache: Path, options: list[str], message: str) -> None:
    pruned = clients("prune", *options)
    assert (pruned.exit_code, pruned.stdout) == (4, "")
    assert message in pruned.stderr
    assert len(cached_versions(cache)) == 3


@pytest.mark.parametrize("arguments", [["list"], ["install", "claude-code"], ["prune"]])
def test_an_invalid_cache_limit_is_refused(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("AUTHPROBE_CACHE_LIMIT", "much")
    result = clients(*arguments)
    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr == (
        "AUTHPROBE_CACHE_LIMIT: 'much' is not a size; write it as 10G or 500M\n"
    )


@pytest.mark.parametrize("name", [[], ["list"], ["install"], ["prune"]])
def test_the_help_shows_examples(name: list[str]) -> None:
    printed = clients(*name, "--help").output
    assert "Examples:\n    authprobe clients " in printed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_installation_ends_at_once_and_leaves_no_files(
    registry: Registry, tmp_path: Path, number: signal.Signals
) -> None:
    registry.after(f'touch "{tmp_path}/half"; exec sleep 300')
    cache = tmp_path / "cache"
    child = subprocess.Popen(
        command(
            "clients", "install", "claude-code@1.0.0", "claude-code@1.0.1", "claude-code@2.0.0"
        ),
        env=environment(tmp_path / "home", TMPDIR=str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until((tmp_path / "half").exists)
    child.send_signal(number)
    printed, errors = child.communicate(timeout=60)
    assert (child.returncode, printed) == (2, "")
    assert errors.splitlines()[-1] == "interrupted"
    assert "Traceback" not in errors
    assert [path.name for path in cache.glob("*/*") if path.suffix != ".lock"] == []
    assert not list(tmp_path.glob("authprobe-*"))


def install_for_real(folder: Path, *names: str) -> Ended:
    result = run_here("clients", "install", *names, cwd=folder, AUTHPROBE_CACHE=str(folder / "c"))
    if "registry cannot be reached" in result.err:
        pytest.skip("NO PACKAGE REGISTRY: nothing can be installed for real")
    return result


@pytest.mark.parametrize("client", ["claude-code@2.1.31", "anthropic-python@1.17.0"])
def test_a_client_is_installed_from_the_real_registry(tmp_path: Path, client: str) -> None:
    result = install_for_real(tmp_path, client)
    assert result.code == 0, result.err
    assert names(result.out) == [client]


def test_an_unpublished_version_is_reported_by_the_real_registry(tmp_path: Path) -> None:
    result = install_for_real(tmp_path, "agent-sdk-node@0.0.999")
    assert (result.code, result.out) == (1, "")
    assert result.err.endswith("@anthropic-ai/claude-agent-sdk@0.0.999: not published\n")


BOT = """
id: bot
title: A bot
why: It asks.
sources: ["https://example.org/"]
clients:
  bot: {title: our bot, install: {npm: "@acme/bot"}, run: ["{bin}/claude", "{prompt}"]}
matrix: {client: [bot@1.0.0]}
expect: {outcome: accepted}
"""


def test_client_of_a_scenario_is_installed_listed_and_removed(
    registry: Registry, tmp_path: Path
) -> None:
    scenario = tmp_path / "bot.yaml"
    scenario.write_text(BOT)
    result = clients("install", "bot@1.0.0", "--scenarios", str(scenario))
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("bot@1.0.0  ")
    assert "npm:@acme/bot@1.0.0" in clients("list").stdout
    (entry,) = json.loads(clients("list", "--json").stdout)["clients"]
    assert (entry["name"], entry["version"], entry["beside"]) == ("npm:@acme/bot", "1.0.0", {})
    assert clients("prune", "--all").stdout.startswith("npm:@acme/bot@1.0.0  ")
    assert clients("list").stdout == ""


def test_unknown_client_is_not_installed_without_its_scenario(registry: Registry) -> None:
    result = clients("install", "bot@1.0.0")
    assert result.exit_code == 4
    assert "bot@1.0.0: no such client" in result.output


def test_known_clients_have_a_title_and_a_source(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.authprobe]\nclients = ["a.yaml", "b.yaml"]\n')
    (tmp_path / "a.yaml").write_text("clients: {own: {title: my own, run: [/bin/true]}}\n")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bot.yaml").write_text(BOT)
    result = clients("known", "--json", "--scenarios", "bot.yaml")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    rows = {row["name"]: (row["title"], row["source"]) for row in document["clients"]}
    assert rows["claude-code"] == ("command line", "authprobe")
    assert rows["own"] == ("my own", str(tmp_path / "a.yaml"))
    assert rows["bot"][0] == "our bot"
    assert ["b.yaml:1:1: no such file" in problem for problem in document["problems"]] == [True]
    assert "own" in clients("known").stdout
