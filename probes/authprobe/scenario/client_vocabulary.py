"""Vocabulary of client definitions, for the error messages of the YAML layer."""

from typing import Final

from authprobe.documents.vocabulary import Vocabulary
from authprobe.emulator.config import HEADER_PATTERN, TokenKind
from authprobe.scenario.client_definitions import (
    KIND_PATTERN,
    PACKAGE_PATTERN,
    PATH_PATTERN,
    REQUIREMENT_PATTERN,
    VARIABLE_PATTERN,
    Each,
    Reach,
    RequestBody,
    Source,
)

CLIENT_FILE: Final = Vocabulary(
    document="a file of definitions",
    start="'clients'",
    nouns={
        Reach: "a way to reach the API",
        Source: "a source of a reading",
        Each: "a unit of a text",
        RequestBody: "a form of a request",
        TokenKind: "a kind of token",
    },
    patterns={
        KIND_PATTERN: "a name of a client; use a-z, 0-9 and -",
        PACKAGE_PATTERN: "a package; write its name alone, without a version",
        REQUIREMENT_PATTERN: "a package; write its name, or name==version, for npm name@version",
        VARIABLE_PATTERN: "the name of a variable",
        PATH_PATTERN: "a path; write one as /v1/messages",
        HEADER_PATTERN: "the name of a header",
    },
)
