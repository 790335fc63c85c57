import datetime
import json
from dataclasses import replace
from pathlib import Path

import pytest

from authprobe.errors import RecordError
from authprobe.observation.fingerprint import find_transitions, fingerprint
from authprobe.observation.model import LoginState, Outcome
from authprobe.plan.case_ids import client_version_of, matching_ids
from authprobe.run.baseline import (
    EMPTY_BASELINE,
    ID_SCHEME,
    absent_cases,
    baseline_from_run,
    dump_baseline,
    read_baseline,
    updated_baseline,
    without_cases,
)
from authprobe.run.model import Selection
from authprobe.run.results_file import dump_run, read_run
from authprobe.run.scenario_files import BUNDLED, BUNDLED_FILES, ScenarioFile
from tests.support.make import make_observation, make_record, make_run

REFUSED = make_observation(outcome=Outcome.REJECTED, status=401, message="no")


def test_a_baseline_survives_writing_and_reading(tmp_path: Path) -> None:
    baseline = baseline_from_run(
        make_run(make_record(id="b"), make_record(id="a", observation=REFUSED))
    )
    path = tmp_path / "baseline.json"
    path.write_text(dump_baseline(baseline))
    assert read_baseline(path) == baseline


def test_each_case_is_one_line_sorted_by_id() -> None:
    text = dump_baseline(baseline_from_run(make_run(make_record(id="b"), make_record(id="a"))))
    first, second = [line.rstrip(",") for line in text.splitlines() if '"id"' in line]
    assert [json.loads(first)["id"], json.loads(second)["id"]] == ["a", "b"]
    assert "null" not in text


