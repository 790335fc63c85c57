"""The gateways of docs/scenarios.md, with Claude Code and with requests of authprobe itself."""

from pathlib import Path

import pytest

from tests.support.command import run, verdicts
from tests.support.examples import gateway_example


@pytest.mark.parametrize(("name", "count"), [("gateway.yaml", 4), ("header-gateway.yaml", 6)])
def test_a_gateway_of_the_documentation(tmp_path: Path, name: str, count: int) -> None:
    ended = run("run", gateway_example(tmp_path, name), cwd=tmp_path)
    statuses = verdicts(tmp_path / "reports")
    assert len(statuses) == count
    assert set(statuses.values()) == {"passed"}, ended.out + ended.err
    assert ended.code == 0
