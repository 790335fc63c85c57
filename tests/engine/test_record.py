"""A case's record has what its scenario gave to the client."""

from dataclasses import replace

from authprobe.engine.record import make_record as record_of
from authprobe.run.baseline import EMPTY_BASELINE
from authprobe.run.known_failures import KnownFailureList
from tests.support.make import make_case, make_observation


def test_a_variable_that_the_settings_set_otherwise_is_shadowed() -> None:
    case = replace(
        make_case(),
        environment={"ANTHROPIC_BASE_URL": "https://a.example", "SAME": "1", "ALONE": "1"},
        settings_env={"ANTHROPIC_BASE_URL": "https://b.example", "SAME": "1"},
    )
    record = record_of(case, make_observation(), EMPTY_BASELINE, KnownFailureList())
    assert record.shadowed_variables == ("ANTHROPIC_BASE_URL",)
