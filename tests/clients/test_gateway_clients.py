"""What a client gets for a gateway of one's own: variables, settings, headers and folders."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from authprobe.clients import raw_http
from authprobe.clients.base import Laboratory, Sandbox
from authprobe.clients.home_inspection import inspect_home
from authprobe.clients.variables import recorded_headers, scenario_variables
from authprobe.core.client_kinds import Via
from authprobe.core.isolation import Isolation
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import (
    Backend,
    CredentialTreatment,
    Fault,
    Holds,
    Host,
    Requirement,
    Service,
    TokenKind,
)
from authprobe.errors import ClientError
from authprobe.observation.model import LoginExpiry, LoginState, Outcome
from authprobe.plan.case import Case
from authprobe.scenario.model import Credential, Endpoint, Expectation, ExpectedRequest, Form
from tests.support.make import make_case, make_observation

NAME = "llm.corp.example"
URL = f"https://{NAME}/v1/messages"
BASE = "ANTHROPIC_BASE_URL"
KEY_IN_HEADER = Credential(
    token=TokenKind.GATEWAY_KEY, via=Via.CUSTOM_HEADERS_VARIABLE, header="X-Corp-Key"
)
LOGIN = Credential(token=TokenKind.LOGIN, via=Via.CREDENTIALS_FILE)
TOKEN = Credential(token=TokenKind.ACCESS_TOKEN, via=Via.CUSTOM_HEADERS_VARIABLE)


def case_with(*credentials: Credential, **changes: Any) -> Case:
    return replace(
        make_case(), credentials=credentials, backend=Backend(hosts={NAME: Host()}), **changes
    )


def value_of(sandbox: Sandbox, slot: str) -> str:
    token = sandbox.backend.tokens.by_slot(slot)
    assert token is not None
    return token.value


def test_the_settings_file_has_the_variables_of_the_scenario_and_the_credential(
    laboratory: Laboratory,
) -> None:
    key = Credential(
        token=TokenKind.GATEWAY_KEY, via=Via.SETTINGS_ENV, variable=Via.AUTH_TOKEN_VARIABLE
    )
    url = f"https://{NAME}/anthropic"
    with laboratory.sandbox(case_with(key, settings_env={BASE: url})) as sandbox:
        environment = sandbox.environment({})
        settings = json.loads((sandbox.config_folder / "settings.json").read_text())
        value = value_of(sandbox, "gateway-key")
        assert settings == {"env": {BASE: url, "ANTHROPIC_AUTH_TOKEN": value}}
        assert BASE not in environment


def test_headers_of_credentials_and_of_the_scenario_are_sent_together(
    laboratory: Laboratory,
) -> None:
    variables = {"ANTHROPIC_CUSTOM_HEADERS": "X-Team: payments"}
    with laboratory.sandbox(case_with(KEY_IN_HEADER, TOKEN, environment=variables)) as sandbox:
        lines = sandbox.environment({})["ANTHROPIC_CUSTOM_HEADERS"].split("\n")
        assert lines == [
            "X-Team: payments",
            f"X-Corp-Key: {value_of(sandbox, 'gateway-key')}",
            f"Authorization: Bearer {value_of(sandbox, 'access-token')}",
        ]


def test_the_login_is_in_the_folder_that_the_client_reads(isolated: Laboratory) -> None:
    environment = {"CLAUDE_CONFIG_DIR": "{home}/own/claude"}
    with isolated.sandbox(case_with(LOGIN, environment=environment)) as sandbox:
        variables = sandbox.environment({})
        assert variables["CLAUDE_CONFIG_DIR"] == f"{sandbox.home}/own/claude"
        file = sandbox.home_folder / "own/claude/.credentials.json"
        assert value_of(sandbox, "access-token") in file.read_text()
        seen = inspect_home(sandbox, make_observation())
        assert seen.stored_login is not None
        assert (seen.stored_login.state, seen.leaks) == (LoginState.USABLE, ())


def test_two_logins_in_two_folders_are_told_apart(laboratory: Laboratory) -> None:
    other = replace(LOGIN, folder="{home}/other", form=Form.NO_EXPIRY)
    assert other.place != LOGIN.place
    with laboratory.sandbox(case_with(LOGIN, other)) as sandbox:
        sandbox.environment({})
        logins = [
            json.loads((sandbox.home_folder / folder / ".credentials.json").read_text())
            for folder in (".claude", "other")
        ]
        slots = ("access-token", "access-token-2")
        assert [each["claudeAiOauth"]["accessToken"] for each in logins] == [
            value_of(sandbox, slot) for slot in slots
        ]
        seen = inspect_home(sandbox, make_observation()).stored_login
        assert seen is not None
        assert (seen.access, seen.expiry) == ("access-token", LoginExpiry.AHEAD)
    with laboratory.sandbox(case_with(other)) as sandbox:
        sandbox.environment({})
        seen = inspect_home(sandbox, make_observation()).stored_login
        assert seen is not None
        assert (seen.access, seen.expiry) == ("access-token", LoginExpiry.ZERO)


@pytest.mark.parametrize(
    ("form", "missing"), [(Form.NO_SCOPES, "scopes"), (Form.NO_EXPIRY, "expiresAt")]
)
def test_a_login_can_lack_a_field(laboratory: Laboratory, form: Form, missing: str) -> None:
    with laboratory.sandbox(case_with(replace(LOGIN, form=form))) as sandbox:
        sandbox.environment({})
        text = (sandbox.config_folder / ".credentials.json").read_text()
        record = json.loads(text)["claudeAiOauth"]
        assert missing not in record
        assert {"accessToken", "refreshToken", "scopes", "expiresAt"} - record.keys() == {missing}


@pytest.mark.parametrize("via", [Via.API_KEY_VARIABLE, Via.API_KEY_HELPER])
def test_a_token_can_be_cut_short_and_is_still_redacted(laboratory: Laboratory, via: Via) -> None:
    credential = Credential(token=TokenKind.API_KEY, via=via, form=Form.CUT_SHORT)
    with laboratory.sandbox(case_with(credential)) as sandbox:
        environment = sandbox.environment({})
        value = value_of(sandbox, "api-key")
        helper = sandbox.home_folder / "api-key-helper"
        text = environment.get("ANTHROPIC_API_KEY") or helper.read_text()
        assert value[:-10] in text
        assert value[:-9] not in text
        other = "y" if value[-10] not in "yY" else "z"  # no part of the token, in either case
        assert sandbox.redactor(f"x{value[:-10]}{other}") == f"x[redacted:api-key]{other}"


def test_ids_of_federation_are_those_of_the_scenario(laboratory: Laboratory) -> None:
    token = Credential(token=TokenKind.IDENTITY_TOKEN, via=Via.IDENTITY_TOKEN_VARIABLE)
    variables = {"ANTHROPIC_FEDERATION_RULE_ID": "fdrl_other"}
    with laboratory.sandbox(case_with(token, environment=variables)) as sandbox:
        environment = sandbox.environment({})
        assert environment["ANTHROPIC_FEDERATION_RULE_ID"] == "fdrl_other"
        assert environment["ANTHROPIC_SERVICE_ACCOUNT_ID"] == "svac_authprobe"


@pytest.mark.parametrize(
    ("url", "isolation", "is_refused"),
    [
        (f"https://{NAME}", Isolation.NONE, False),
        ("https://api.anthropic.com", Isolation.NONE, False),
        ("https://llm.corp.com", Isolation.NONE, True),
        ("https://llm.corp.com", Isolation.NETWORK, False),
        ("https://LLM.Corp.com:8443/x", Isolation.SEALED, False),
        ("https://other.example", Isolation.SEALED, True),
        ("https://llm.corp.com@evil.example", Isolation.SEALED, True),
        ("https://127.0.0.1", Isolation.SEALED, True),
    ],
)
def test_a_client_gets_only_addresses_of_the_case(
    url: str, isolation: Isolation, is_refused: bool
) -> None:
    backend = CaseBackend(Backend(hosts={NAME: Host(), "llm.corp.com": Service.MESSAGES}))
    arguments: dict[str, Any] = {"home": Path("/h"), "isolation": isolation, "backend": backend}
    if is_refused:
        with pytest.raises(ClientError):
            scenario_variables({BASE: url}, **arguments)
    else:
        assert scenario_variables({BASE: url}, **arguments) == {BASE: url}


def test_headers_of_the_case_are_recorded_by_name() -> None:
    expectation = Expectation(
        outcome=Outcome.ACCEPTED,
        requests=(ExpectedRequest(headers={"X-Expected": "present"}),),
        no_requests=(ExpectedRequest(headers={"x-leaked": "present"}),),
    )
    case = case_with(
        KEY_IN_HEADER,
        environment={"ANTHROPIC_CUSTOM_HEADERS": "X-Team : payments\nx-b: c"},
        settings_env={"ANTHROPIC_CUSTOM_HEADERS": "X-Settings: 1"},
        expectation=expectation,
    )
    names = {"X-Corp-Key", "X-Team", "x-b", "X-Settings", "X-Expected", "x-leaked"}
    assert recorded_headers(case) == names


def test_a_request_of_ones_own_asks_a_gateway(laboratory: Laboratory) -> None:
    key = Credential(token=TokenKind.GATEWAY_KEY, via=Via.HEADER, header="X-Corp-Key")
    token = Credential(token=TokenKind.ACCESS_TOKEN, via=Via.BEARER, form=Form.CUT_SHORT)
    host = Host(
        requires=Requirement(header="x-corp-key", holds=Holds.GATEWAY_KEY),
        credential=CredentialTreatment.REPLACE,
    )
    endpoint = Endpoint(url=URL, model="claude-haiku-4-5", stream=True)
    case = replace(case_with(key, token), backend=Backend(hosts={NAME: host}), endpoint=endpoint)
    with laboratory.sandbox(case) as sandbox:
        headers, body = raw_http.make_request(sandbox, endpoint)
        assert body is not None
        assert body["model"] == "claude-haiku-4-5"
        assert headers["authorization"] == f"Bearer {value_of(sandbox, 'access-token')[:-10]}"
    with laboratory.sandbox(case) as sandbox:
        observation = raw_http.probe(sandbox)
    (exchange,) = observation.exchanges
    assert (observation.status, exchange.host, exchange.rule) == (200, NAME, "messages")
    assert exchange.headers["x-corp-key"] == "[redacted:gateway-key]"
    assert exchange.headers["authorization"] == "Bearer [redacted:access-token]"
    assert (exchange.credential, exchange.credential_header) == ("foreign", "authorization")


@pytest.mark.parametrize(
    "url", [f"http://{NAME}:8080/v1/messages", f"https://{NAME}:8443/v1/messages"]
)
def test_another_port_leads_to_the_same_gateway(laboratory: Laboratory, url: str) -> None:
    key = Credential(token=TokenKind.API_KEY, via=Via.X_API_KEY)
    case = replace(case_with(key), endpoint=Endpoint(url=url))
    with laboratory.sandbox(case) as sandbox:
        observation = raw_http.probe(sandbox)
    assert (observation.status, observation.exchanges[0].host) == (200, NAME)
    assert observation.egress_refused == ()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("connection-refused", "502 Connection refused"),
        ("name-not-found", "502 Name not found"),
        ("untrusted-certificate", "local issuer certificate"),
        ("expired-certificate", "certificate has expired"),
    ],
)
def test_faults_of_the_connection_happen_at_a_gateway(
    laboratory: Laboratory, fault: str, reason: str
) -> None:
    key = Credential(token=TokenKind.API_KEY, via=Via.X_API_KEY)
    backend = Backend(hosts={NAME: Host()}, faults=(Fault(name=fault, host=NAME),))
    case = replace(case_with(key), backend=backend, endpoint=Endpoint(url=URL))
    with laboratory.sandbox(case) as sandbox:
        observation = raw_http.probe(sandbox)
    assert (observation.outcome, observation.egress_refused) == (Outcome.UNREACHABLE, ())
    assert reason in (observation.detail or "")
