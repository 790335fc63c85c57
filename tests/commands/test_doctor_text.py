"""The text of the doctor: results with the same advice, and what only a request can tell."""

import pytest
from rich.text import Text

from authprobe.commands.doctor_text import LIVE_HINT, TextCleaner, as_text
from authprobe.doctor.checks.online import OnlineRequest, check_answer, online_requests
from authprobe.doctor.inventory.precedence import (
    NOT_VERIFIED,
    ActiveCredential,
    CredentialSlot,
    FoundCredential,
)
from authprobe.doctor.result import CheckResult
from authprobe.redaction.redactor import Redactor
from authprobe.service.answer import Envelope, NotAsked, ServiceAnswer


def text_of(*results: CheckResult, active: tuple[ActiveCredential, ...] = ()) -> Text:
    """Return the text of these results, not wrapped."""
    return as_text(results, active, TextCleaner(Redactor()), None)


def test_advice_for_several_hosts_is_printed_once() -> None:
    absent = ServiceAnswer(not_asked=NotAsked.NAME)
    lines = text_of(*(check_answer(each, absent) for each in online_requests())).plain.splitlines()
    hosts = [line for line in lines if "host-unreachable" in line]
    assert len(hosts) == len(online_requests())
    assert lines.index(hosts[-1]) - lines.index(hosts[0]) == len(hosts) - 1
    assert len([line for line in lines if line.strip().startswith("remedy:")]) == 1


def test_other_advice_stays_with_its_host() -> None:
    first, second, *_ = online_requests()
    causes = (
        check_answer(first, ServiceAnswer(not_asked=NotAsked.NAME)),
        check_answer(second, ServiceAnswer(not_asked=NotAsked.TLS)),
    )
    assert text_of(*causes).plain.count("remedy:") == 2


@pytest.mark.parametrize("request_", online_requests(), ids=lambda each: each.host)
def test_a_token_is_named_only_where_one_was_sent(request_: OnlineRequest) -> None:
    status = min(request_.refusals)
    answer = ServiceAnswer(status=status, envelope=Envelope.API)
    sent = "a request without parameters" if request_.is_page else "a made-up token"
    summary = f"{request_.host} answers, and refuses {sent} ({status})."
    assert check_answer(request_, answer).summary == summary


@pytest.mark.parametrize("state", [NOT_VERIFIED, "expires in 5 hours"])
def test_the_command_that_can_tell_is_named_where_nothing_else_can(state: str) -> None:
    credential = FoundCredential(
        slot=CredentialSlot.API_KEY, where="ANTHROPIC_API_KEY", kind="API key", state=state
    )
    active = ActiveCredential(client="claude-code", credential=credential, reason="it is the only")
    text = text_of(active=(active,)).plain
    assert (f"  {LIVE_HINT}\n" in text) is (state == NOT_VERIFIED)
