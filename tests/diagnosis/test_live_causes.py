"""Causes of live cases: their remedies and experiments are about the real service."""

import dataclasses

import pytest

from authprobe.core.targets import Target
from authprobe.diagnosis.arrangement import is_arranged
from authprobe.diagnosis.diagnose import diagnose
from authprobe.emulator.config import TokenKind
from authprobe.observation.model import Exchange, Observation, Outcome
from authprobe.run.model import CaseRecord
from authprobe.scenario.live import STORED
from authprobe.scenario.model import Credential, Expectation
from tests.support.make import make_record


def refused(
    message: str, *, status: int = 401, source: str | None, token: TokenKind, header: str
) -> CaseRecord:
    """Return the record of a live case that was refused."""
    exchange = Exchange(
        method="POST",
        host="api.anthropic.com",
        path="/v1/messages",
        credential_header=header,
        credential=token.value,
        status=status,
        error_type="authentication_error" if status == 401 else "invalid_request_error",
        message=message,
    )
    observation = Observation(
        outcome=Outcome.REJECTED,
        status=status,
        error_type=exchange.error_type,
        message=message,
        exchanges=(exchange,),
    )
    return dataclasses.replace(
        make_record(observation=observation),
        target=Target.LIVE,
        credentials=(Credential(token=token, source=source),),
        expectation=Expectation(outcome=Outcome.ACCEPTED),
    )


@pytest.mark.parametrize(
    ("message", "token", "header", "cause", "words"),
    [
        ("invalid x-api-key", TokenKind.API_KEY, "x-api-key", "api-key-invalid", "a new key"),
        (
            "OAuth token has expired. Please obtain a new token or refresh your existing token.",
            TokenKind.SETUP_TOKEN,
            "authorization",
            "access-token-expired",
            "Run `claude setup-token` again",
        ),
        (
            "Invalid bearer token",
            TokenKind.SETUP_TOKEN,
            "authorization",
            "bearer-unknown",
            "Run `claude setup-token` again",
        ),
    ],
)
def test_a_remedy_names_the_variable_that_has_the_value(
    message: str, token: TokenKind, header: str, cause: str, words: str
) -> None:
    record = refused(message, source="env:OUR_SECRET", token=token, header=header)
    found = diagnose(record)
    assert found is not None
    assert found.id == cause
    assert words in found.remedy
    assert "OUR_SECRET" in found.remedy
    assert "ANTHROPIC_API_KEY" not in found.remedy
    emulated = diagnose(dataclasses.replace(record, target=Target.EMULATOR))
    assert emulated is not None
    assert "OUR_SECRET" not in emulated.remedy


def test_the_remedy_for_a_stored_login_is_that_of_the_cause() -> None:
    record = refused(
        "OAuth token has expired.", source=STORED, token=TokenKind.LOGIN, header="authorization"
    )
    found = diagnose(record)
    assert found is not None
    assert found.remedy.startswith("Log in again")


def test_no_experiment_at_the_emulator_decides_about_an_own_secret() -> None:
    record = refused(
        "invalid x-api-key", source="env:OUR_KEY", token=TokenKind.API_KEY, header="x-api-key"
    )
    found = diagnose(record)
    assert found is not None
    assert found.experiment_case is None
    assert all(each.experiment_case is None for each in found.alternatives)


@pytest.mark.parametrize("target", list(Target))
def test_the_standing_of_a_real_account_is_arranged_by_nobody(target: Target) -> None:
    record = refused(
        "Third-party apps now draw from your extra usage, not your plan limits.",
        status=400,
        source="env:OUR_TOKEN",
        token=TokenKind.SETUP_TOKEN,
        header="authorization",
    )
    record = dataclasses.replace(record, target=target, diagnosis=diagnose(record))
    assert record.diagnosis is not None
    assert record.diagnosis.id == "extra-usage-exhausted"
    assert is_arranged(record) is (target is Target.EMULATOR)
