import datetime
from pathlib import Path

import pytest

from authprobe.errors import ProbesError
from authprobe.observation.model import Outcome
from authprobe.run.known_failure_entries import entry_text, extended_text, make_entry
from authprobe.run.known_failures import load_known_failures
from authprobe.verdict.known_failure import KnownFailure
from tests.support.judged import OBSERVATION
from tests.support.make import make_observation, make_record

TODAY = datetime.date(2026, 11, 24)
UNTIL = datetime.date(2027, 3, 1)
ISSUE = "https://example.org/issue/7"


def entry(case: str = "s/raw-http/m/new", **changes: object) -> KnownFailure:
    """Return the entry for a failure of this case, with these changes of the observation."""
    values: dict[str, object] = {"outcome": Outcome.REJECTED, "status": 401, "message": None}
    record = make_record(id=case, observation=make_observation(**values | changes))
    return make_entry(record, note="it's: known", until=UNTIL, issue=ISSUE)


def extended(path: Path, *entries: KnownFailure) -> list[KnownFailure]:
    """Write the file with these entries added, and return all of its entries."""
    path.write_bytes(extended_text(path, entries, TODAY).encode())
    return [each for _, each in load_known_failures(path, TODAY).entries]


@pytest.mark.parametrize(
    ("message", "part"),
    [
        ("OAuth token has expired. Log in again.", "OAuth token has expired. Log in again."),
        ("refused (req_2c11e4dc30c44f789d541e32), please log in again", "), please log in again"),
        ("first line\nthe longest line of all", "the longest line of all"),
        ("no", None),
        (None, None),
        ("x" * 500, "x" * 200),
    ],
)
def test_a_signature_has_what_is_the_same_in_every_run(
    message: str | None, part: str | None
) -> None:
    signature = entry(message=message).signature
    rule = signature.message
    assert (rule.contains if rule and not isinstance(rule, str) else None) == part
    assert signature.matches(
        make_observation(outcome=Outcome.REJECTED, status=401, message=message)
    )
    assert not signature.matches(
        make_observation(outcome=Outcome.REJECTED, status=403, message=message)
    )


def test_an_entry_matches_the_failure_it_was_made_from(tmp_path: Path) -> None:
    made = make_entry(make_record(observation=OBSERVATION), note="n", until=UNTIL, issue=None)
    assert extended(tmp_path / "new.yaml", made) == [made]
    assert made.signature.matches(OBSERVATION)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment",
        "---\n",
        "# head\n---\n",
        "%YAML 1.2\n---\n",
        "&a\n",
        "known_failures: []\n",
        "known_failures: [] # none yet\n",
        "# head\nknown_failures:\n- case: s/old  # why\n"
        "  signature: {outcome: crashed}\n  expires: 2027-01-01\n  note: old\n# end\n",
        "known_failures:\r\n    - case:   's/old'\r\n"
        "      signature: {outcome: crashed}\r\n      expires: 2027-01-01\r\n      note: old",
    ],
)
def test_the_rest_of_a_file_stays_as_it_is(text: str, tmp_path: Path) -> None:
    path = tmp_path / "known.yaml"
    path.write_bytes(text.encode())
    added = [entry(), entry("s/raw-http/m/other", message="a “message” of: two\nlines, the second")]
    assert extended(path, *added)[-2:] == added
    new = path.read_bytes().decode()
    assert new.startswith(text.replace(" []", "").rstrip())
    assert ("\r\n" in text) == ("\r\n" in new)
    assert "\n" not in new.replace("\r\n", "") or "\r\n" not in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "known_failures: [{case: s/a, signature: {outcome: crashed}, expires: 2027-01-01, "
            "note: n}]\n",
            "its list cannot be extended; add this to it yourself:\n  - case: s/raw-http/m/new",
        ),
        (f"known_failures:\n{entry_text(entry())}", r"k.yaml:2:5: s/raw-http/m/new has an entry"),
        ("known_failures:\n  - case: x\n", "k.yaml:2:5"),
        ("null\n", "its list cannot be extended; add this to it yourself"),
        ("null # x\n", "its list cannot be extended; add this to it yourself"),
        ("~\n", "its list cannot be extended; add this to it yourself"),
    ],
)
def test_a_file_that_cannot_be_extended_is_an_error(
    text: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "k.yaml"
    path.write_text(text)
    with pytest.raises(ProbesError, match=message):
        extended_text(path, [entry()], TODAY)
    assert path.read_text() == text


def test_text_that_nobody_sees_is_written_as_an_escape(tmp_path: Path) -> None:
    hidden = entry("s/raw-http/a\u202eb\u200b/new", message="refused\u2066 and hidden é")
    text = extended_text(tmp_path / "k.yaml", [hidden], TODAY)
    assert "\\u202E" in text
    assert not {"\u202e", "\u200b", "\u2066"} & set(text)
    assert extended(tmp_path / "k.yaml", hidden) == [hidden]
    assert "é" in entry_text(entry(message="refused, é"))


@pytest.mark.parametrize("text", ["", "# build/\n", "---\n"])
def test_a_file_of_something_else_gets_no_entry(text: str, tmp_path: Path) -> None:
    path = tmp_path / ".gitignore"
    path.write_text(text)
    with pytest.raises(ProbesError, match=r"\.gitignore: is no list of known failures"):
        extended_text(path, [entry()], TODAY)
    path.write_text("known_failures: []\n")
    assert extended(path, entry()) == [entry()]
