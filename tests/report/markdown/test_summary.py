import pytest

from authprobe.observation.model import Outcome
from authprobe.report.markdown.summary import (
    MAX_SIZE_BYTES,
    escaped,
    summary_markdown,
    with_commands,
)
from authprobe.run.model import CaseRecord, Diagnosis
from authprobe.verdict.model import Mismatch, Status, Verdict
from tests.support.make import make_observation, make_record, make_run

GOLDEN = """\
## ✗ authprobe: Failed

**Failed** · 3 cases: 2 failed (1 regressed), 1 passed

authprobe 0.1.0 · emulator · 2026-11-23 19:10 UTC · 1.0 s · Linux x86\\_64 · Python 3.11.7

exit code 1: 2 cases failed (--fail-on failed)

### What went wrong (2 cases)

- ✗ **failed, regressed**: `b`
  - status: expected 200, saw 401
  - Cause: The token is old. (old)
  - Remedy: Log in.
  - Run it again: `authprobe run --case b`
- ✗ **failed**: `a`
  - outcome: expected accepted, saw rejected
  - Run it again: `authprobe run --case a`

<details>
<summary>Outcomes of 3 cases by client</summary>

| Auth path | `raw-http`<br>ran 0.1.0 |
| --- | --- |
| **An example** (`example`) |  |
| no credential | ✗ rejected 401<br>failed |
| oauth | ✓ accepted 200 |

| Auth path | `claude-code@latest`<br>ran 2.1.330 |
| --- | --- |
| **An example** (`example`) |  |
| no credential | ✗ rejected 401<br>failed, regressed |

</details>
"""


def failed(case_id: str, mismatch: Mismatch, **changes: object) -> CaseRecord:
    """Return a case that was rejected against its expectation."""
    values: dict[str, object] = {
        "id": case_id,
        "observation": make_observation(outcome=Outcome.REJECTED, status=401),
        "verdict": Verdict(status=Status.FAILED, mismatches=(mismatch,)),
    }
    return make_record(**values | changes)


def test_the_summary_of_a_small_run_is_as_recorded() -> None:
    status = Mismatch(field="status", expected="200", actual="401")
    outcome = Mismatch(field="outcome", expected="accepted", actual="rejected")
    run = make_run(
        failed("a", outcome),
        failed(
            "b",
            status,
            client="claude-code@latest",
            client_version="2.1.330",
            verdict=Verdict(status=Status.FAILED, regressed=True, mismatches=(status,)),
            diagnosis=Diagnosis(id="old", summary="The token is old.", remedy="Log in."),
        ),
        make_record(id="c", credential="oauth"),
    )
    assert summary_markdown(run) == GOLDEN


def test_markdown_syntax_is_escaped() -> None:
    assert escaped("a|b `c` *d* [e](f) <g> \\ &") == (
        "a\\|b \\`c\\` \\*d\\* \\[e\\](f) &lt;g&gt; \\\\ &amp;"
    )


@pytest.mark.parametrize("address", ["a@b.example", "a@b_c.example", "a@b-c_d.example"])
def test_an_address_of_mail_is_no_link(address: str) -> None:
    """GitHub reads an address after it has removed the backslashes."""
    assert "@<!-- -->b" in escaped(address)


def test_hidden_characters_are_escaped_and_lines_joined() -> None:
    assert escaped("a\n\n# b\x1b[31m\u202e") == "a \\# b\\\\u001b\\[31m\\\\u202e"


def test_hostile_text_stays_in_its_cell() -> None:
    attack = "<script>|`\n| x | ![](https://example.org/x.png)"
    values = dict.fromkeys(("id", "scenario", "title", "client", "credential"), attack)
    run = make_run(
        failed("b", Mismatch(field=attack, expected=attack, actual=attack)),
        make_record(client_version=attack, **values),
    )
    summary = summary_markdown(run)
    rows = [line for line in summary.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {3}
    assert "<script" not in summary
    assert "![" not in summary


def test_an_inconclusive_run_has_a_warning() -> None:
    assert "> ⚠ **Inconclusive: this run has no cases.**" in summary_markdown(make_run())


def test_an_interrupted_run_has_a_warning() -> None:
    summary = summary_markdown(make_run(make_record(), interrupted=True))
    assert summary.startswith("## ! authprobe: Interrupted\n")
    assert "> ⚠ **The run was interrupted: some cases are missing.**" in summary


def test_a_long_summary_is_truncated_at_a_line_end() -> None:
    run = make_run(*(make_record(id=str(n), credential=str(n)) for n in range(100)))
    whole = summary_markdown(run)
    for limit_bytes in (600, 601, 640, len(whole.encode()) - 1):
        summary = summary_markdown(run, limit_bytes=limit_bytes)
        text = summary.removesuffix("\n… truncated; everything is in results.json.\n")
        text = text.removesuffix("\n</details>\n")
        assert summary.count("<details>") == summary.count("</details>")
        assert len(summary.encode()) <= limit_bytes
        assert text != summary
        assert whole.startswith(text)
        assert text.endswith("\n")


def test_a_very_large_run_stays_below_the_limit() -> None:
    record = failed("a", Mismatch(field="message", expected="é" * 5000, actual="é" * 5000))
    assert len(summary_markdown(make_run(*[record] * 2000)).encode()) <= MAX_SIZE_BYTES


def test_columns_are_those_that_were_asked_the_newest_version_first() -> None:
    def case(scenario: str, version: str) -> CaseRecord:
        client = f"claude-code@{version}"
        values = {"client": client, "client_version": version, "scenario": scenario}
        return make_record(id=f"{scenario}/{client}/default/none", **values)

    asked = (("one", "2.1.9"), ("one", "2.1.31"), ("other", "2.1.31"), ("other", "1.0.30"))
    summary = summary_markdown(make_run(*(case(*each) for each in asked)))
    heads = [line for line in summary.splitlines() if line.startswith("| Auth path")]
    columns = [[word.split("`")[1] for word in line.split("|")[2:-1]] for line in heads]
    assert columns == [
        ["claude-code@2.1.31", "claude-code@2.1.9"],
        ["claude-code@2.1.31", "claude-code@1.0.30"],
    ]


def test_equal_problems_are_told_once_with_some_of_their_cases() -> None:
    mismatch = Mismatch(field="status", expected="200", actual="401")
    summary = summary_markdown(make_run(*(failed(f"c{n:02}", mismatch) for n in range(12))))
    assert "- ✗ **failed**: 12 cases, all in the same way\n" in summary
    assert summary.count("status: expected 200, saw 401") == 1
    assert "`c09`, … and 2 more\n" in summary


def test_only_plain_words_between_backticks_stay_code() -> None:
    assert with_commands("`authprobe bisect` finds it") == "`authprobe bisect` finds it"
    assert with_commands("`a*b` [x](y) `") == r"\`a\*b\` \[x\](y) \`"
