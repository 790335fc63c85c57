"""Vocabulary of scenario files, for the error messages of the YAML layer."""

import dataclasses
from typing import Final

from authprobe.core.client_kinds import Flow, Via
from authprobe.core.targets import Target
from authprobe.documents.vocabulary import Vocabulary
from authprobe.emulator.config import (
    BETA_PATTERN,
    FAULT_PATTERN,
    PREFIX_PATTERN,
    SCHEME_PATTERN,
    AccountState,
    CredentialTreatment,
    ErrorForm,
    Holds,
    Service,
    TokenKind,
    TokenState,
)
from authprobe.emulator.gateway import Act
from authprobe.observation.model import LoginExpiry, LoginState, Outcome
from authprobe.scenario.client_vocabulary import CLIENT_FILE
from authprobe.scenario.clients import CLIENT_PATTERN, Client
from authprobe.scenario.live import Ask
from authprobe.scenario.model import SLUG_PATTERN, URL_PATTERN, VARIABLE_PATTERN, Form, Request

NAME: Final = "a name; use a-z, 0-9 and . + _ -"
SCENARIO: Final = Vocabulary(
    document="a scenario",
    start="its 'id'",
    nouns={
        Outcome: "an outcome",
        LoginState: "a state of a stored login",
        LoginExpiry: "an expiry of a stored login",
        Request: "a request",
        TokenKind: "a kind of token",
        TokenState: "a state of a token",
        Target: "a target",
        Ask: "what can be asked",
        AccountState: "a state of an account",
        Via: "a way to hand over a credential",
        Form: "a form of a credential",
        Flow: "a flow",
        **CLIENT_FILE.nouns,
        Service: "what a host can serve",
        Holds: "what a gateway can expect in a header",
        CredentialTreatment: "what a gateway can do with a credential",
        Act: "what a gateway can do to a request",
        ErrorForm: "a form of an error",
    },
    patterns={
        SLUG_PATTERN: NAME,
        VARIABLE_PATTERN: "the name of a variable; use a-z, 0-9 and _ -",
        URL_PATTERN: (
            "an address; write one as https://api.anthropic.com, without user, query or spaces"
        ),
        CLIENT_PATTERN: "a client; write kind@version, as in claude-code@2.1.31",
        **CLIENT_FILE.patterns,
        BETA_PATTERN: "a flag of anthropic-beta, such as oauth-2025-04-20",
        SCHEME_PATTERN: "the word before a credential, such as Bearer",
        PREFIX_PATTERN: "the beginning of a path; write one as /anthropic, without / at its end",
        FAULT_PATTERN: "the name of a fault; `authprobe emulator --rules` lists them",
    },
    scalars=frozenset({Client}),
)
DEFINITION_FILE: Final = dataclasses.replace(
    SCENARIO, document="a file of definitions", start="such keys as 'credentials'"
)
