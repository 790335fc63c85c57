"""A run on a real dask scheduler whose workers are processes with client caches of their own."""

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import authprobe
from authprobe.errors import ExitCode
from tests.support.command import (
    Ended,
    command,
    environment,
    lasting_results,
    results,
    run,
    verdicts,
)
from tests.support.dask_cluster import DaskCluster, free_port
from tests.support.exhaustive import EXHAUSTIVE
from tests.support.registry import UNREACHABLE
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

SETS = 200
"""Each with two cases, in batches of 32."""


def slow_scenario(folder: Path) -> Path:
    """Write a scenario of cases that take about a second each, and return its path."""
    names = [f"set-{n}" for n in range(SETS)]
    content: dict[str, Any] = {
        "id": "slow",
        "title": "Slow requests",
        "why": "So that something runs when a worker is lost.",
        "sources": ["https://example.org/"],
        "endpoints": {"messages": {"url": "https://api.anthropic.com/v1/messages"}},
        "credentials": {
            "good": {"token": "api-key", "via": "x-api-key"},
            "bad": {"token": "api-key", "state": "unknown", "via": "x-api-key"},
        },
        "headers": {name: {"x-set": name} for name in names},
        "backends": {"slow": {"faults": [{"name": "delay", "seconds": 1}]}},
        "matrix": {
            "client": ["raw-http"],
            "endpoint": ["messages"],
            "credential": ["good", "bad"],
            "headers": names,
            "backend": ["slow"],
        },
        "expect": [
            {"when": {"credential": "good"}, "then": {"outcome": "accepted", "status": 200}},
            {"then": {"outcome": "rejected", "status": 401}},
        ],
    }
    path = folder / "slow.yaml"
    path.write_text(json.dumps(content))  # JSON is YAML
    return path


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[DaskCluster]:
    """Yield a scheduler without workers."""
    with DaskCluster(tmp_path) as cluster:
        yield cluster


