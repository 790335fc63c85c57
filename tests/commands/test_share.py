"""`share`, as a user comes by it."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.commands.test_run import BAD, GOOD, SCENARIO
from tests.support.command import Ended, run, write_scenario

TOKEN = "sk-ant-oat01-" + "made-up-value-" * 3
EXPECTED = "- then: {outcome: rejected, status: 401}"
FAILING = SCENARIO.replace(EXPECTED, "- then: {outcome: accepted}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which one of two cases failed, and passed the run before."""
    folder = tmp_path_factory.mktemp("share")
    first = run("run", write_scenario(folder, SCENARIO), cwd=folder)
    assert (first.code, "history" in first.err) == (0, False), first.err
    assert run("run", write_scenario(folder, FAILING), cwd=folder).code == 1
    return folder


def share(folder: Path, *arguments: str, **env: str) -> Ended:
    """The command in this folder."""
    return run("share", *arguments, cwd=folder, argv=None, **env)


def with_results(folder: Path, tmp_path: Path, old: str, new: str) -> Path:
    """A copy of the results in which a text is another one."""
    path = tmp_path / "results.json"
    text = (folder / "reports" / "results.json").read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def test_what_failed_is_shared_with_its_control(folder: Path) -> None:
    ended = share(folder)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("# raw-http ")
    assert f"## ✗ `{BAD}`" in ended.out
    assert GOOD not in ended.out
    assert "| Provided and sent | api-key (unknown) via x-api-key |" in ended.out
    assert (
        "| credential | `good` | api-key in x-api-key | accepted 200 | **differs** |" in ended.out
    )
    assert re.search(r"\| Last as expected \| 20\d\d-.* UTC, [0-9.]+, authprobe", ended.out)
    assert f"/example.yaml --case {BAD}\n```" in ended.out


def test_a_case_can_be_named(folder: Path) -> None:
    assert f"## ✓ `{GOOD}`" in share(folder, GOOD).out
    both = share(folder, "example/*", GOOD).out
    assert both.count("\n## ") == 2
    ended = share(folder, BAD[:-1])
    assert (ended.code, ended.out) == (4, "")
    assert f"no such case in the results; did you mean '{BAD}'?" in ended.err


def test_it_is_written_to_a_file(folder: Path) -> None:
    ended = share(folder, "--out", "issue.md")
    assert (ended.code, ended.out) == (0, "")
    assert (folder / "issue.md").read_text() == share(folder).out
    ended = share(folder, "--out", "nowhere/issue.md")
    assert (ended.code, "nowhere/issue.md: cannot be written: No such" in ended.err) == (4, True)


def test_without_a_failure_a_case_has_to_be_named(folder: Path, tmp_path: Path) -> None:
    results = with_results(folder, tmp_path, '"status": "failed"', '"status": "passed"')
    ended = share(folder, "--results", str(results))
    assert ended.code == 4
    assert "every case is as expected; name a case to share it" in ended.err
    assert share(folder, "--results", str(results), BAD).code == 0


def test_of_many_failures_the_first_are_shared(folder: Path, tmp_path: Path) -> None:
    found = json.loads((folder / "reports" / "results.json").read_text())
    failed = next(case for case in found["cases"] if case["id"] == BAD)
    found["cases"] = [{**failed, "id": f"example/{number:02}"} for number in range(12)]
    results = tmp_path / "results.json"
    results.write_text(json.dumps(found))
    ended = share(folder, "--results", str(results))
    assert ended.out.count("\n## ") == 10
    assert ended.err == "2 more cases not as expected; name a case to share it\n"


@pytest.mark.parametrize("content", [None, "nonsense", "{}"])
def test_bad_results_are_told(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    if content is not None:
        path.write_text(content)
    ended = share(tmp_path, "--results", str(path), "--out", "issue.md")
    assert (ended.code, ended.out) == (4, "")
    assert str(path) in ended.err
    assert not (tmp_path / "issue.md").exists()


@pytest.mark.parametrize("spelled", [TOKEN, TOKEN.encode().hex()])
def test_a_text_with_a_token_is_neither_printed_nor_written(
    spelled: str, folder: Path, tmp_path: Path
) -> None:
    results = with_results(folder, tmp_path, '"Two kinds of key"', f'"{spelled}"')
    for arguments in ((), ("--out", "leak.md")):
        ended = share(folder, "--results", str(results), *arguments)
        assert (ended.code, ended.out) == (10, "")
        assert "was not written: it contains" in ended.err
        assert spelled not in ended.err
    assert not (folder / "leak.md").exists()


def test_the_user_and_the_machine_are_not_named(folder: Path, tmp_path: Path) -> None:
    told = "no key for maria in /home/somebody/x, says somebody"
    results = with_results(folder, tmp_path, '"invalid x-api-key"', f'"{told}"')
    ended = share(folder, "--results", str(results), USER="maria")
    assert "no key for <user-1> in /home/<user-2>/x, says <user-2>" in ended.out
    assert "maria" not in ended.out


def test_a_damaged_history_is_told_and_not_needed(folder: Path, tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    shutil.copy(folder / "reports" / "results.json", results)
    (tmp_path / "history.db").write_bytes(b"nonsense" * 500)
    ended = share(folder, "--results", str(results))
    assert ended.code == 0
    assert ended.err.startswith("the text does not say when the cases last worked: history ")
    assert "Last as expected" not in ended.out
