"""Benchmarks of whole commands: 200 raw HTTP requests, `--version`, and the start of pytest."""

import contextlib
import importlib.metadata
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.measure import Calls, Cost, own_environment, temporary, timed

AUTHPROBE: Final = Path(sys.executable).with_name("authprobe")
REQUESTS: Final = 200
DELAY: Final = 0.05
"""Seconds that the backend waits before each response."""
HTML_ALONE: Final = ("--disable-plugin-autoload", "-pmetadata", "-phtml")
"""pytest options that load only the plugins that `authprobe run` loads as well."""


def request_scenario() -> str:
    """Return a YAML scenario of 200 cases: 2 credentials, 10 sets of headers and 10 backends."""
    sets = range(10)
    scenario = {
        "id": "bench",
        "title": "Requests to a slow backend",
        "why": "To measure the cost of a request.",
        "sources": ["bench/bench.py"],
        "endpoints": {"messages": {"url": "https://api.anthropic.com/v1/messages"}},
        "credentials": {
            "good": {"token": "api-key", "via": "x-api-key"},
            "bad": {"token": "api-key", "state": "unknown", "via": "x-api-key"},
        },
        "headers": {f"set-{n}": {"x-bench": f"{n}"} for n in sets},
        "backends": {f"slow-{n}": {"faults": [{"name": "delay", "seconds": DELAY}]} for n in sets},
        "matrix": {
            "client": ["raw-http"],
            "endpoint": ["messages"],
            "credential": ["good", "bad"],
            "headers": [f"set-{n}" for n in sets],
            "backend": [f"slow-{n}" for n in sets],
        },
        "expect": [
            {"when": {"credential": "good"}, "then": {"outcome": "accepted", "status": 200}},
            {"then": {"outcome": "rejected", "status": 401}},
        ],
    }
    return json.dumps(scenario, indent=1)  # JSON is YAML


EMPTY_TESTS: Final = f"""
import pytest

@pytest.mark.parametrize("number", range({REQUESTS}))
def test_nothing(number):
    pass
"""


@contextlib.contextmanager
def requests(*options: str) -> Iterator[Calls]:
    """Prepare a run with its reports, and pytest with its HTML report and these options."""
    with temporary() as folder:
        scenario, tests = folder / "bench.yaml", folder / "tests" / "test_empty.py"
        scenario.write_text(request_scenario())
        tests.parent.mkdir()
        tests.write_text(EMPTY_TESTS)
        environment = own_environment()

        def ours() -> Cost:
            out = folder / "out"
            shutil.rmtree(out, ignore_errors=True)
            cost, _ = timed([AUTHPROBE, "run", scenario, "--out", out], cwd=folder, env=environment)
            statuses = [
                case["verdict"]["status"]
                for case in json.loads((out / "results.json").read_text())["cases"]
            ]
            if statuses != ["passed"] * REQUESTS:
                raise SystemExit(f"not {REQUESTS} passed cases: {sorted(statuses)}")
            return cost

        def reference() -> Cost:
            cost, _ = timed(
                [
                    *(sys.executable, "-m", "pytest", tests, f"--rootdir={tests.parent}"),
                    *("--html=report.html", "--self-contained-html", "-q", "-pno:cacheprovider"),
                    *options,
                ],
                cwd=tests.parent,
                env=environment,
            )
            return cost

        yield Calls(ours, reference, {"pytest plugins": " ".join(pytest_plugins())})


def pytest_plugins() -> tuple[str, ...]:
    """Return the plugins that pytest loads by itself; their cost is only in the reference."""
    entries = importlib.metadata.entry_points(group="pytest11")
    return tuple(sorted({entry.name for entry in entries}))


@contextlib.contextmanager
def version() -> Iterator[Calls]:
    """Prepare `authprobe --version`, and an empty Python program."""
    with temporary() as folder:
        environment = own_environment()
        yield Calls(
            lambda: timed([AUTHPROBE, "--version"], cwd=folder, env=environment)[0],
            lambda: timed([sys.executable, "-c", "pass"], cwd=folder, env=environment)[0],
        )


@contextlib.contextmanager
def pytest_start() -> Iterator[Calls]:
    """Prepare the collection of one empty test, with authprobe's plugin and without it."""
    with temporary() as folder:
        (folder / "test_empty.py").write_text("def test_nothing():\n    pass\n")
        environment = own_environment()
        argv = [sys.executable, "-m", "pytest", "--collect-only", "-q", f"--rootdir={folder}"]
        argv += ["-pno:cacheprovider"]

        def collect(*options: str) -> Cost:
            return timed([*argv, *options], cwd=folder, env=environment)[0]

        yield Calls(collect, lambda: collect("-pno:authprobe"))
