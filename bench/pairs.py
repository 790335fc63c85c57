"""What is measured: pairs of calls, ours and the reference, each of which returns what it cost.

Nothing leaves the machine's loopback, and every token is made up.
"""

import contextlib
import json
import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from probes import conduct, engine
from probes.clients.base import Bench, Laboratory, find_program
from probes.clients.install import Cache
from probes.clients.process import Children
from probes.emulator.network import Network
from probes.observation import Outcome
from probes.plan import Case, expand
from probes.scenario.model import (
    Backend,
    Client,
    ClientKind,
    Credential,
    Expectation,
    Matrix,
    Scenario,
    TokenKind,
    Via,
)
from probes.settings import Settings, cache_folder

REQUESTS: Final = 200
DELAY: Final = 0.05
"""Seconds that the backend of `requests` takes for each answer."""
MANY: Final = 24
JOBS: Final = 2
LIMIT: Final = 300.0
"""Seconds after which a measured program is ended, and the benchmark with it."""
CLIENT: Final = Client(kind=ClientKind.CLAUDE_CODE)
ARGUMENTS: Final = ("-p", "ping", "--output-format", "json")
AUTHPROBE: Final = Path(sys.executable).with_name("authprobe")
PATH: Final = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds on the wall, and of processors where they can be told."""

    wall: float
    processor: float | None = None


@dataclass(frozen=True, slots=True)
class Calls:
    """The two sides, ready to be measured again and again."""

    ours: Callable[[], Cost]
    reference: Callable[[], Cost]
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A comparison, and what it should not exceed."""

    ours: str
    reference: str
    rounds: int
    limit_ratio: float | None = None
    limit: float | None = None
    """Seconds, where ours has a limit by itself."""
    prepare: Callable[[], AbstractContextManager[Calls]]


def timed(
    argv: Sequence[str | Path],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
) -> tuple[Cost, str]:
    """Run a program to its end, with its output read; what it cost, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    with subprocess.Popen(
        argv,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as child:
        try:
            printed, errors = child.communicate(stdin, timeout=LIMIT)
        finally:
            if child.returncode is None:
                os.killpg(child.pid, signal.SIGKILL)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if child.returncode:
        raise SystemExit(f"{argv[0]} ended with {child.returncode}:\n{printed}\n{errors}")
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, used), printed


def own_environment() -> dict[str, str]:
    """Ours, without what would change how pytest works."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}


@contextlib.contextmanager
def temporary() -> Iterator[Path]:
    """An empty folder, without symbolic links in its name."""
    with tempfile.TemporaryDirectory(prefix="authprobe-bench-") as folder:
        yield Path(folder).resolve()


# --- requests -------------------------------------------------------------------------------------


def request_scenario() -> str:
    """A scenario of 200 cases, two credentials by ten sets of headers by ten backends; in YAML."""
    sets = range(10)
    scenario = {
        "id": "bench",
        "title": "Requests to a slow backend",
        "why": "To see what a request costs.",
        "sources": ["bench/bench.py"],
        "endpoints": {"messages": {"url": "https://api.anthropic.com/v1/messages"}},
        "credentials": {
            "good": {"token": "api-key", "via": "x-api-key"},
            "bad": {"token": "api-key", "state": "unknown", "via": "x-api-key"},
        },
        "headers": {f"set-{n}": {"x-bench": f"{n}"} for n in sets},
        "backends": {f"slow-{n}": {"delay": DELAY} for n in sets},
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
def requests() -> Iterator[Calls]:
    """The whole command with its reports, and pytest with its HTML report."""
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
                ],
                cwd=tests.parent,
                env=environment,
            )
            return cost

        yield Calls(ours, reference, {"pytest-html rows": str(REQUESTS)})


# --- the command line client ----------------------------------------------------------------------


def client_cases(count: int) -> tuple[Case, ...]:
    """So many cases of the newest client that is installed, all alike."""
    names = tuple(f"backend-{n}" for n in range(count))
    scenario = Scenario(
        id="bench",
        title="One question",
        why="To see what a case costs.",
        sources=("bench/bench.py",),
        credentials={
            "token": Credential(token=TokenKind.ACCESS_TOKEN, via=Via.OAUTH_TOKEN_VARIABLE)
        },
        backends=dict.fromkeys(names, Backend(counts_as_claude_code=True)),
        matrix=Matrix(client=(str(CLIENT),), credential=("token",), backend=names),
        expect=Expectation(outcome=Outcome.ACCEPTED, exit_code=0),
    )
    return expand(scenario)


@contextlib.contextmanager
def open_laboratory() -> Iterator[Laboratory]:
    """An emulator with the client at hand."""
    with Network() as network, Children() as children:
        cache = Cache(cache_folder(), children)
        cache.prepare(CLIENT, lambda doing: print(f"  {CLIENT}: {doing}", file=sys.stderr))
        yield Laboratory(network, children, cache)


