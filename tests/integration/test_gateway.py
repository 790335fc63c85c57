"""The gateway of docs/scenarios.md, with Claude Code and with requests of authprobe itself."""

from pathlib import Path

from tests.support.command import run, verdicts
from tests.support.examples import gateway_example


def test_the_gateway_of_the_documentation(tmp_path: Path) -> None:
    ended = run("run", gateway_example(tmp_path), cwd=tmp_path)
    statuses = verdicts(tmp_path / "reports")
    assert len(statuses) == 4
    assert set(statuses.values()) == {"passed"}, ended.out + ended.err
    assert ended.code == 0
