"""`authprobe share` as a user runs it."""

import json
import platform
import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.commands.test_run import BAD, GOOD, SCENARIO
from tests.support.command import Ended, run, write_scenario

TOKEN = "sk-ant-oat01-" + "made-up-value-" * 3
EXPECTED = "- then: {outcome: rejected, status: 401}"
FAILING = SCENARIO.replace(EXPECTED, "- then: {outcome: accepted}")
READ_IT = "your own scenario is in the text: read it before you publish it\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which one of two cases failed, after it had passed."""
    folder = tmp_path_factory.mktemp("share")
    first = run("run", write_scenario(folder, SCENARIO), cwd=folder, AUTHPROBE_HISTORY="")
    assert (first.code, "history" in first.err) == (0, False), first.err
    failed = run("run", write_scenario(folder, FAILING), cwd=folder, AUTHPROBE_HISTORY="")
    assert failed.code == 1
    return folder


def share(folder: Path, *arguments: str, **env: str) -> Ended:
    """Run the command in this folder."""
    return run("share", *arguments, cwd=folder, argv=None, **env)


def with_results(folder: Path, tmp_path: Path, old: str, new: str) -> Path:
    """Return a copy of the results with a text replaced."""
    path = tmp_path / "results.json"
    text = (folder / "reports" / "results.json").read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def test_a_failed_case_is_shared_with_its_control(folder: Path) -> None:
    ended = share(folder, AUTHPROBE_HISTORY="")
    assert (ended.code, ended.err) == (0, READ_IT)
    assert ended.out.startswith("# raw-http ")
    assert f"## ✗ `{BAD}`" in ended.out
    assert GOOD not in ended.out
    assert "| Provided and sent | api-key (unknown) via x-api-key |" in ended.out
    assert (
        "| credential | `good` | api-key in x-api-key | accepted 200 | **differs** |" in ended.out
    )
    assert re.search(r"\| Last as expected \| 20\d\d-.* UTC, [0-9.]+, authprobe", ended.out)
    assert f"authprobe run example.yaml --case {BAD}\n```" in ended.out


def test_the_own_scenario_is_shared_and_runs_with_the_same_verdict(
    folder: Path, tmp_path: Path
) -> None:
    """A maintainer who has the issue alone saves the scenario, and runs the command."""
    (folder / "example.yaml").rename(folder / "moved.yaml")  # the text is that of the run
    try:
        text = share(folder).out
    finally:
        (folder / "moved.yaml").rename(folder / "example.yaml")
    (scenario,) = re.findall(
        r"<summary>The scenario, example.yaml</summary>\n\n```yaml\n(.*?)\n```\n\n</details>",
        text,
        re.DOTALL,
    )
    assert scenario.strip() == FAILING.strip()
    (tmp_path / "example.yaml").write_text(scenario)
    (command,) = re.findall(r"saved as `example.yaml`:\n\n```text\n(.*)\n```", text)
    ended = run(*shlex.split(command)[1:], cwd=tmp_path, argv=None)
    assert ended.code == 1
    records = json.loads((tmp_path / "reports" / "results.json").read_text())["cases"]
    assert [(record["id"], record["verdict"]["status"]) for record in records] == [(BAD, "failed")]
    before = json.loads((folder / "reports" / "results.json").read_text())["cases"]
    (old,) = [record["verdict"]["mismatches"] for record in before if record["id"] == BAD]
    assert records[0]["verdict"]["mismatches"] == old


def test_personal_data_in_the_scenario_is_replaced(folder: Path, tmp_path: Path) -> None:
    results = with_results(folder, tmp_path, "Two kinds of key", "Ask maria@example.com, `x`")
    text = share(folder, "--results", str(results), BAD).out
    assert "Names and addresses in it are replaced.\n" in text
    assert "title: Ask <email-1>, `x`" in text
    assert "maria" not in text


def test_a_scenario_is_shared_once(folder: Path) -> None:
    assert share(folder, GOOD, BAD).out.count("<details>") == 1


