"""The `claude` command in cases of ours, and called without us.

Both sides use the same kind of emulator, environment and private home; what is measured of a bare
call is the program alone.
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

MANY: Final = 24
JOBS: Final = 2
ARGUMENTS: Final = ("-p", "ping", "--output-format", "json")


def newest_installed() -> Client:
    """The newest version in the cache, so that no registry is asked."""
    folder = cache_folder() / ClientKind.CLAUDE_CODE.value
    versions = [path.name for path in folder.glob("*.*.*") if path.is_dir()]
    if not versions:
        raise SystemExit(f"{folder} has no client yet: authprobe run -k cli-environment-token")
    newest = max(versions, key=lambda name: [int(part) for part in re.findall(r"\d+", name)])
    return Client(kind=ClientKind.CLAUDE_CODE, version=newest)


def client_cases(client: Client, count: int) -> tuple[Case, ...]:
    """So many cases of this client, all alike."""
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
        matrix=Matrix(client=(client,), credential=("token",), backend=names),
        expect=Expectation(outcome=Outcome.ACCEPTED, exit_code=0),
    )
    return expand(scenario)


@contextlib.contextmanager
def open_laboratory(client: Client) -> Iterator[Laboratory]:
    """An emulator with the client at hand."""
    with Network() as network, Children() as children:
        cache = Cache(cache_folder(), children)
        cache.prepare(client, lambda doing: print(f"  {client}: {doing}", file=sys.stderr))
        yield Laboratory(network=network, children=children, cache=cache)


@dataclass(frozen=True, slots=True)
class BareCall:
    """The client, with the environment and folder that a case would give it."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path

    @classmethod
    def of(cls, sandbox: Sandbox) -> "BareCall":
        """The call that a probe of this case would make."""
        program = sandbox.installed_client(sandbox.case.client).program
        environment = sandbox.environment({"node": find_program("node")})
        return cls((str(program), *ARGUMENTS), environment, sandbox.make_work_folder())

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
def one_case() -> Iterator[Calls]:
    """One case more in an open laboratory, and the same call without us."""
    client = newest_installed()
    with open_laboratory(client) as laboratory:
        (case,) = client_cases(client, 1)

        def ours() -> Cost:
            began = time.perf_counter()
            observation = probe.probe_case(laboratory, case)
            cost = Cost(time.perf_counter() - began)
            if observation.outcome is not Outcome.ACCEPTED:
                raise SystemExit(f"the case was not accepted: {observation}")
            return cost

        def reference() -> Cost:
            with laboratory.sandbox(case) as sandbox:
                call = BareCall.of(sandbox)
                cost, printed = timed(call.argv, cwd=call.cwd, env=call.env)
            check_answers(printed, 1)
            return cost

        yield Calls(ours, reference, {client.kind.value: client.version})


@contextlib.contextmanager
def many_cases() -> Iterator[Calls]:
    """All that a run does with its cases except for the reports, and the same calls by xargs."""
    client = newest_installed()
    with open_laboratory(client) as laboratory, temporary() as folder:
        cases = client_cases(client, MANY)
        plan = runner.RunPlan(Settings(jobs=JOBS, out=folder / "out"), cases)

        def ours() -> Cost:
            began = time.perf_counter()
            run = runner.execute_plan(plan, NullReporter())
            cost = Cost(time.perf_counter() - began)
            accepted = [c for c in run.cases if c.observation.outcome is Outcome.ACCEPTED]
            if len(accepted) != MANY:
                raise SystemExit(f"{len(accepted)} of {MANY} cases were accepted")
            return cost

        def reference() -> Cost:
            with contextlib.ExitStack() as stack:
                scripts = []
                for number, case in enumerate(cases):
                    sandbox = stack.enter_context(laboratory.sandbox(case))
                    scripts.append(folder / f"call-{number}.sh")
                    scripts[-1].write_text(BareCall.of(sandbox).script())
                cost, printed = timed(
                    ["xargs", "-P", str(JOBS), "-n", "1", "sh"],
                    cwd=folder,
                    env={"PATH": SYSTEM_PATH},
                    stdin="\n".join(map(str, scripts)),
                )
            check_answers(printed, MANY)
            return cost

        yield Calls(ours, reference, {client.kind.value: client.version})
