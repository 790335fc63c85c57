"""Commands that may renew a stored login."""

import pytest

from authprobe.core.login_renewal import LoginCommand, may_renew

PROMPT, STATUS = LoginCommand.PROMPT, LoginCommand.AUTH_STATUS


@pytest.mark.parametrize(
    ("command", "minutes_left", "expected"),
    [
        (STATUS, 480, False),
        (STATUS, 4, True),
        (STATUS, -1, True),
        (LoginCommand.DOCTOR, 480, False),
        (LoginCommand.DOCTOR, -1, True),
        (PROMPT, 6, False),
        (PROMPT, 4, True),
        (PROMPT, 5, True),
        (LoginCommand.BARE_PROMPT, -1, True),
        (LoginCommand.VERSION, -1, False),
        (LoginCommand.HELP, -1, False),
    ],
)
def test_a_login_near_its_end_is_renewed(
    command: LoginCommand, minutes_left: float, expected: bool
) -> None:
    renews = may_renew(command, "2.1.332", minutes_left=minutes_left, access_refused=False)
    assert renews is expected


@pytest.mark.parametrize(
    ("version", "expected"), [("2.1.112", False), ("2.1.182", True), ("2.1.240", True)]
)
def test_old_versions_of_auth_status_only_read(version: str, expected: bool) -> None:
    assert may_renew(STATUS, version, minutes_left=-1) is expected


@pytest.mark.parametrize("version", ["2.1.333", "3.0.0", "latest", "", "9e9", "two\x1b[31m"])
def test_an_unknown_version_counts_as_renewing(version: str) -> None:
    assert may_renew(STATUS, version, minutes_left=480)
    assert not may_renew(LoginCommand.VERSION, version, minutes_left=480)


def test_a_refused_question_renews_a_login_with_hours_left() -> None:
    assert may_renew(PROMPT, "2.1.332", minutes_left=480)
    assert not may_renew(PROMPT, "2.1.332", minutes_left=480, access_refused=False)


def test_a_credential_in_the_environment_stops_some_renewals() -> None:
    assert may_renew(PROMPT, "2.1.332", minutes_left=-1, has_api_key=True)
    assert not may_renew(PROMPT, "2.1.332", minutes_left=-1, has_environment_token=True)
    assert not may_renew(LoginCommand.BARE_PROMPT, "2.1.332", minutes_left=-1, has_api_key=True)
    assert not may_renew(PROMPT, "2.1.332", minutes_left=-1, has_refresh_token=False)
