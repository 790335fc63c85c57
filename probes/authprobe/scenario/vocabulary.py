"""Vocabulary of scenario files, for the error messages of the YAML layer."""

from typing import Final

from authprobe.core.client_kinds import Flow, Via
from authprobe.documents.vocabulary import Vocabulary
from authprobe.emulator.config import FAULT_PATTERN, AccountState, TokenState
from authprobe.observation.model import LoginExpiry, LoginState, Outcome
from authprobe.scenario.client_vocabulary import CLIENT_FILE
from authprobe.scenario.clients import CLIENT_PATTERN, Client
from authprobe.scenario.model import SLUG_PATTERN, URL_PATTERN, Form, Request

NAME: Final = "a name; use a-z, 0-9 and . + _ -"
SCENARIO: Final = Vocabulary(
    document="a scenario",
    start="its 'id'",
    nouns={
        Outcome: "an outcome",
        LoginState: "a state of a stored login",
        LoginExpiry: "an expiry of a stored login",
        Request: "a request",
        TokenState: "a state of a token",
        AccountState: "a state of an account",
        Via: "a way to hand over a credential",
        Form: "a form of a credential",
        Flow: "a flow",
        **CLIENT_FILE.nouns,
    },
    patterns={
        SLUG_PATTERN: NAME,
        URL_PATTERN: (
            "an address; write one as https://api.anthropic.com, without user, query or spaces"
        ),
        CLIENT_PATTERN: "a client; write kind@version, as in claude-code@2.1.31",
        **CLIENT_FILE.patterns,
        FAULT_PATTERN: "the name of a fault; `authprobe emulator --rules` lists them",
    },
    scalars=frozenset({Client}),
)
