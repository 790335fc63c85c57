"""Run the tests of other projects against the emulator, and print their results per resource.

    python bench/third_party.py SUITE CHECKOUT [--python PYTHON] [ARGUMENT]...

SUITE is api-sdk: the tests of the API's resources in anthropics/anthropic-sdk-python, of those
resources that the emulator has; or agent-sdk: the end-to-end tests of
anthropics/claude-agent-sdk-python, with the package claude-agent-sdk and the `claude` in it.
CHECKOUT is a working copy of the project, and PYTHON the interpreter of an environment in which it
is installed with what its tests need. Each ARGUMENT goes to pytest. The exit code is 1 if a test
fails.

The tests reach the emulator only: their environment has no other variables, and their proxy refuses
every host that is not emulated.
"""

import argparse
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for a start as a file

from authprobe import Backend, Emulator, emulate
from bench.measure import temporary

PLUGINS: Final = Path(__file__).resolve().parent / "plugins"
Counts = Mapping[str, Counter[str]]
"""Number of tests by result, by resource."""
RESULTS: Final = ("passed", "failed", "error", "skipped")
RESOURCES: Final = (
    "test_completions.py",
    "test_messages.py",
    "test_models.py",
    "messages",
    "beta/test_files.py",
    "beta/test_messages.py",
    "beta/test_models.py",
    "beta/messages",
)
"""Tests of anthropic-sdk-python below `tests/api_resources`."""
API_SDK_KEY: Final = "my-anthropic-api-key"
"""The key that `tests/conftest.py` of anthropic-sdk-python contains."""


@dataclass(frozen=True, kw_only=True)
class Suite:
    """The tests of another project, and what the emulator needs for them."""

    tests: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    setup: Backend = field(default_factory=Backend)
    prepare: Callable[[Emulator], Mapping[str, str]]
    """Prepares the emulator and returns variables for the tests."""
    resource: Callable[[str], str] = field(default=lambda name: name)
    """Returns the name under which a test is counted, from the name of its class."""


def _api_sdk(emulator: Emulator) -> Mapping[str, str]:
    emulator.issue("api-key", value=API_SDK_KEY)
    return {"TEST_API_BASE_URL": emulator.base_url}


def _agent_sdk(emulator: Emulator) -> Mapping[str, str]:
    key = emulator.issue("api-key").value
    return {
        "ANTHROPIC_BASE_URL": emulator.base_url,
        "ANTHROPIC_API_KEY": key,
        "ENABLE_TOOL_SEARCH": "false",  # otherwise `claude` does not offer the tools of MCP servers
    }


SUITES: Final = {
    "agent-sdk": Suite(
        tests=("e2e-tests",),
        arguments=("-o", "pythonpath="),  # the installed package has `claude` in it
        setup=Backend(follows_prompts=True),
        prepare=_agent_sdk,
        resource=lambda name: name.removeprefix("e2e-tests."),
    ),
    "api-sdk": Suite(
        tests=tuple(f"tests/api_resources/{name}" for name in RESOURCES),
        arguments=("-p", "resources_plugin", "-n0"),
        prepare=_api_sdk,
        resource=lambda name: name.removeprefix("tests.api_resources.").rpartition(".")[0],
    ),
}


def run(suite: Suite, checkout: Path, python: Path, arguments: list[str]) -> Counts:
    """Run the tests and return how many had which result, by resource."""
    with temporary() as folder, emulate(suite.setup, control_port=0) as emulator:
        report = folder / "junit.xml"
        environment = {
            "PATH": os.defpath,
            "HOME": str(folder),
            "PYTHONPATH": str(PLUGINS),
            "AUTHPROBE_CONTROL_URL": emulator.control_url or "",
            "AUTHPROBE_CONTROL_TOKEN": emulator.control_token,
            **emulator.proxy_environment,
            **suite.prepare(emulator),
        }
        subprocess.run(
            [
                *(str(python), "-m", "pytest", "-q", f"--junitxml={report}"),
                *suite.arguments,
                *(arguments or suite.tests),
            ],
            cwd=checkout,
            env=environment,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        return _counts(suite, report)


def _counts(suite: Suite, report: Path) -> Counts:
    counts: dict[str, Counter[str]] = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - written by our own pytest
        elements = {"failure": "failed", "error": "error", "skipped": "skipped"}
        result = next((elements[item.tag] for item in case if item.tag in elements), "passed")
        name = suite.resource(case.get("classname", ""))
        counts.setdefault(name, Counter[str]())[result] += 1
    return counts


def print_table(counts: Counts) -> None:
    """Print the results by resource, as a Markdown table."""
    print(f"| resource | {' | '.join(RESULTS)} |")
    print(f"| --- |{' ---: |' * len(RESULTS)}")
    total = sum(counts.values(), Counter[str]())
    for name, count in (*sorted(counts.items()), ("all", total)):
        print(f"| {name} | {' | '.join(str(count[result]) for result in RESULTS)} |")


def main() -> None:
    """Run a suite and print its results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("suite", choices=SUITES)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--python", type=Path, default=Path(sys.executable))
    options, arguments = parser.parse_known_args()
    counts = run(SUITES[options.suite], options.checkout, options.python.absolute(), arguments)
    print_table(counts)
    sys.exit(any(count["failed"] or count["error"] for count in counts.values()))


if __name__ == "__main__":
    main()
