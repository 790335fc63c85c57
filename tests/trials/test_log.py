"""The log keeps every line that was whole, of any number of writers."""

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
from authprobe.trials import log as trials
from authprobe.trials.log import Key, ProbeLog, Trial, cache_key, definition_hash, rules_hash
from tests.support.make import make_case, make_clients, make_observation, make_scenario

DAY = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
KEY = Key(case="a", definition="b", client="claude-code@1.0.0", platform="c", rules="d")
TOKEN = "sk-ant-api03-" + "aB3_" * 23 + "-QAA"


def trial(message: str = "no") -> Trial:
    """A line of the log."""
    return Trial(key=KEY, at=DAY, observation=make_observation(message=message))


@pytest.fixture
def log(tmp_path: Path) -> ProbeLog:
    return ProbeLog(tmp_path / "deep" / "trials.jsonl")


def test_a_log_that_is_not_there_is_empty(log: ProbeLog) -> None:
    assert log.read() == ((), 0)


def test_what_was_added_is_read_in_order(log: ProbeLog) -> None:
    given = tuple(trial(message) for message in ("one", "two\nlines\u2028", "three"))
    assert all(log.add(each) for each in given)
    assert log.read() == (given, 0)


@pytest.mark.parametrize("half", [b'{"key": {"ca', b'{"key": 1}', b"\xff\xfe", b"{}"])
def test_half_a_line_costs_nothing_but_itself(log: ProbeLog, half: bytes) -> None:
    log.add(trial("one"))
    with log.path.open("ab") as file:
        file.write(half)
    log.add(trial("two"))
    assert log.read() == ((trial("one"), trial("two")), 1)


def test_many_writers_keep_every_line(log: ProbeLog) -> None:
    given = [trial(f"message {n} " + "x" * 20_000) for n in range(40)]
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(log.add, given))
    found, damaged = log.read()
    assert (damaged, len(found)) == (0, 40)
    assert {each.observation.message for each in found} == {x.observation.message for x in given}


def test_a_line_that_holds_a_credential_is_not_kept(log: ProbeLog) -> None:
    assert log.add(trial(f"your key is {TOKEN}")) is False
    assert not log.path.exists()


def test_a_line_that_holds_a_token_of_the_case_is_not_kept(log: ProbeLog) -> None:
    redactor = Redactor()
    redactor.learn("api-key", "a-token-of-no-known-shape-0123456789")
    known = dataclasses.replace(log, redactor=redactor)
    assert known.add(trial("it is a-token-of-no-known-shape-0123456789")) is False
    assert log.read() == ((), 0)


def test_a_log_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match="cannot be written"):
        ProbeLog(tmp_path / "file" / "trials.jsonl").add(trial())
    with pytest.raises(RecordError, match="Is a directory"):
        ProbeLog(tmp_path).read()


def case_at(version: str, **changes: Any) -> Case:
    """The only case of a scenario, at a version."""
    (case,) = expand(
        make_scenario(matrix=Matrix(client=make_clients(f"claude-code@{version}")), **changes)
    )
    return case


def test_the_key_is_the_case_without_its_version_and_the_client_with_it() -> None:
    key = cache_key(case_at("1.0.0"))
    assert (key.case, key.client) == ("example/claude-code/default/none", "claude-code@1.0.0")
    assert dataclasses.replace(key, client="claude-code@1.0.1") == cache_key(case_at("1.0.1"))


def test_the_expectation_is_no_part_of_what_a_case_is_made_of() -> None:
    assert definition_hash(make_case(exit_code=1)) == definition_hash(make_case())


@pytest.mark.parametrize(
    "change", [{"limit": 7.0}, {"backends": {"default": Backend(faults=("A13",))}}]
)
def test_another_case_of_the_same_name_has_another_key(change: dict[str, Any]) -> None:
    assert cache_key(case_at("1.0.0", **change)) != cache_key(case_at("1.0.0"))


@pytest.mark.parametrize(("behind", "same"), [("latest", False), ("2.1.0", True)])
def test_what_may_be_another_tomorrow_is_asked_again_then(
    monkeypatch: pytest.MonkeyPatch, behind: str, same: bool
) -> None:
    (case,) = expand(
        make_scenario(matrix=Matrix(client=make_clients(f"litellm@1.106.2+claude-code@{behind}")))
    )
    today = definition_hash(case)

    class Tomorrow(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> "Tomorrow":
            return cls(2099, 1, 1, tzinfo=tz)

    monkeypatch.setattr("authprobe.trials.log.datetime.datetime", Tomorrow)
    assert (definition_hash(case) == today) is same


def _rule_gone(rules: dict[str, Any]) -> None:
    rules.popitem()


def _rule_changed(rules: dict[str, Any]) -> None:
    name = next(iter(rules))
    rules[name] = dataclasses.replace(rules[name], condition="another")


@pytest.mark.parametrize("change", [_rule_gone, _rule_changed])
def test_other_rules_have_another_hash(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, Any]], None]
) -> None:
    today, before = DAY.date(), rules_hash(DAY.date())
    rules_hash.cache_clear()
    assert rules_hash(today) == before
    changed = dict(RULES)
    change(changed)
    monkeypatch.setattr("authprobe.emulator.catalogue.RULES", changed)
    monkeypatch.setattr(trials, "RULES", changed)
    rules_hash.cache_clear()
    assert rules_hash(today) != before
    rules_hash.cache_clear()


def test_a_rule_that_comes_into_force_is_another_hash() -> None:
    moments = [x.since or x.until for x in RULES.values()]
    day = next(moment.date() for moment in moments if moment)
    assert rules_hash(day) != rules_hash(day - datetime.timedelta(days=1))


def test_a_field_that_is_new_and_not_used_changes_nothing() -> None:
    more = dataclasses.make_dataclass(
        "More", [("extra", int, 0)], bases=(Backend,), frozen=True, kw_only=True
    )
    case, other = make_case(), Backend(counts_as_claude_code=True)
    for backend in (Backend(), other):
        values = {f.name: getattr(backend, f.name) for f in dataclasses.fields(backend)}
        now, then = (dataclasses.replace(case, backend=each) for each in (backend, more(**values)))
        assert definition_hash(now) == definition_hash(then)
        used = dataclasses.replace(case, backend=more(**values, extra=1))
        assert definition_hash(now) != definition_hash(used)
