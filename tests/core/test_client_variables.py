"""The table of the variables that a scenario may set."""

import re

import pytest

from authprobe.core.client_kinds import VARIABLES, ClientKind
from authprobe.core.client_variables import (
    CLIENT_VARIABLES,
    VALUE_PATTERNS,
    ClientVariable,
    ValueKind,
)

PLACES = re.compile(r"_(?:DIR|DIRS|FILE|PATH|URL|URI|HOST|ENDPOINT|PROXY|SOCKET|SHELL)$")


@pytest.mark.parametrize("variable", CLIENT_VARIABLES.values(), ids=lambda each: each.name)
def test_each_variable_has_a_source_and_readers(variable: ClientVariable) -> None:
    assert variable.source.startswith(("https://", "found in "))
    assert variable.clients
    assert ClientKind.RAW_HTTP not in variable.clients
    assert bool(variable.choices) is (variable.value is ValueKind.CHOICE)


def test_only_paths_in_the_private_home_have_the_name_of_a_place() -> None:
    places = {name for name in CLIENT_VARIABLES if PLACES.search(name)}
    paths = {n for n, each in CLIENT_VARIABLES.items() if each.value is ValueKind.HOME_PATH}
    assert places <= paths


def test_credentials_are_not_in_the_table_except_for_headers() -> None:
    assert CLIENT_VARIABLES.keys() & set(VARIABLES) == {"ANTHROPIC_CUSTOM_HEADERS"}


@pytest.mark.parametrize("kind", VALUE_PATTERNS)
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
