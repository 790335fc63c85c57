from authprobe.observation.model import Outcome
from authprobe.report.markdown.summary import LIMIT_BYTES, escaped, summary_markdown
from authprobe.run.model import CaseRecord, Diagnosis
from authprobe.verdict.model import Mismatch, Status, Verdict
from tests.support.make import make_observation, make_record, make_run

GOLDEN = """\
## ✗ authprobe: Failed

**Failed** · 3 cases: 2 failed (1 regressed), 1 passed

authprobe 0.1.0 · emulator · 2026-11-23 19:10 UTC · 1.0 s · Linux x86\\_64 · Python 3.11.7

### Regressions and changes since the baseline (1 case)

- **regressed**: `b`
  - status: expected 200, saw 401

### What went wrong (2 cases)

- ✗ **failed, regressed**: `b`
  - status: expected 200, saw 401
  - Cause: The token is old. (old)
  - Remedy: Log in.
- ✗ **failed**: `a`
  - outcome: expected accepted, saw rejected

### Auth path by client version

| Auth path | `claude-code@latest`<br>ran 2.1.330 | `raw-http`<br>ran 0.1.0 |
| --- | --- | --- |
| **An example** (`example`) |  |  |
| no credential | ✗ failed, regressed<br>rejected 401 | ✗ failed<br>rejected 401 |
| oauth | · | ✓ passed<br>accepted 200 |
"""


def failed(case_id: str, mismatch: Mismatch, **changes: object) -> CaseRecord:
    """A case that was rejected and should not have been."""
    values: dict[str, object] = {
        "id": case_id,
        "observation": make_observation(outcome=Outcome.REJECTED, status=401),
        "verdict": Verdict(status=Status.FAILED, mismatches=(mismatch,)),
    }
    return make_record(**values | changes)


def test_a_small_run() -> None:
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


def test_what_markdown_would_act_on_is_escaped() -> None:
    assert escaped("a|b `c` *d* [e](f) <g> \\ &") == (
        "a\\|b \\`c\\` \\*d\\* \\[e\\](f) &lt;g&gt; \\\\ &amp;"
    )


def test_hidden_characters_are_made_visible_and_line_ends_go() -> None:
    assert escaped("a\n\n# b\x1b[31m\u202e") == "a \\# b\\\\u001b\\[31m\\\\u202e"


def test_an_attack_stays_in_its_cell() -> None:
    attack = "<script>|`\n| x | ![](https://example.org/x.png)"
    values = dict.fromkeys(("id", "scenario", "title", "client", "credential"), attack)
    run = make_run(
        failed("b", Mismatch(field=attack, expected=attack, actual=attack)),
        make_record(client_version=attack, **values),
    )
    drawn = summary_markdown(run)
    rows = [line for line in drawn.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {3}
    assert "<script" not in drawn
    assert "![" not in drawn


def test_a_run_that_proves_nothing_says_so() -> None:
    assert "> ⚠ **This run proves nothing: it has no cases.**" in summary_markdown(make_run())


def test_an_interrupted_run_says_so() -> None:
    drawn = summary_markdown(make_run(make_record(), interrupted=True))
    assert drawn.startswith("## ! authprobe: Interrupted\n")
    assert "> ⚠ **The run was interrupted: some cases are missing.**" in drawn


def test_the_rest_is_left_out_at_a_line_end() -> None:
    run = make_run(*(make_record(id=str(n), credential=str(n)) for n in range(100)))
    whole = summary_markdown(run)
    for limit_bytes in (600, 601, 640, len(whole.encode()) - 1):
        drawn = summary_markdown(run, limit_bytes=limit_bytes)
        kept = drawn.removesuffix("\n… the rest is in results.json.\n")
        assert len(drawn.encode()) <= limit_bytes
        assert kept != drawn
        assert whole.startswith(kept)
        assert kept.endswith("\n")


def test_a_very_large_run_stays_below_the_limit() -> None:
    record = failed("a", Mismatch(field="message", expected="é" * 5000, actual="é" * 5000))
    assert len(summary_markdown(make_run(*[record] * 2000)).encode()) <= LIMIT_BYTES
