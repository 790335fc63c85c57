"""The complete example of docs/clients.md does what the page says."""

import re
import sys
from pathlib import Path

from tests.support.command import run

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"
BLOCK = re.compile(r"```(?:python|yaml)\n(.*?)```", re.DOTALL)
NAME = re.compile(r"^# (\S+\.(?:py|yaml))$", re.MULTILINE)


def write_examples(folder: Path) -> None:
    """Write the examples of the page to the files that they name."""
    for block in BLOCK.findall(PAGE.read_text()):
        if name := NAME.search(block):
            (folder / name[1]).write_text(block)


def test_the_gateway_and_the_bot_of_the_page_are_judged_right(tmp_path: Path) -> None:
    write_examples(tmp_path)
    argv = [sys.executable, "-m", "authprobe", "run", "our-gateway.yaml"]
    ended = run(cwd=tmp_path, argv=argv)
    assert (ended.code, "5 cases: 5 passed" in ended.out) == (0, True), ended.out + ended.err