@dataclass(frozen=True, slots=True)
class BareCall:
    """The client, with the environment and folder that a case would give it."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path

    @classmethod
    def of(cls, bench: Bench) -> "BareCall":
        """The call that a probe of this case would make."""
        program = bench.installed(CLIENT).program
        environment = bench.environment({"node": find_program("node")})
        return cls((str(program), *ARGUMENTS), environment, bench.work_folder())

    def script(self) -> str:
        """The same call for a shell."""
        variables = [f"{name}={value}" for name, value in self.env.items()]
        command = shlex.join(["exec", "env", "-i", *variables, *self.argv])
        return f"cd {shlex.quote(str(self.cwd))} && {command}\n"


def check_answers(printed: str, count: int) -> None:
    """Refuse to measure a client that was not answered."""
    answers = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    if [answer["is_error"] for answer in answers] != [False] * count:
        raise SystemExit(f"the client was not answered {count} times:\n{printed}")


@contextlib.contextmanager
def one_client_case() -> Iterator[Calls]:
    """One case more in an open laboratory, and the same call without us."""
    with open_laboratory() as laboratory:
        (case,) = client_cases(1)

        def ours() -> Cost:
            began = time.perf_counter()
            observation = engine.probe(laboratory, case)
            cost = Cost(time.perf_counter() - began)
            if observation.outcome is not Outcome.ACCEPTED:
                raise SystemExit(f"the case was not accepted: {observation}")
            return cost

        def reference() -> Cost:
            with laboratory.bench(case) as bench:
                call = BareCall.of(bench)
                cost, printed = timed(call.argv, cwd=call.cwd, env=call.env)
            check_answers(printed, 1)
            return cost

        yield Calls(ours, reference, client_fact(laboratory))


@contextlib.contextmanager
def many_client_cases() -> Iterator[Calls]:
    """All that a run does with its cases except for the reports, and the same calls by xargs."""
    with open_laboratory() as laboratory, temporary() as folder:
        cases = client_cases(MANY)
        settings = Settings(jobs=JOBS, out=folder / "out")

        def ours() -> Cost:
            began = time.perf_counter()
            run = conduct.conduct(cases, settings, Silent())
            cost = Cost(time.perf_counter() - began)
            accepted = [c for c in run.cases if c.observation.outcome is Outcome.ACCEPTED]
            if len(accepted) != MANY:
                raise SystemExit(f"{len(accepted)} of {MANY} cases were accepted")
            return cost

        def reference() -> Cost:
            with contextlib.ExitStack() as stack:
                scripts = []
                for number, case in enumerate(cases):
                    bench = stack.enter_context(laboratory.bench(case))
                    scripts.append(folder / f"call-{number}.sh")
                    scripts[-1].write_text(BareCall.of(bench).script())
                cost, printed = timed(
                    ["xargs", "-P", str(JOBS), "-n", "1", "sh"],
                    cwd=folder,
                    env={"PATH": PATH},
                    stdin="\n".join(map(str, scripts)),
                )
            check_answers(printed, MANY)
            return cost

        yield Calls(ours, reference, client_fact(laboratory))


class Silent:
    """A reporter that says nothing."""

    def stage(self, title: str, total: int) -> None:
        """Nothing."""

    def busy(self, name: str, doing: str) -> None:
        """Nothing."""

    def done(self, name: str) -> None:
        """Nothing."""


def client_fact(laboratory: Laboratory) -> dict[str, str]:
    """The version that was measured."""
    return {CLIENT.kind.value: laboratory.cache.get(CLIENT).version}


# --- version --------------------------------------------------------------------------------------


@contextlib.contextmanager
def version() -> Iterator[Calls]:
    """The command that does least, and a Python that does nothing."""
    with temporary() as folder:
        environment = own_environment()
        yield Calls(
            lambda: timed([AUTHPROBE, "--version"], cwd=folder, env=environment)[0],
            lambda: timed([sys.executable, "-c", "pass"], cwd=folder, env=environment)[0],
        )


PAIRS: Final = {
    "requests": Pair(
        ours=f"`authprobe run`: {REQUESTS} requests, answered after {DELAY * 1000:.0f} ms",
        reference=f"`pytest --html`: {REQUESTS} empty tests",
        rounds=7,
        limit_ratio=2.0,
        prepare=requests,
    ),
    "cli": Pair(
        ours="one more `claude -p ping` case in an open run",
        reference="the same call without authprobe",
        rounds=15,
        limit_ratio=1.05,
        prepare=one_client_case,
    ),
    "cli-many": Pair(
        ours=f"{MANY} `claude -p ping` cases, {JOBS} at once, from start to verdicts",
        reference=f"the same calls by `xargs -P {JOBS}`",
        rounds=3,
        limit_ratio=1.1,
        prepare=many_client_cases,
    ),
    "version": Pair(
        ours="`authprobe --version`",
        reference="`python -c pass`",
        rounds=15,
        limit=0.2,
        prepare=version,
    ),
}