def test_an_older_run_has_no_scenario_to_share(folder: Path, tmp_path: Path) -> None:
    document = json.loads((folder / "reports" / "results.json").read_text())
    del document["own_scenarios"]
    results = tmp_path / "results.json"
    results.write_text(json.dumps(document))
    ended = share(folder, "--results", str(results))
    text = ended.out
    assert ("<details>" in text, ended.err) == (False, "")
    assert "\nTo reproduce:\n\n```text\nauthprobe run" in text


def test_a_named_case_is_shared(folder: Path) -> None:
    assert f"## ✓ `{GOOD}`" in share(folder, GOOD).out
    both = share(folder, "example/*", GOOD).out
    assert both.count("\n## ") == 2
    ended = share(folder, BAD[:-1])
    assert (ended.code, ended.out) == (4, "")
    assert f"no such case in the results; did you mean '{BAD}'?" in ended.err


def test_the_text_is_written_to_a_file(folder: Path) -> None:
    ended = share(folder, "--out", "issue.md")
    assert (ended.code, ended.out) == (0, "")
    assert (folder / "issue.md").read_text() == share(folder).out
    ended = share(folder, "--out", "nowhere/issue.md")
    assert (ended.code, "nowhere/issue.md: cannot be written: No such" in ended.err) == (4, True)


def test_a_run_without_failures_needs_a_named_case(folder: Path, tmp_path: Path) -> None:
    results = with_results(folder, tmp_path, '"status": "failed"', '"status": "passed"')
    ended = share(folder, "--results", str(results))
    assert ended.code == 4
    assert "every case is as expected; name a case to share it" in ended.err
    assert share(folder, "--results", str(results), BAD).code == 0


def test_only_the_most_severe_of_many_failures_are_shared(folder: Path, tmp_path: Path) -> None:
    document = json.loads((folder / "reports" / "results.json").read_text())
    failed = next(case for case in document["cases"] if case["id"] == BAD)
    document["cases"] = [{**failed, "id": f"example/{number:02}"} for number in range(12)]
    results = tmp_path / "results.json"
    results.write_text(json.dumps(document))
    ended = share(folder, "--results", str(results))
    assert ended.out.count("\n## ") == 10
    assert ended.err == f"2 more cases not as expected; name a case to share it\n{READ_IT}"


@pytest.mark.parametrize("content", [None, "nonsense", "{}"])
def test_invalid_results_are_reported(content: str | None, tmp_path: Path) -> None:
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


@pytest.mark.parametrize(
    "sentence",
    [
        "Cookie: sessionKey=abc-{}; lastActiveOrg=b",
        "Set-Cookie: cf_clearance={}; Path=/; HttpOnly",
        "curl -b sid={} https://gateway.corp.example",
        "mysql --password={} failed",
        "GET /callback?code={}&state=a",
    ],
)
@pytest.mark.parametrize(
    "old",
    ['"invalid x-api-key"', '"Two kinds of key"', "Two kinds of key", f'"{platform.system()}"'],
)
def test_values_that_are_secret_by_their_names_are_redacted(
    sentence: str, old: str, folder: Path, tmp_path: Path
) -> None:
    """Also in the text of the scenario, and in what the run says of its machine."""
    value = "m4de-Up0value9"
    new = sentence.format(value)
    results = with_results(folder, tmp_path, old, f'"{new}"' if old[0] == '"' else new)
    ended = share(folder, "--results", str(results))
    assert (ended.code, value in ended.out) == (0, False), ended.err
    assert "redacted:value" in ended.out


def test_names_of_the_user_and_the_machine_are_replaced(folder: Path, tmp_path: Path) -> None:
    sentence = "no key for maria in /home/somebody/x, says somebody"
    results = with_results(folder, tmp_path, '"invalid x-api-key"', f'"{sentence}"')
    ended = share(folder, "--results", str(results), USER="maria")
    assert "no key for <user-1> in /home/<user-2>/x, says <user-2>" in ended.out
    assert "maria" not in ended.out


def test_a_damaged_history_is_reported_and_not_needed(folder: Path, tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    shutil.copy(folder / "reports" / "results.json", results)
    (tmp_path / "history.db").write_bytes(b"nonsense" * 500)
    ended = share(folder, "--results", str(results), AUTHPROBE_HISTORY="")
    assert ended.code == 0
    assert ended.err.startswith("the text does not say when the cases last worked: history ")
    assert "Last as expected" not in ended.out
