"""Benchmarks of the `claude` command: as a case of authprobe, and as a bare call.

Both sides use the same emulator, environment and private home. Of a bare call only the program is
measured.
"""

import contextlib
import json
import re
import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authprobe.clients.base import SYSTEM_PATH, Laboratory, Sandbox, find_program
from authprobe.clients.installation.cache import Cache
from authprobe.clients.process.children import Children
from authprobe.core.client_kinds import ClientKind, Via
from authprobe.core.isolation import Isolation
from authprobe.emulator.config import Backend, TokenKind
from authprobe.emulator.server.network import Network
from authprobe.engine import probe, runner
from authprobe.engine.progress import NullReporter
from authprobe.observation.model import Outcome
from authprobe.plan.case import Case, expand
from authprobe.scenario.clients import Client
from authprobe.scenario.model import Credential, Expectation, Matrix, Scenario
from authprobe.settings import Settings, cache_folder
from bench.measure import Calls, Cost, temporary, timed

CASES: Final = 24
JOBS: Final = 2
ARGUMENTS: Final = ("-p", "ping", "--output-format", "json")


def newest_installed() -> Client:
    """Return the newest `claude` in the cache; the benchmark must not depend on the registry."""
    folder = cache_folder() / ClientKind.CLAUDE_CODE.value
    versions = [path.name for path in folder.glob("*.*.*") if path.is_dir()]
    if not versions:
        raise SystemExit(
            f"{folder}: no client installed; run `authprobe run -k cli-environment-token` first"
        )
    newest = max(versions, key=lambda name: [int(part) for part in re.findall(r"\d+", name)])
    return Client(kind=ClientKind.CLAUDE_CODE, version=newest)


def client_cases(client: Client, count: int) -> tuple[Case, ...]:
    """Return `count` equal cases of this client."""
    names = tuple(f"backend-{n}" for n in range(count))
    scenario = Scenario(
        id="bench",
        title="One request",
        why="To measure the cost of a case.",
        sources=("bench/bench.py",),
        credentials={
            "token": Credential(token=TokenKind.ACCESS_TOKEN, via=Via.OAUTH_TOKEN_VARIABLE)
        },
        backends=dict.fromkeys(names, Backend(counts_as_claude_code=True)),
        matrix=Matrix(client=(client,), credential=("token",), backend=names),
        expect=Expectation(outcome=Outcome.ACCEPTED, exit_code=0),
    )
    return expand(scenario)


@contextlib.contextmanager
def open_laboratories(client: Client) -> Iterator[tuple[Laboratory, Laboratory]]:
    """Open two laboratories with this client: one seals its cases, and one isolates none."""
    with (
        Network() as network,
        Children(isolation=Isolation.SEALED) as sealing,
        Children() as plain,
    ):
        if sealing.isolation is not Isolation.SEALED:
            raise SystemExit(f"this system seals no containers: {sealing.known_refusal}")
        cache = Cache(cache_folder(), sealing)
        cache.prepare(client, lambda step: print(f"  {client}: {step}", file=sys.stderr))
        yield (
            Laboratory(network=network, children=sealing, cache=cache),
            Laboratory(network=network, children=plain, cache=cache),
        )


@dataclass(frozen=True, slots=True)
class BareCall:
    """Command line, environment and folder that a case gives its client."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path

    @classmethod
    def of(cls, sandbox: Sandbox) -> "BareCall":
        """Return the call that a probe of this case makes."""
        program = sandbox.installed_client(sandbox.case.client).program
        environment = sandbox.environment({"node": find_program("node")})
        return cls((str(program), *ARGUMENTS), environment, sandbox.make_work_folder())

    def script(self) -> str:
        """Return the call as a shell script."""
        variables = [f"{name}={value}" for name, value in self.env.items()]
        command = shlex.join(["exec", "env", "-i", *variables, *self.argv])
        return f"cd {shlex.quote(str(self.cwd))} && {command}\n"


def check_answers(output: str, count: int) -> None:
    """Stop the benchmark unless `claude` printed `count` successful answers."""
    answers = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    if [answer["is_error"] for answer in answers] != [False] * count:
        raise SystemExit(f"expected {count} successful answers:\n{output}")


def probe_once(laboratory: Laboratory, case: Case) -> Cost:
    """Return the cost of one case."""
    start = time.perf_counter()
    observation = probe.probe_case(laboratory, case)
    cost = Cost(time.perf_counter() - start)
    if observation.outcome is not Outcome.ACCEPTED:
        raise SystemExit(f"the case was not accepted: {observation}")
    return cost


@contextlib.contextmanager
def isolation() -> Iterator[Calls]:
    """Prepare one case in a sealed container, and the same case without isolation."""
    client = newest_installed()
    with open_laboratories(client) as (sealing, plain):
        (case,) = client_cases(client, 1)
        yield Calls(
            lambda: probe_once(sealing, case),
            lambda: probe_once(plain, case),
            {client.kind: client.version},
        )


@contextlib.contextmanager
def one_case() -> Iterator[Calls]:
    """Prepare one case in an open laboratory, and the same call without authprobe."""
    client = newest_installed()
    with open_laboratories(client) as (sealing, laboratory):
        (case,) = client_cases(client, 1)

        def ours() -> Cost:
            return probe_once(sealing, case)

        def reference() -> Cost:
            with laboratory.sandbox(case) as sandbox:
                call = BareCall.of(sandbox)
                cost, output = timed(call.argv, cwd=call.cwd, env=call.env)
            check_answers(output, 1)
            return cost

        yield Calls(ours, reference, {client.kind: client.version})


@contextlib.contextmanager
def many_cases() -> Iterator[Calls]:
    """Prepare a run of many cases without its reports, and the same calls by xargs."""
    client = newest_installed()
    with open_laboratories(client) as (_, laboratory), temporary() as folder:
        cases = client_cases(client, CASES)
        plan = runner.RunPlan(Settings(jobs=JOBS, out=folder / "out"), cases)

        def ours() -> Cost:
            start = time.perf_counter()
            run = runner.execute_plan(plan, NullReporter())
            cost = Cost(time.perf_counter() - start)
            accepted = [c for c in run.cases if c.observation.outcome is Outcome.ACCEPTED]
            if len(accepted) != CASES:
                raise SystemExit(f"{len(accepted)} of {CASES} cases were accepted")
            return cost

        def reference() -> Cost:
            with contextlib.ExitStack() as stack:
                scripts = []
                for number, case in enumerate(cases):
                    sandbox = stack.enter_context(laboratory.sandbox(case))
                    scripts.append(folder / f"call-{number}.sh")
                    scripts[-1].write_text(BareCall.of(sandbox).script())
                cost, output = timed(
                    ["xargs", "-P", str(JOBS), "-n", "1", "sh"],
                    cwd=folder,
                    env={"PATH": SYSTEM_PATH},
                    stdin="\n".join(map(str, scripts)),
                )
            check_answers(output, CASES)
            return cost

        yield Calls(ours, reference, {client.kind: client.version})