def start(cluster: DaskCluster, scenario: Path) -> "subprocess.Popen[str]":
    """Start a run on the cluster, and wait until its first cases have ended."""
    process = subprocess.Popen(
        command("run", scenario, "--executor", cluster.address),
        cwd=cluster.folder,
        env=environment(cluster.folder / "home"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    partial = cluster.folder / "reports" / "results.partial.jsonl"
    wait_until(lambda: partial.exists() and partial.stat().st_size > 0)
    return process


def end(process: "subprocess.Popen[str]") -> Ended:
    """Wait for the end of a run."""
    out, err = process.communicate(timeout=120)
    return Ended(process.returncode, out, err)


def test_workers_with_caches_of_their_own_give_the_results_of_threads(
    cluster: DaskCluster,
) -> None:
    cases = ("run", "--suite", "full", "--client", "raw-http", "--client", "anthropic-node")
    folder = cluster.folder
    chosen = ("-k", "raw-http or api-sdk and not 0.137.0")
    near = run(*cases, *chosen, "--out", "near", cwd=folder)
    if UNREACHABLE in near.out:
        pytest.skip("NO PACKAGE REGISTRY: the client could not be installed or tested")
    for name in ("one", "two"):
        cluster.add_worker(name)
    there = ("--executor", cluster.address)
    far = run(*cases, *chosen, *there, "--out", "far", cwd=folder)
    assert far.code == near.code == 0, far.out + far.err
    assert lasting_results(folder / "far") == lasting_results(folder / "near")
    installed = [
        [path.name for path in (cluster.cache(name) / "anthropic-node").glob("*.*.*")]
        for name in ("one", "two")
    ]
    assert all(installed), installed  # both have worked
    cases_there = results(folder / "far")["cases"]
    versions = {x["client_version"] for x in cases_there if x["client"] != "raw-http"}
    assert versions <= set(installed[0]) | set(installed[1])
    # A second run finds the workers as they were.
    again = run(*cases, "-k", "api-sdk and 0.39.0", *there, "--out", "again", cwd=folder)
    assert again.code == 0, again.err
    cases_again = lasting_results(folder / "again")["cases"]
    assert cases_again
    assert all(each in lasting_results(folder / "near")["cases"] for each in cases_again)


@EXHAUSTIVE
def test_commands_that_compare_versions_ask_the_cluster(cluster: DaskCluster) -> None:
    folder = cluster.folder
    compare = ("diff", "anthropic-node@0.137.0", "anthropic-node@1.14.0", "--looks", "1", "--json")
    case = "api-sdk/anthropic-node@0.39.0/default/unknown-key"
    search = ("bisect", case, "--good", "1.13.0", "--bad", "1.14.0", "--json")
    table = ("versions", "--client", "anthropic-node", "--since", "1.14.0", "--until", "1.14.0")
    near = [run(*command, "--out", "near", cwd=folder) for command in (compare, search, table)]
    if UNREACHABLE in near[0].out:
        pytest.skip("NO PACKAGE REGISTRY: the client could not be installed or tested")
    cluster.add_worker("one")
    there = ("--out", "far", "--executor", cluster.address)
    far = [run(*command, *there, cwd=folder) for command in (compare, search, table)]
    assert [each.code for each in far] == [each.code for each in near], far
    assert [each.out for each in far] == [each.out for each in near]
    installed = [path.name for path in (cluster.cache("one") / "anthropic-node").glob("*.*.[0-9]")]
    assert {"0.137.0", "1.14.0"} <= set(installed)
    cluster.stop_scheduler()
    gone = run(*compare, "--out", "gone", "--executor", cluster.address, cwd=folder)
    assert gone.code == ExitCode.USAGE
    assert "no dask scheduler answers there" in gone.err


def test_a_worker_that_cannot_install_a_client_leaves_its_cases_to_the_others(
    cluster: DaskCluster,
) -> None:
    for name in ("one", "two"):
        cluster.cache(name).mkdir()
        cluster.add_worker(name)
    (cluster.cache("one") / "anthropic-node").write_text("in the way")
    cases = ("run", "--suite", "full", "--client", "anthropic-node")
    chosen = ("-k", "api-sdk and not 0.137.0")  # two versions: each worker is given one
    ended = run(*cases, *chosen, "--executor", cluster.address, cwd=cluster.folder)
    if UNREACHABLE in ended.out:
        pytest.skip("NO PACKAGE REGISTRY: the client could not be installed or tested")
    assert ended.code == 0, ended.out + ended.err
    assert "cannot install anthropic-node@" in ended.err
    assert [path.name for path in (cluster.cache("two") / "anthropic-node").glob("*.*.*")]


def test_cases_of_a_worker_that_is_killed_are_probed_elsewhere(cluster: DaskCluster) -> None:
    for name in ("one", "two"):
        cluster.add_worker(name)
    process = start(cluster, slow_scenario(cluster.folder))
    cluster.kill("one")
    ended = end(process)
    assert ended.code == 0, ended.out + ended.err
    assert "is lost; cases to probe elsewhere: " in ended.err
    cases = results(cluster.folder / "reports")["cases"]
    assert len({case["id"] for case in cases}) == len(cases) == 2 * SETS
    assert {case["verdict"]["status"] for case in cases} == {"passed"}


def test_a_scheduler_that_goes_away_leaves_what_was_finished(cluster: DaskCluster) -> None:
    cluster.add_worker("one", threads=1)
    scenario = slow_scenario(cluster.folder)
    process = start(cluster, scenario)
    cluster.stop_scheduler()
    ended = end(process)
    assert ended.code == ExitCode.UNTESTABLE, ended.out + ended.err
    assert f"{cluster.address}: its scheduler does not answer" in ended.err
    assert "Traceback" not in ended.err
    statuses = list(verdicts(cluster.folder / "reports").values())
    assert len(statuses) == 2 * SETS
    assert set(statuses) == {"passed", "error"}
    rest = run("run", scenario, "--last-failed", cwd=cluster.folder)
    assert rest.code == 0, rest.out + rest.err
    count = len(results(cluster.folder / "reports")["cases"])
    assert count == statuses.count("error")


def test_an_interrupted_run_leaves_nothing_on_its_workers(cluster: DaskCluster) -> None:
    cluster.add_worker("one", threads=1)
    process = start(cluster, slow_scenario(cluster.folder))
    worker = psutil.Process(cluster.workers["one"].pid)
    assert worker.children()
    process.send_signal(signal.SIGINT)
    ended = end(process)
    assert ended.code == ExitCode.INTERRUPTED, ended.out + ended.err
    assert 0 < len(results(cluster.folder / "reports")["cases"]) < 2 * SETS
    wait_until(lambda: not worker.children())


def test_a_worker_with_another_authprobe_is_not_used(cluster: DaskCluster) -> None:
    package = Path(authprobe.__file__).parent
    for name in ("changed", "old"):
        copy = cluster.folder / name / "authprobe"
        shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
        file = copy / "__init__.py"
        new = "0.0.1" if name == "old" else authprobe.__version__
        file.write_text(file.read_text().replace(authprobe.__version__, new) + "# changed\n")
        cluster.add_worker(name, path=str(copy.parent))
    scenario = slow_scenario(cluster.folder)
    ended = run("run", scenario, "--executor", cluster.address, cwd=cluster.folder)
    assert ended.code == ExitCode.USAGE, ended.out + ended.err
    assert f"it has authprobe 0.0.1, and this is {authprobe.__version__}" in ended.err
    assert "its program or its scenarios differ" in ended.err
    assert "no usable worker, 2 refused" in ended.err
    assert not list((cluster.folder / "reports").glob("*"))


def test_without_a_scheduler_nothing_is_written(tmp_path: Path) -> None:
    address = f"dask://127.0.0.1:{free_port()}"
    ended = run("run", slow_scenario(tmp_path), "--executor", address, cwd=tmp_path)
    assert ended.code == ExitCode.USAGE
    assert f"--executor {address}: no dask scheduler answers there" in ended.err
    assert "Traceback" not in ended.err
    assert not list((tmp_path / "reports").glob("*"))
