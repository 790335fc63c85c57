"""The examples of docs/scenarios.md that are a part of a scenario."""

import re
from pathlib import Path

import pytest
import yaml

from tests.support.command import PROJECT
from tests.support.scenario_files import error_messages

BLOCKS = re.findall(
    r"```yaml\n((credential|backend|environment)s:\n.*?)```",
    (PROJECT / "docs" / "scenarios.md").read_text(),
    re.DOTALL,
)


@pytest.mark.parametrize(("text", "axis"), BLOCKS, ids=[axis for _, axis in BLOCKS])
def test_each_value_of_an_axis_can_be_used(tmp_path: Path, text: str, axis: str) -> None:
    names = list(yaml.safe_load(text)[f"{axis}s"])
    scenario = (
        "id: example\ntitle: Example\nwhy: To see it.\nsources: [https://example.org]\n"
        f"{text}matrix: {{client: [claude-code], {axis}: {names}}}\nexpect: {{outcome: accepted}}\n"
    )
    assert error_messages(tmp_path, scenario) == []


def test_all_three_axes_have_examples() -> None:
    assert {axis for _, axis in BLOCKS} == {"credential", "backend", "environment"}
