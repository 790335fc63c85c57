import json
from pathlib import Path

import pytest

from authprobe.run.costs import (
    MAX_FILE_BYTES,
    MAX_QUESTIONS,
    CaseCost,
    Costs,
    load_costs,
    read_costs,
)

CASE = "sessions/claude-code@2.1.31/default/expired"
SAME = "sessions/claude-code@latest/default/expired"


def save(folder: Path, case: str, cost: CaseCost) -> None:
    costs = load_costs(folder)
    costs.note(case, cost)
    costs.save()


def test_costs_are_those_of_the_question_at_any_version(tmp_path: Path) -> None:
    assert load_costs(tmp_path).of(CASE) is None
    save(tmp_path, CASE, CaseCost(10.0, 1.5))
    assert load_costs(tmp_path).of(SAME) == CaseCost(10.0, 1.5)
    assert load_costs(tmp_path).of("another/claude-code@2.1.31/default/expired") is None


def test_later_runs_are_averaged(tmp_path: Path) -> None:
    save(tmp_path, CASE, CaseCost(10.0, 2.0))
    save(tmp_path, CASE, CaseCost(20.0, 4.0))
    assert load_costs(tmp_path).of(CASE) == CaseCost(15.0, 3.0)


def test_what_another_run_learned_stays(tmp_path: Path) -> None:
    ours = load_costs(tmp_path)
    save(tmp_path, "other/x/default", CaseCost(1.0, 1.0))
    ours.note(CASE, CaseCost(2.0, 1.0))
    ours.save()
    assert len(read_costs(tmp_path / "costs.json")) == 2


def test_waiting_is_never_negative() -> None:
    """A program can keep two processors busy."""
    assert CaseCost(1.0, 1.8).wait == 0.0
    assert CaseCost(3.0, 1.0).wait == 2.0


def test_file_has_no_ids(tmp_path: Path) -> None:
    save(tmp_path, "secret-project/claude-code@2.1.31/default", CaseCost(1.0, 1.0))
    assert "secret" not in (tmp_path / "costs.json").read_text()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"costs": 5}',
        '{"costs": {"x": 1, "y": [1], "z": [1, "2"], "n": [NaN, 1], "m": [-1, 2], "b": [true, 1]}}',
        "[" * 100_000,
        '{"costs": {"x": [1e300, 1]}}',
        f'{{"costs": {{"x": [1{"0" * 400}, 1], "y": [1e999, 1]}}}}',  # no float
        "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
        " " * (MAX_FILE_BYTES + 1),
    ],
)
def test_unusable_file_is_no_knowledge_and_is_replaced(tmp_path: Path, text: str) -> None:
    path = tmp_path / "costs.json"
    path.write_text(text)
    assert read_costs(path) == {}
    save(tmp_path, CASE, CaseCost(1.0, 0.5))
    assert load_costs(tmp_path).of(CASE) == CaseCost(1.0, 0.5)


def test_oldest_questions_are_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "costs.json"
    path.write_text(json.dumps({"costs": {f"{n:016}": [1, 1] for n in range(MAX_QUESTIONS)}}))
    save(tmp_path, CASE, CaseCost(1.0, 0.5))
    costs = read_costs(path)
    assert len(costs) == MAX_QUESTIONS
    assert f"{0:016}" not in costs
    assert load_costs(tmp_path).of(CASE) is not None
    assert path.stat().st_size < MAX_FILE_BYTES


def test_nothing_is_written_without_a_cache_or_a_cost(tmp_path: Path) -> None:
    save(tmp_path / "missing", CASE, CaseCost(1.0, 0.5))
    Costs(tmp_path / "costs.json").save()
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "costs.json").mkdir()
    save(tmp_path, CASE, CaseCost(1.0, 0.5))
    assert (tmp_path / "costs.json").is_dir()