def test_an_empty_baseline_survives_writing_and_reading(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(dump_baseline(EMPTY_BASELINE))
    assert read_baseline(path) == EMPTY_BASELINE


def test_a_results_file_is_read_as_a_baseline(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    run = make_run(make_record(observation=REFUSED))
    path.write_text(dump_run(run))
    assert read_baseline(path) == baseline_from_run(run)


def test_an_unchanged_case_keeps_its_entry() -> None:
    long_ago = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
    old = baseline_from_run(make_run(make_record(id="a"), make_record(id="b"), started_at=long_ago))
    run = make_run(make_record(id="a"), make_record(id="b", observation=REFUSED))
    new = updated_baseline(old, run, run.cases, note=None)
    assert new.cases["a"] == old.cases["a"]
    assert new.cases["b"].accepted_at == run.started_at.date()
    assert new.cases["b"].seen.status == 401


def test_only_the_given_cases_are_updated() -> None:
    old = baseline_from_run(make_run(make_record(id="a"), make_record(id="b")))
    run = make_run(*(make_record(id=id, observation=REFUSED) for id in "ab"))
    new = updated_baseline(old, run, run.cases[:1], note="as designed")
    assert (new.cases["a"].seen.status, new.cases["b"].seen.status) == (401, 200)
    assert (new.cases["a"].note, new.cases["b"].note) == ("as designed", None)


def test_ids_of_scheme_1_are_migrated(tmp_path: Path) -> None:
    ids = ("s/claude-code/default/key", "s/raw-http/messages/key", "s/claude-code@2.1.31/default/x")
    text = dump_baseline(baseline_from_run(make_run(*(make_record(id=id) for id in ids))))
    path = tmp_path / "baseline.json"
    path.write_text(text.replace(f'"identity": {ID_SCHEME}', '"identity": 1'))
    cases = read_baseline(path).cases
    assert set(cases) == {"s/claude-code@latest/default/key", *ids[1:]}
    assert all(id == case.id for id, case in cases.items())
    path.write_text(text)
    assert set(read_baseline(path).cases) == set(ids)


def test_a_renamed_scenario_keeps_its_accepted_cases() -> None:
    old = baseline_from_run(make_run(make_record(id="old/raw-http")))
    renamed = make_record(id="new/raw-http", formerly=("old/raw-http",))
    assert old.get(renamed.id, renamed.formerly) == old.cases["old/raw-http"]
    assert old.get("other/raw-http", ("another/raw-http",)) is None
    assert absent_cases(old, [renamed], (), Selection()) == ()
    run = make_run(renamed)
    assert set(updated_baseline(old, run, run.cases, note=None).cases) == {"new/raw-http"}


def absent(old: list[str], now: list[str], *given: str) -> tuple[str, ...]:
    """Return the ids that are absent, of those accepted before and those that ran now.

    `given` are the arguments of the run; the baseline does not know its files.
    """
    baseline = baseline_from_run(make_run(*(make_record(id=id) for id in old)))
    records = [make_record(id=id, client_version=client_version_of(id)) for id in now]
    return absent_cases(baseline, records, (), Selection(scenarios=given))


def test_a_case_that_no_longer_exists_is_absent() -> None:
    assert absent(["a", "b"], ["b", "c"]) == ("a",)


def test_a_case_whose_version_was_changed_is_not_absent() -> None:
    old = ["s/claude-code@2.1.31/default/key", "s/claude-code@2.1.112/default/key"]
    assert absent(old, [old[0], "s/claude-code@2.1.332/default/key"]) == ()
    assert absent(old, ["s/claude-code@2.1.332/default/key"]) == (old[0],)
    assert absent(old, ["s/claude-code@2.1.332/default/other"]) == tuple(sorted(old))
    assert absent(old, ["s/anthropic-python@2.1.332/default/key"]) == tuple(sorted(old))


def test_a_run_of_some_scenarios_lacks_only_their_cases() -> None:
    old = ["s/raw-http/m/a", "s/raw-http/m/b", "t/raw-http/m/a"]
    assert absent(old, old[:1], "s.yaml") == ("s/raw-http/m/b",)
    assert absent(old, old[:1]) == ("s/raw-http/m/b", "t/raw-http/m/a")


@pytest.mark.parametrize(
    ("accepted", "case", "version", "previous"),
    [
        ("2.1.31 2.1.112", "2.1.112", "2.1.112", "2.1.112"),
        ("2.1.31 2.1.112", "2.1.332", "2.1.332", "2.1.112"),
        ("2.1.31 2.1.112", "2.1.50", "2.1.50", "2.1.31"),
        ("2.1.31 2.1.112", "2.0.1", "2.0.1", "2.1.31"),
        ("2.1.9 2.1.31", "2.1.332", "2.1.332", "2.1.31"),
        ("2.1.31 latest", "2.1.332", "2.1.332", "2.1.31"),
        ("latest", "2.1.332", "2.1.332", "latest"),
        ("2.1.31 2.1.112", "installed", None, "2.1.112"),
        ("2.1.31 2.1.112", "installed", "2.1.40", "2.1.31"),
    ],
)
def test_a_case_is_compared_with_the_same_question_of_an_earlier_version(
    accepted: str, case: str, version: str | None, previous: str
) -> None:
    records = [
        make_record(
            id=f"s/claude-code@{each}/default/key",
            client_version=None if each == "latest" else each,
        )
        for each in accepted.split()
    ]
    baseline = baseline_from_run(make_run(*records))
    found = baseline.previous(f"s/claude-code@{case}/default/key", version=version)
    assert found is not None
    assert found.id == f"s/claude-code@{previous}/default/key"
    assert baseline.previous(f"s/claude-code@{case}/default/other", version=version) is None
    assert baseline.previous(f"t/claude-code@{case}/default/key", version=version) is None


def test_both_programs_of_a_gateway_have_versions() -> None:
    old = "s/litellm@1.80.0+claude-code@2.1.31/default/key"
    baseline = baseline_from_run(
        make_run(make_record(id=old, client_version="1.80.0+claude-code@2.1.31"))
    )
    new = "s/litellm@1.106.2+claude-code@2.1.332/default/key"
    assert baseline.previous(new, version="1.106.2+claude-code@2.1.332") is baseline.cases[old]
    assert baseline.previous("s/litellm@1.106.2/default/key", version="1.106.2") is None


def test_an_accepted_upgrade_replaces_the_entry_of_the_version_before() -> None:
    ids = [f"s/claude-code@{version}/default/key" for version in ("2.1.112", "2.1.332")]
    records = [
        make_record(id=id, client_version=client_version_of(id), observation=observation)
        for id, observation in zip(ids, (REFUSED, make_observation()), strict=True)
    ]
    old = baseline_from_run(make_run(records[0]))
    run = make_run(records[1])
    assert set(updated_baseline(old, run, run.cases, note=None).cases) == {ids[1]}
    both = make_run(*records)
    assert set(updated_baseline(old, both, both.cases, note=None).cases) == set(ids)


def test_a_name_matches_ids_exactly_or_as_a_pattern() -> None:
    assert matching_ids("s/a", ["s/a", "s/a/b", "t/a"]) == ("s/a",)
    assert matching_ids("s/*", ["s/a", "s/a/b", "t/a"]) == ("s/a", "s/a/b")
    assert matching_ids("x*", ["s/a"]) == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"schema_version": 2, "identity": 2, "cases": [], "scenarios": [1]}', "scenarios.0"),
        (None, "No such file"),
        ("{", r"not a baseline: invalid JSON at line 1, column 1: EOF while parsing an object; r"),
        ("[]", "not a results file"),
        ('{"schema_version": 9, "identity": 2, "cases": []}', "schema version 9"),
        ('{"schema_version": 1, "identity": 3, "cases": []}', "identity 3"),
        ('{"schema_version": 1, "identity": "x", "cases": []}', "identity x"),
        ('{"schema_version": 1, "identity": 2, "cases": [{"id": 1}]}', "cases.0"),
        ('{"schema_version": 1, "identity": 2}', "not a baseline: cases"),
    ],
)
def test_an_invalid_file_is_rejected(content: str | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(RecordError, match=message):
        read_baseline(path)


@pytest.mark.parametrize(
    ("id", "message"),
    [
        ("foo", "'foo' is no id of a case; restore it"),
        ("a/zzz/x", "no such client: 'zzz'"),
        ("a/claude-code@@@/x", "'@@' is not a version"),
        ("a\x1b/zzz\x1b[2J/x", r"\\u001b\[2J"),
    ],
)
def test_an_invalid_id_of_a_former_scheme_is_rejected(
    id: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(dump_baseline(baseline_from_run(make_run(make_record(id="a/b/c")))))
    document = json.loads(path.read_text())
    document["identity"], document["cases"][0]["id"] = 1, id
    path.write_text(json.dumps(document))
    with pytest.raises(RecordError, match=message):
        read_baseline(path)


VERSION_1 = Path(__file__).with_name("baseline_version_1.json")
"""Baseline of schema version 1 by authprobe 0.1: three cases of claude-code 2.1.112."""
RUN_OF_IT = Path(__file__).with_name("results_of_baseline_version_1.json")
"""Results that were accepted as that baseline."""


def test_a_baseline_of_version_1_is_read_and_written_back_as_version_2(tmp_path: Path) -> None:
    old, run = read_baseline(VERSION_1), read_run(RUN_OF_IT)
    assert '"schema_version": 1,' in VERSION_1.read_text()
    assert set(old.cases) == {record.id for record in run.cases}
    for record in run.cases:
        seen = old.cases[record.id].seen
        assert (seen.findings, seen.stored_login, seen.betas) == (None, None, None)
        assert find_transitions(seen, fingerprint(record.observation)) == ()
    path = tmp_path / "baseline.json"
    path.write_text(dump_baseline(updated_baseline(old, run, run.cases, note=None)))
    assert '"schema_version": 2,' in path.read_text()
    new = read_baseline(path)
    for record in run.cases:
        entry = new.cases[record.id]
        assert entry.seen == fingerprint(record.observation)
        assert entry.accepted_at == old.cases[record.id].accepted_at
    assert new.cases[run.cases[-1].id].seen.stored_login == "usable"


def test_a_changed_case_is_not_a_change_only_by_what_version_1_did_not_record() -> None:
    old, run = read_baseline(VERSION_1), read_run(RUN_OF_IT)
    record = run.cases[-1]
    assert record.observation.stored_login is not None
    blanked = replace(record.observation.stored_login, state=LoginState.BLANKED)
    changed = replace(record.observation, stored_login=blanked)
    known = updated_baseline(old, run, run.cases, note=None)
    assert not find_transitions(old.cases[record.id].seen, fingerprint(changed))
    assert find_transitions(known.cases[record.id].seen, fingerprint(changed))


FILES = {
    "one": "folder/one.yaml",
    "two": "folder/deep/two.yaml",
    "key": f"{BUNDLED}key.yaml",
    "incident": f"{BUNDLED}incidents/incident.yaml",
    "away": ".../other/away.yaml",
    "top": "top.yaml",
}


@pytest.mark.parametrize(
    ("locations", "gone"),
    [
        ("folder/one.yaml", "one"),
        ("folder/", "one two"),
        ("folder/deep/", "two"),
        ("./", "one two top"),
        ("top.yaml folder/deep/two.yaml", "two top"),
        ("fold/", ""),
        (BUNDLED_FILES, "key"),
        (BUNDLED, "key incident"),
        (f"{BUNDLED}incidents/", "incident"),
        (".../other/", "away"),
        (".../other/away.yaml", "away"),
    ],
)
def test_a_deleted_scenario_is_absent_where_the_run_looked_for_it(
    locations: str, gone: str
) -> None:
    records = [make_record(id=f"{scenario}/raw-http/m/a") for scenario in FILES]
    files = tuple(ScenarioFile(id=id, file=file) for id, file in FILES.items())
    baseline = baseline_from_run(make_run(*records, scenarios=files))
    selection = Selection(scenarios=("x",), locations=tuple(locations.split()))
    other = make_record(id="other/raw-http/m/a")
    loaded = (ScenarioFile(id="other", file="folder/other.yaml"),)
    found = absent_cases(baseline, [other], loaded, selection)
    assert sorted(id.partition("/")[0] for id in found) == sorted(gone.split())


def test_the_files_of_the_scenarios_survive_writing_reading_and_accepting(tmp_path: Path) -> None:
    files = (ScenarioFile(id="a", file="a.yaml"), ScenarioFile(id="b", file="b.yaml"))
    run = make_run(make_record(id="a/raw-http"), make_record(id="b/raw-http"), scenarios=files)
    old = baseline_from_run(run)
    path = tmp_path / "baseline.json"
    path.write_text(dump_baseline(old))
    assert read_baseline(path) == old
    moved = make_run(make_record(id="b/raw-http"), scenarios=(replace(files[1], file="c.yaml"),))
    new = updated_baseline(old, moved, moved.cases, note=None)
    assert new.files == {"a": "a.yaml", "b": "c.yaml"}
    assert '"file": "a.yaml"' not in dump_baseline(without_cases(new, ["a/raw-http"]))
