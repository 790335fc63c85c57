from dataclasses import replace

from authprobe.core.client_kinds import Via
from authprobe.emulator.config import TokenKind, TokenState
from authprobe.observation.model import Exchange, LoginState, StoredLogin
from authprobe.report.model.case_facts import credential_words
from authprobe.report.model.login_life import MAX_LIVES, Life, life_words, lives
from authprobe.report.model.sequence import sequence_of
from authprobe.run.model import CaseRecord
from authprobe.scenario.model import Credential, Form
from tests.report.model.test_sequence import (
    REFRESH_THEN_RETRY,
    REFUSED,
    claude,
    message,
    refresh,
    telemetry,
)

KEPT = StoredLogin(state=LoginState.USABLE, access="access-token-2", refresh="refresh-token-2")


def login(state: TokenState = TokenState.VALID, form: Form | None = None) -> Credential:
    """Return a stored login."""
    return Credential(token=TokenKind.LOGIN, state=state, via=Via.CREDENTIALS_FILE, form=form)


def lives_of(
    *exchanges: Exchange, given: tuple[Credential, ...] = (), stored: StoredLogin | None = None
) -> dict[str, Life]:
    """Return the life of each credential by its slot."""
    record = with_login(claude(*exchanges), given, stored)
    return {life.slot: life for life in lives(record, sequence_of(record))}


def with_login(
    record: CaseRecord, given: tuple[Credential, ...], stored: StoredLogin | None
) -> CaseRecord:
    observation = replace(record.observation, stored_login=stored)
    return replace(record, credentials=given, observation=observation)


def words_of(*exchanges: Exchange, **login_values: object) -> dict[str, str]:
    found = lives_of(*exchanges, **login_values)  # type: ignore[arg-type]
    return {slot: life_words(life) for slot, life in found.items()}


def test_a_revoked_login_is_refreshed_and_stored() -> None:
    given = (login(TokenState.REVOKED),)
    assert words_of(*REFRESH_THEN_RETRY, given=given, stored=KEPT) == {
        "access-token": "revoked at the start; sent 2 times: each 401",
        "refresh-token": "valid at the start; sent once: 200; exchanged at 2.02 s",
        "access-token-2": "issued at 2.02 s; sent 2 times: each 200; stored at the end",
        "refresh-token-2": "issued at 2.02 s; never sent; stored at the end",
    }


def test_positions_follow_the_steps() -> None:
    found = lives_of(*REFRESH_THEN_RETRY, given=(login(TokenState.REVOKED),), stored=KEPT)
    assert [use.position for use in found["access-token"].uses] == [0.5 / 6, 1.5 / 6]
    assert found["refresh-token"].end == found["access-token-2"].start == 3 / 6
    assert found["access-token"].is_dead
    assert not found["access-token-2"].is_dead


def test_a_late_response_issues_tokens_late_but_uses_the_old_one_up_at_once() -> None:
    sent = (
        refresh(0.5, elapsed=8.0),
        message(7.6, **REFUSED),
        message(8.6, credential="access-token-2"),
    )
    found = lives_of(*sent, given=(login(TokenState.EXPIRED),))
    assert found["refresh-token"].end == 1 / 4
    assert found["access-token-2"].start == 2 / 4
    assert found["access-token-2"].issued_at == 8.5


def test_a_lost_response_issues_nothing() -> None:
    sent = (refresh(0.5, status=None), refresh(0.7, status=400, rule="B03"))
    assert words_of(*sent, given=(login(TokenState.EXPIRED),)) == {
        "access-token": "expired at the start; never sent",
        "refresh-token": "valid at the start; sent 2 times: no response once, 400 once",
    }


def test_the_states_of_a_login_are_those_of_its_two_tokens() -> None:
    used = words_of(given=(login(TokenState.USED),))
    assert used["access-token"].startswith("expired at the start")
    assert used["refresh-token"].startswith("used at the start")
    unknown = words_of(given=(login(TokenState.EXPIRED, Form.UNKNOWN_REFRESH_TOKEN),))
    assert unknown["refresh-token"].startswith("unknown at the start")


def test_a_sign_in_issues_the_first_tokens() -> None:
    code = refresh(1.8, credential=None, credential_header=None, rule="code")
    stored = StoredLogin(state=LoginState.USABLE, access="access-token", refresh="refresh-token")
    found = words_of(code, message(1.9), stored=stored)
    assert found["access-token"] == "issued at 1.80 s; sent once: 200; stored at the end"


def test_a_foreign_token_is_not_issued() -> None:
    assert words_of(refresh(0.5), message(1.0, credential="foreign"))["foreign"] == (
        "not issued by the backend; sent once: 200"
    )


def test_one_credential_without_a_token_request_has_no_history() -> None:
    key = Credential(token=TokenKind.API_KEY, via=Via.API_KEY_VARIABLE)
    assert lives_of(message(1.0, credential="api-key"), telemetry(1.1), given=(key,)) == {}


def test_two_credentials_show_which_was_sent() -> None:
    key = Credential(token=TokenKind.API_KEY, via=Via.API_KEY_VARIABLE)
    found = words_of(message(1.0, credential="api-key"), given=(key, login()))
    assert found["api-key"] == "valid at the start; sent once: 200"
    assert found["access-token"] == "valid at the start; never sent"


def test_a_key_in_a_header_beside_another_credential_was_sent() -> None:
    key = Credential(token=TokenKind.GATEWAY_KEY, via=Via.HEADER, header="X-Corp-Key")
    token = Credential(token=TokenKind.ACCESS_TOKEN, via=Via.BEARER)
    headers = {
        "authorization": "Bearer [redacted:access-token]",
        "x-corp-key": "[redacted:gateway-key]",
        "x-team": "present",
    }
    asked = message(1.0, credential="access-token", headers=headers)
    assert words_of(asked, given=(key, token)) == {
        "gateway-key": "valid at the start; sent once: 200",
        "access-token": "valid at the start; sent once: 200",
    }
    record = with_login(claude(asked), (key, token), None)
    assert credential_words(record, sent=False) == ()
    assert len(credential_words(record, sent=True)) == 2


def test_many_credentials_are_bounded() -> None:
    exchanges = [message(float(n), credential=f"access-token-{n}") for n in range(50)]
    assert len(lives_of(*exchanges)) == MAX_LIVES
