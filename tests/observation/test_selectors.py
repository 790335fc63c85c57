import pytest

from authprobe.errors import SettingsError
from authprobe.observation.model import Outcome
from authprobe.observation.selectors import SELECTORS, check_field
from tests.support.command import PROJECT
from tests.support.judged import OBSERVATION
from tests.support.make import make_exchange, make_observation

VALUES = {
    "outcome": ("rejected",),
    "status": ("401",),
    "reported_status": ("none",),
    "error_type": ("authentication_error",),
    "message": ("OAuth token has expired. Log in again.",),
    "exit_code": ("1",),
    "betas": ("another", "oauth-2025-04-20"),
    "findings": ("leaks-token", "loses-login", "loses-session"),
    "stored_login": ("stale",),
    "stored_login.access": ("none",),
    "stored_login.mode": ("none",),
    "refusals": ("1",),
    "model.credential": ("access-token in authorization",),
    "model.betas": ("another", "oauth-2025-04-20"),
    "token.host": ("platform.claude.com",),
    "authorize.host": (),
    "authorize.scopes": (),
    "exchange.method": ("POST",),
    "exchange.host": ("api.anthropic.com", "platform.claude.com"),
    "exchange.path": ("/v1/messages", "/v1/oauth/token"),
    "exchange.status": ("200", "401"),
    "exchange.credential": ("access-token", "refresh-token"),
    "exchange.credential_header": ("authorization", "body"),
    "exchange.rule": ("A08", "refresh"),
    "exchange.scopes": ("user:inference", "user:profile"),
}


@pytest.mark.parametrize("name", sorted(SELECTORS.keys() - {"requests"}))
def test_a_selector_returns_the_observed_value(name: str) -> None:
    assert SELECTORS[name](OBSERVATION) == VALUES[name]


def test_requests_are_lines_with_their_credential_and_status() -> None:
    line = "POST api.anthropic.com/v1/messages, access-token in authorization, status 401"
    assert line in SELECTORS["requests"](OBSERVATION)


@pytest.mark.parametrize("name", sorted(SELECTORS.keys() - {"findings"}))
def test_order_and_side_requests_do_not_matter(name: str) -> None:
    aside = make_exchange(method="GET", host="statsig.example", path="/track", status=204)
    one, other = make_exchange(credential="api-key"), make_exchange(status=401, betas=("x",))
    assert SELECTORS[name](make_observation(exchanges=(one, other, aside))) == SELECTORS[name](
        make_observation(exchanges=(other, one))
    )


AUTHORIZED = make_exchange(
    method="GET", host="claude.ai", path="/cai/oauth/authorize", scopes=("user:inference",)
)


@pytest.mark.parametrize(
    ("name", "value"), [("authorize.host", "claude.ai"), ("authorize.scopes", "user:inference")]
)
def test_authorize_fields_ignore_other_requests(name: str, value: str) -> None:
    observation = make_observation(exchanges=(make_exchange(scopes=("other",)), AUTHORIZED))
    assert SELECTORS[name](observation) == (value,)


@pytest.mark.parametrize(
    ("outcome", "times", "value"),
    [
        (Outcome.TIMED_OUT, 3, "goes on"),
        (Outcome.TIMED_OUT, 2, "2"),
        (Outcome.REJECTED, 11, "11"),
        (Outcome.ACCEPTED, 0, "0"),
    ],
)
def test_refusals_counts_one_request_unless_the_client_was_still_retrying(
    outcome: Outcome, times: int, value: str
) -> None:
    refused = make_exchange(status=401, body="one")
    aside = (make_exchange(status=401, body="two"), make_exchange(status=200, body="one"))
    observation = make_observation(
        outcome=outcome, exchanges=(refused,) * times + aside[times == 0 :]
    )
    assert SELECTORS["refusals"](observation) == (value,)


def test_messages_are_normalised() -> None:
    one, other = (
        make_observation(outcome=Outcome.REJECTED, message=f"no (req_0123456{n}) after {n} s")
        for n in (1, 2)
    )
    assert SELECTORS["message"](one) == SELECTORS["message"](other)


def test_every_field_is_documented() -> None:
    page = (PROJECT / "docs" / "bisect.md").read_text()
    assert [name for name in SELECTORS if f"`{name}`" not in page] == []


@pytest.mark.parametrize(
    ("name", "hint"), [("exchange.hosts", "did you mean 'exchange.host'"), ("%", "choose from")]
)
def test_an_unknown_field_is_rejected(name: str, hint: str) -> None:
    with pytest.raises(SettingsError, match=f"no such field; {hint}"):
        check_field(name)
