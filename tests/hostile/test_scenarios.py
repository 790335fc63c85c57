"""Hostile scenario files: each ends as it says, alone and all together in one command.

A file in `scenarios/` begins with a line `# ends: LINE:COLUMN: MESSAGE` for each message. What
cannot be kept as text is in `generated_scenarios.py`.
"""

import shutil
from pathlib import Path

import pytest

from authprobe.documents.document import MAX_PROBLEMS
from authprobe.errors import ScenarioError
from authprobe.scenario.load import load_file
from tests.hostile.generated_scenarios import GENERATED, SECRET, Generated
from tests.support.command import PROJECT, run
from tests.support.speed import processor_time_below

FOLDER = PROJECT / "tests" / "hostile" / "scenarios"
FILES = sorted(FOLDER.glob("*.yaml"))
MARK = "# ends: "
MAX_MESSAGE_LENGTH = 700
MAX_SECONDS = 5.0
"""Of the processor, for one file."""
ENVIRONMENT_CANARY = "canary-in-a-variable"


def messages_of(path: Path) -> list[str]:
    """Return the messages about a file, without its path."""
    with processor_time_below(MAX_SECONDS), pytest.raises(ScenarioError) as caught:
        load_file(path)
    return [message.removeprefix(f"{path}:") for message in caught.value.messages]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_hostile_file_ends_as_it_says(path: Path) -> None:
    lines = path.read_text().splitlines()
    ends = [line.removeprefix(MARK) for line in lines if line.startswith(MARK)]
    assert ends
    assert messages_of(path) == ends
    assert all(end.isprintable() and len(end) < MAX_MESSAGE_LENGTH for end in ends)


@pytest.mark.parametrize("generated", GENERATED, ids=lambda generated: generated.name)
def test_a_generated_file_ends_as_it_says(tmp_path: Path, generated: Generated) -> None:
    folder = tmp_path / "scenarios"
    folder.mkdir()
    path = folder / f"{generated.name}.yaml"
    generated.make(path)
    messages = messages_of(path)
    assert messages[0].startswith(generated.ends)
    assert len(messages) <= MAX_PROBLEMS + 1
    for message in messages:
        assert message.isprintable()
        assert len(message) < MAX_MESSAGE_LENGTH
        assert SECRET not in message


def test_there_are_many_hostile_files() -> None:
    assert len(FILES) + len(GENERATED) >= 150
    assert len({generated.name for generated in GENERATED}) == len(GENERATED)


def test_the_command_reports_all_of_them_in_plain_text(tmp_path: Path) -> None:
    folder = tmp_path / "scenarios"
    shutil.copytree(FOLDER, folder)
    for generated in GENERATED:
        generated.make(folder / f"generated-{generated.name}.yaml")
    (folder / "odd\x1b[2J\u202ename\n.yaml").write_text("id: x")
    before = sorted(tmp_path.rglob("*"))
    ended = run("run", "--list", folder, cwd=tmp_path, CANARY=ENVIRONMENT_CANARY)
    printed = ended.out + ended.err
    assert ended.code == 4
    assert "Traceback" not in printed
    assert "INTERNALERROR" not in printed
    assert all(line.isprintable() for line in printed.splitlines())
    assert SECRET not in printed
    assert ENVIRONMENT_CANARY not in printed
    for path in (*FILES, *(Path(f"generated-{generated.name}.yaml") for generated in GENERATED)):
        if path.name != "generated-link-to-a-folder.yaml":  # a folder is searched, not read
            assert f"{path.name}:" in printed
    assert set(tmp_path.rglob("*")) - set(before) == {tmp_path / "home"}
