"""Benchmarks of whole commands: 200 raw HTTP requests, `--version`, and the start of pytest."""

import contextlib
import importlib.metadata
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import trustme

from authprobe.engine.probe import MAX_CONCURRENT_REQUESTS
from bench import plain_requests
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


SENDING_TESTS: Final = """
import ssl
import httpx
import pytest

CONTEXT = ssl.create_default_context(cafile={authority!r})

@pytest.mark.parametrize("number", range({number}))
def test_request(number):
    with httpx.Client(verify=CONTEXT, trust_env=False) as client:
        headers = {{"x-api-key": f"key-{{number}}"}}
        answer = client.post("https://localhost:{port}/v1/messages", json={body}, headers=headers)
    assert answer.status_code == 200
"""


@contextlib.contextmanager
def requests(*options: str) -> Iterator[Calls]:
    """Prepare a run with its reports, and empty tests with pytest's HTML report and these
    options.
    """
    with temporary() as folder:
        facts = {"pytest plugins": " ".join(pytest_plugins())}
        yield Calls(_run_of_requests(folder), _pytest_html(folder, EMPTY_TESTS, *options), facts)


@contextlib.contextmanager
def requests_sent() -> Iterator[Calls]:
    """Prepare a run, and tests that send as many requests by httpx, one after the other."""
    authority = trustme.CA()
    with temporary() as folder, plain_requests.server(authority, DELAY) as port:
        file = folder / "authority.pem"
        authority.cert_pem.write_to_path(file)
        tests = SENDING_TESTS.format(
            authority=str(file), number=REQUESTS, port=port, body=plain_requests.BODY
        )
        yield Calls(_run_of_requests(folder), _pytest_html(folder, tests))


@contextlib.contextmanager
def requests_parts() -> Iterator[Calls]:
    """Prepare a run, and its least parts one after the other: empty tests with pytest's HTML
    report, and httpx alone, which sends as many requests at once as a run does.
    """
    with temporary() as folder:
        report = _pytest_html(folder, EMPTY_TESTS)
        numbers = map(str, (REQUESTS, DELAY, MAX_CONCURRENT_REQUESTS))
        argv = [sys.executable, plain_requests.__file__, *numbers]

        def parts() -> Cost:
            sent, _ = timed(argv, cwd=folder, env=own_environment())
            made = report()
            return Cost(sent.wall + made.wall, (sent.processor or 0) + (made.processor or 0))

        yield Calls(_run_of_requests(folder), parts)


def _run_of_requests(folder: Path) -> Callable[[], Cost]:
    """Return a run of the scenario in this folder."""
    scenario, out = folder / "bench.yaml", folder / "out"
    scenario.write_text(request_scenario())

    def run() -> Cost:
        shutil.rmtree(out, ignore_errors=True)
        argv: list[str | Path] = [AUTHPROBE, "run", scenario, "--out", out]
        cost, _ = timed(argv, cwd=folder, env=own_environment())
        statuses = [
            case["verdict"]["status"]
            for case in json.loads((out / "results.json").read_text())["cases"]
        ]
        if statuses != ["passed"] * REQUESTS:
            raise SystemExit(f"not {REQUESTS} passed cases: {sorted(statuses)}")
        return cost

    return run


def _pytest_html(folder: Path, tests: str, *options: str) -> Callable[[], Cost]:
    """Return a run of these tests by pytest with its HTML report and these options."""
    file = folder / "tests" / "test_reference.py"
    file.parent.mkdir()
    file.write_text(tests)
    argv = [
        *(sys.executable, "-m", "pytest", str(file), f"--rootdir={file.parent}"),
        *("--html=report.html", "--self-contained-html", "-q", "-pno:cacheprovider"),
        *options,
    ]
    return lambda: timed(argv, cwd=file.parent, env=own_environment())[0]


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
