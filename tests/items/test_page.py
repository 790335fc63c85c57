"""The complete example of docs/pytest.md."""

import re
from pathlib import Path
from typing import Final

from tests.support.pytest_session import run_pytest

PAGE: Final = (Path(__file__).parents[2] / "docs" / "pytest.md").read_text()


def test_the_example_of_the_page_shows_what_the_page_says(tmp_path: Path) -> None:
    blocks = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
    texts = {language: text for language, text in blocks if language != "ini"}
    program = tmp_path / "bot.sh"
    program.write_text(texts["sh"])
    program.chmod(0o755)
    (tmp_path / "bot.authprobe.yaml").write_text(texts["yaml"])
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    ended = run_pytest(tmp_path)
    assert ended.code == 1, ended.out
    shown = texts["text"].splitlines()
    assert [line for line in shown[1:] if line not in ended.out.splitlines()] == []
    assert "1 failed, 1 passed" in ended.out


def test_the_page_explains_each_option_that_it_names() -> None:
    help_text = run_pytest(Path(__file__).parent, "--help").out
    for option in re.findall(r"--authprobe-[a-z-]+", PAGE):
        assert option == "--authprobe-" or option in help_text
