"""The table of the variables that a scenario may set."""

import re

import pytest

from authprobe.core.client_kinds import VARIABLES, ClientKind
from authprobe.core.client_variables import (
    CLIENT_VARIABLES,
    VALUE_PATTERNS,
    ClientVariable,
    ValueKind,
    url_host,
)

PLACES = re.compile(r"_(?:DIR|DIRS|FILE|PATH|URL|URI|HOST|ENDPOINT|PROXY|SOCKET|SHELL)$")


@pytest.mark.parametrize("variable", CLIENT_VARIABLES.values(), ids=lambda each: each.name)
def test_each_variable_has_a_source_and_readers(variable: ClientVariable) -> None:
    assert variable.source.startswith(("https://", "found in "))
    assert variable.clients
    assert ClientKind.RAW_HTTP not in variable.clients
    assert bool(variable.choices) is (variable.value is ValueKind.CHOICE)


def test_only_paths_in_the_home_and_checked_addresses_have_the_name_of_a_place() -> None:
    places = {name for name in CLIENT_VARIABLES if PLACES.search(name)}
    kinds = ValueKind.HOME_PATH, ValueKind.ADDRESS
    assert places <= {n for n, each in CLIENT_VARIABLES.items() if each.value in kinds}


def test_credentials_are_not_in_the_table_except_for_headers() -> None:
    assert CLIENT_VARIABLES.keys() & set(VARIABLES) == {"ANTHROPIC_CUSTOM_HEADERS"}


@pytest.mark.parametrize("kind", [kind for kind in VALUE_PATTERNS if kind is not ValueKind.ADDRESS])
@pytest.mark.parametrize(
    "text",
    [
        *("/", "/etc/passwd", "~/x", "../x", "a/../b", "{home}/../x", "{home}/bin/node", "{home}"),
        *(
            "http://x",
            "//x",
            "$(id)",
            "`id`",
            "a b",
            "a;b",
            "a\nb",
            "@file",
            "-x",
        ),
        *("{home}/a/../../x", "{home}//bin", "{home}/.", "{home}/a/..", "\0", "{home}/a\n"),
    ],
)
def test_no_kind_of_value_admits_a_place_outside_of_the_home(kind: ValueKind, text: str) -> None:
    assert VALUE_PATTERNS[kind].fullmatch(text) is None


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("https://llm.corp.example", "llm.corp.example"),
        ("https://LLM.Corp.example:8443/anthropic/", "llm.corp.example"),
        ("http://llm/a/b.c~d", "llm"),
    ],
)
def test_an_address_has_a_host(text: str, host: str) -> None:
    assert url_host(text) == host


@pytest.mark.parametrize(
    "text",
    [
        *("https://", "https:///x", "https:/llm.corp.example", "//llm.corp.example", "ftp://x"),
        *("https://me@llm.corp.example", "https://llm.corp.example:pw@evil.example"),
        *("https://evil.example#@llm.corp.example", "https://evil.example?@llm.corp.example"),
        *("https://evil.example\\@llm.corp.example", "https://llm.corp.example\\.evil.example"),
        *("https://llm.corp.example/../x", "https://llm.corp.example/.", "https://llm/%2e%2e/x"),
        *("https://llm.corp.example//evil.example", "https://llm.corp.example/a b"),
        *("https://llm.corp.example:", "https://llm.corp.example:0", "https://llm:99999"),
        *("https://llm.corp.example\n", "https://llm.corp.example\t", " https://llm.corp.example"),
        *("https://llm\u3002corp\uff0eexample", "https://llm.corp.\u0435xample"),
        *("https://[::1]", "https://llm.corp.example.", "https://.llm.corp.example"),
        *("HTTPS://llm.corp.example", "javascript:alert(1)", "file:///etc/passwd", "https://x?a=b"),
    ],
)
def test_a_deceptive_address_is_none(text: str) -> None:
    assert url_host(text) is None
