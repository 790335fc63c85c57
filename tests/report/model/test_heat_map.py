"""The heat map: which tables, columns, rows, folds and marks a run has."""

from authprobe.observation.findings import Finding
from authprobe.observation.fingerprint import Transition
from authprobe.observation.model import Outcome
from authprobe.report.model.heat_map import (
    LETTERS,
    HeatMap,
    alike_words,
    cell_words,
    heat_maps,
)
from authprobe.report.model.version_changes import version_changes
from authprobe.run.model import CaseRecord
from authprobe.verdict.model import Status, Verdict
from tests.support.make import make_observation, make_record, make_run


def asked(
    version: str,
    outcome: Outcome = Outcome.ACCEPTED,
    *,
    client: str = "claude-code",
    scenario: str = "example",
    credential: str = "login",
    **changes: object,
) -> CaseRecord:
    """Return a question that was asked of a version of a client."""
    return make_record(
        **{
            "id": f"{scenario}/{client}@{version}/{credential}",
            "scenario": scenario,
            "client": f"{client}@{version}",
            "client_version": version,
            "credential": credential,
            "observation": make_observation(outcome=outcome, status=None),
        }
        | changes
    )


def maps_of(*records: CaseRecord) -> tuple[HeatMap, ...]:
    run = make_run(*records)
    return heat_maps(run, version_changes(run))


def drawn(each: HeatMap) -> list[list[str]]:
    """Return the lines of each table: letters, a space for a question that was not asked."""
    return [
        [
            f"{label} {''.join(letter(cell) for cell in row.cells)}"
            for section in table.sections
            for label, row in (
                *((row.label, row) for row in section.rows),
                *((f"{len(rows)} alike", rows[0]) for rows in section.folds),
            )
        ]
        for table in each.tables
    ]


def letter(cell: object) -> str:
    return LETTERS[cell.record.observation.outcome] if cell else " "  # type: ignore[attr-defined]


def test_each_outcome_has_a_letter_of_its_own() -> None:
    assert set(LETTERS) == set(Outcome)
    assert len(set(LETTERS.values())) == len(Outcome)


def test_each_kind_of_client_has_a_heat_map_the_largest_first() -> None:
    maps = maps_of(asked("1.0.0", client="litellm"), asked("2.1.9"), asked("2.1.50"), make_record())
    assert [each.kind for each in maps] == ["claude-code", "litellm", "raw-http"]


def test_a_client_that_runs_through_another_one_is_a_kind_of_its_own() -> None:
    chain = make_record(
        id="c", client="litellm@1.80.0+claude-code@latest", client_version="1.80.0+claude-code@2.1"
    )
    (each,) = maps_of(chain)
    assert each.kind == "litellm+claude-code"
    assert [(c.version, c.spelling) for c in each.tables[0].columns] == [("1.80.0", "")]


def test_the_newest_version_is_the_first_column() -> None:
    latest = asked("latest", client_version="2.1.332")
    (each,) = maps_of(asked("2.1.9"), latest, asked("2.1.50"), asked("1.0.128"))
    assert [(c.version, c.spelling) for c in each.tables[0].columns] == [
        ("2.1.332", "latest"), ("2.1.50", ""), ("2.1.9", ""), ("1.0.128", ""),
    ]  # fmt: skip


def test_scenarios_with_the_same_versions_share_a_table_and_others_do_not() -> None:
    (each,) = maps_of(
        asked("2.1.9", scenario="one"),
        asked("2.1.9", scenario="both"), asked("2.1.50", scenario="both"),
        asked("2.1.9", scenario="two", credential="b"),
    )  # fmt: skip
    assert [
        (len(table.columns), [section.scenario for section in table.sections])
        for table in each.tables
    ] == [(2, ["both"]), (1, ["one", "two"])]


def test_a_question_that_a_version_was_not_asked_is_blank() -> None:
    (each,) = maps_of(asked("2.1.9"), asked("2.1.50"), asked("2.1.9", credential="other"))
    assert drawn(each) == [["login AA", "other  A"]]


