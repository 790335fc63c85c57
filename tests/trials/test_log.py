"""Probe log: writing, reading of damaged files, and the cache key."""

import dataclasses
import datetime
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from authprobe.emulator.config import Backend
from authprobe.emulator.rules.routes import RULES
from authprobe.errors import RecordError
from authprobe.plan.case import Case, expand
from authprobe.redaction.redactor import Redactor
from authprobe.scenario.model import Matrix
from authprobe.trials import log as log_module
from authprobe.trials.log import ProbeLog, Trial, TrialKey, cache_key, definition_hash, rules_hash
from tests.support.make import make_case, make_clients, make_observation, make_scenario

DAY = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
KEY = TrialKey(case="a", definition="b", client="claude-code@1.0.0", platform="c", rules="d")
TOKEN = "sk-ant-api03-" + "aB3_" * 23 + "-QAA"


def make_trial(message: str = "no") -> Trial:
    """Return a trial with this message."""
    return Trial(key=KEY, at=DAY, observation=make_observation(message=message))


@pytest.fixture
def log(tmp_path: Path) -> ProbeLog:
    """Return a log whose file does not exist yet."""
    return ProbeLog(tmp_path / "deep" / "trials.jsonl")


def test_a_missing_file_is_an_empty_log(log: ProbeLog) -> None:
    assert log.read() == ((), 0)


def test_trials_are_read_in_the_order_of_writing(log: ProbeLog) -> None:
    trials = tuple(make_trial(message) for message in ("one", "two\nlines\u2028", "three"))
    assert all(log.add(trial) for trial in trials)
    assert log.read() == (trials, 0)


@pytest.mark.parametrize("half", [b'{"key": {"ca', b'{"key": 1}', b"\xff\xfe", b"{}"])
def test_an_incomplete_line_is_skipped(log: ProbeLog, half: bytes) -> None:
    log.add(make_trial("one"))
    with log.path.open("ab") as file:
        file.write(half)
    log.add(make_trial("two"))
    assert log.read() == ((make_trial("one"), make_trial("two")), 1)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"elapsed":0.0', '"elapsed":NaN'),
        ('"elapsed":0.0', '"elapsed":1e300'),
        ('"elapsed":0.0', '"elapsed":-1'),
        ('"status":200', '"status":' + "9" * 4000),
    ],
)
def test_a_line_with_a_number_that_no_probe_gives_is_skipped(
    log: ProbeLog, old: str, new: str
) -> None:
    log.add(make_trial("one"))
    line = log.path.read_text()
    assert old in line
    log.path.write_text(line.replace(old, new) + line)
    assert log.read() == ((make_trial("one"),), 1)


def test_many_writers_keep_every_line(log: ProbeLog) -> None:
    trials = [make_trial(f"message {n} " + "x" * 20_000) for n in range(40)]
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(log.add, trials))
    read, invalid_lines = log.read()
    assert (invalid_lines, len(read)) == (0, 40)
    assert {x.observation.message for x in read} == {x.observation.message for x in trials}


def test_a_trial_with_a_credential_is_not_written(log: ProbeLog) -> None:
    assert log.add(make_trial(f"your key is {TOKEN}")) is False
    assert not log.path.exists()


def test_a_trial_with_a_learned_token_is_not_written(log: ProbeLog) -> None:
    redactor = Redactor()
    redactor.learn("api-key", "a-token-of-no-known-shape-0123456789")
    log = dataclasses.replace(log, redactor=redactor)
    assert log.add(make_trial("it is a-token-of-no-known-shape-0123456789")) is False
    assert log.read() == ((), 0)


def test_an_unwritable_or_unreadable_log_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match="cannot be written"):
        ProbeLog(tmp_path / "file" / "trials.jsonl").add(make_trial())
    with pytest.raises(RecordError, match="a directory, not a regular file"):
        ProbeLog(tmp_path).read()


def case_at(version: str, **changes: Any) -> Case:
    """Return the only case of a scenario, at this version."""
    (case,) = expand(
        make_scenario(matrix=Matrix(client=make_clients(f"claude-code@{version}")), **changes)
    )
    return case


def test_the_key_has_the_case_without_version_and_the_client_with_it() -> None:
    key = cache_key(case_at("1.0.0"))
    assert (key.case, key.client) == ("example/claude-code/default/none", "claude-code@1.0.0")
    assert dataclasses.replace(key, client="claude-code@1.0.1") == cache_key(case_at("1.0.1"))


def test_the_expectation_is_not_part_of_the_definition() -> None:
    assert definition_hash(make_case(exit_code=1)) == definition_hash(make_case())


@pytest.mark.parametrize(
    "change", [{"limit": 7.0}, {"backends": {"default": Backend(faults=("A13",))}}]
)
def test_a_changed_case_of_the_same_id_has_a_different_key(change: dict[str, Any]) -> None:
    assert cache_key(case_at("1.0.0", **change)) != cache_key(case_at("1.0.0"))


@pytest.mark.parametrize(("through", "is_same"), [("latest", False), ("2.1.0", True)])
def test_the_definition_of_a_moving_version_changes_every_day(
    monkeypatch: pytest.MonkeyPatch, through: str, is_same: bool
) -> None:
    (case,) = expand(
        make_scenario(matrix=Matrix(client=make_clients(f"litellm@1.106.2+claude-code@{through}")))
    )
    today = definition_hash(case)

    class Future(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> "Future":
            return cls(2099, 1, 1, tzinfo=tz)

    monkeypatch.setattr("authprobe.trials.log.datetime.datetime", Future)
    assert (definition_hash(case) == today) is is_same


def _remove_rule(rules: dict[str, Any]) -> None:
    rules.popitem()


def _change_rule(rules: dict[str, Any]) -> None:
    name = next(iter(rules))
    rules[name] = dataclasses.replace(rules[name], condition="another")


@pytest.mark.parametrize("change", [_remove_rule, _change_rule])
def test_changed_rules_have_a_different_hash(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, Any]], None]
) -> None:
    today, before = DAY.date(), rules_hash(DAY.date())
    rules_hash.cache_clear()
    assert rules_hash(today) == before
    changed = dict(RULES)
    change(changed)
    monkeypatch.setattr("authprobe.emulator.catalogue.RULES", changed)
    monkeypatch.setattr(log_module, "RULES", changed)
    rules_hash.cache_clear()
    assert rules_hash(today) != before
    rules_hash.cache_clear()


def test_the_hash_changes_on_the_day_that_a_rule_comes_into_force() -> None:
    moments = [x.since or x.until for x in RULES.values()]
    day = next(moment.date() for moment in moments if moment)
    assert rules_hash(day) != rules_hash(day - datetime.timedelta(days=1))


def test_a_new_field_at_its_default_keeps_the_definition() -> None:
    more = dataclasses.make_dataclass(
        "More", [("extra", int, 0)], bases=(Backend,), frozen=True, kw_only=True
    )
    case, other = make_case(), Backend(counts_as_claude_code=True)
    for backend in (Backend(), other):
        values = {f.name: getattr(backend, f.name) for f in dataclasses.fields(backend)}
        old, new = (dataclasses.replace(case, backend=each) for each in (backend, more(**values)))
        assert definition_hash(old) == definition_hash(new)
        used = dataclasses.replace(case, backend=more(**values, extra=1))
        assert definition_hash(old) != definition_hash(used)