def test_a_label_leaves_out_what_all_rows_of_the_scenario_share() -> None:
    (each,) = maps_of(
        asked("2.1.9", id="1", backend="slow"), asked("2.1.9", id="2", backend="broken")
    )
    rows = each.tables[0].sections[0].rows
    assert [row.label for row in rows] == ["backend broken", "backend slow"]
    assert [row.path for row in rows] == ["login, backend broken", "login, backend slow"]


def test_three_rows_that_look_alike_fold_into_one() -> None:
    names = [f"c{n}" for n in range(3)]
    (each,) = maps_of(
        *(asked(version, credential=name) for name in names for version in ("2.1.9", "2.1.50")),
        *(asked("2.1.9", Outcome.REJECTED, credential=f"r{n}") for n in range(2)),
    )
    assert drawn(each) == [["r0  R", "r1  R", "3 alike AA"]]
    assert [row.label for row in each.tables[0].sections[0].folds[0]] == names


def test_rows_with_another_verdict_or_finding_are_not_alike() -> None:
    failed = Verdict(status=Status.FAILED)
    (each,) = maps_of(
        *(asked("2.1.9", credential=f"c{n}") for n in range(3)),
        asked("2.1.9", credential="failed", verdict=failed),
        asked("2.1.9", credential="found", findings=(Finding(name="crashes", text="x"),)),
    )
    assert drawn(each) == [["failed A", "found A", "3 alike A"]]


def test_failed_rows_come_first_then_changed_ones() -> None:
    (each,) = maps_of(
        asked("2.1.9", credential="a"), asked("2.1.50", credential="a"),
        asked("2.1.9", credential="b"), asked("2.1.50", Outcome.TIMED_OUT, credential="b"),
        asked("2.1.9", credential="c", verdict=Verdict(status=Status.FAILED)),
    )  # fmt: skip
    assert drawn(each) == [["c  A", "b TA", "a AA"]]


def test_a_change_between_neighbours_is_marked_at_the_newer_version() -> None:
    (each,) = maps_of(
        asked("1.0.0", Outcome.TIMED_OUT), asked("2.1.9", Outcome.TIMED_OUT), asked("2.1.50")
    )
    newest, middle, oldest = each.tables[0].sections[0].rows[0].cells
    assert newest
    assert middle
    assert oldest
    assert (newest.is_other_outcome, middle.subjects, oldest.subjects) == (True, (), ())
    assert cell_words(newest) == "accepted · passed · timed-out in 2.1.9"


def test_another_message_is_marked_as_a_smaller_change() -> None:
    said = make_observation(outcome=Outcome.ACCEPTED, status=None, message="pong")
    (each,) = maps_of(asked("2.1.9"), asked("2.1.50", observation=said))
    cell = each.tables[0].sections[0].rows[0].cells[0]
    assert cell
    assert not cell.is_other_outcome
    assert cell_words(cell) == "accepted · passed · another message in 2.1.9"


def test_another_version_alone_is_not_a_difference_from_the_baseline() -> None:
    version = Transition(field="client", before="2.1.8", after="2.1.9")
    status = Transition(field="status", before="200", after="401")
    for transitions, is_news in (((version,), False), ((version, status), True)):
        verdict = Verdict(status=Status.PASSED, transitions=transitions)
        (each,) = maps_of(asked("2.1.9", verdict=verdict))
        cell = each.tables[0].sections[0].rows[0].cells[0]
        assert cell
        assert cell.is_news is is_news


def test_a_fold_states_each_different_status() -> None:
    statuses = (401, 403, 401)
    (each,) = maps_of(
        *(
            asked(
                "2.1.9",
                credential=f"c{n}",
                observation=make_observation(outcome=Outcome.REJECTED, status=status),
            )
            for n, status in enumerate(statuses)
        )
    )
    rows = each.tables[0].sections[0].folds[0]
    assert alike_words(rows, 0) == "rejected 401 · passed; rejected 403 · passed"
