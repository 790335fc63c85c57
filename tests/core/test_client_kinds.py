"""The table of client kinds, and the other places that must cover the same kinds."""

import pytest

from authprobe.core.client_kinds import CLIENTS, ClientKind, Flow, Registry, Via, package_of
from authprobe.emulator.exchange_recorder import product_pattern
from authprobe.engine.probe import RUNNERS


def test_the_table_and_the_runners_cover_every_kind() -> None:
    assert set(CLIENTS) == set(RUNNERS) == set(ClientKind)


@pytest.mark.parametrize("kind", ClientKind)
def test_every_kind_has_a_flow_and_a_way_to_receive_credentials(kind: ClientKind) -> None:
    spec = CLIENTS[kind]
    assert Flow.PROMPT in spec.flows
    assert spec.vias
    assert spec.surface


@pytest.mark.parametrize("kind", ClientKind)
def test_a_second_client_is_one_that_needs_none_itself(kind: ClientKind) -> None:
    for through in CLIENTS[kind].throughs:
        assert CLIENTS[ClientKind(through.kind)].throughs == ()


@pytest.mark.parametrize(
    ("agent", "products"),
    [
        ("claude-cli/2.1.31 (external, cli)", ["claude-cli/2.1.31"]),
        ("claude-code/2.1.31 agent-sdk/0.1.2", ["claude-code/2.1.31", "agent-sdk/0.1.2"]),
        ("Anthropic/Python 0.64.0", ["Anthropic/Python 0.64.0"]),
        ("Anthropic/JS 0.60.0-beta.1", ["Anthropic/JS 0.60.0-beta.1"]),
        ("authprobe/0.1.0 litellm/1.2", ["authprobe/0.1.0", "litellm/1.2"]),
        ("curl/8.0 Anthropic/Go 1.0", []),
    ],
)
def test_the_emulator_recognises_the_product_names_of_the_table(
    agent: str, products: list[str]
) -> None:
    assert product_pattern(frozenset()).findall(agent) == products


def test_only_authprobe_itself_has_no_package() -> None:
    assert {kind for kind, spec in CLIENTS.items() if spec.package is None} == {ClientKind.RAW_HTTP}
    with pytest.raises(ValueError, match="raw-http is authprobe itself, which has no package"):
        package_of(ClientKind.RAW_HTTP)


@pytest.mark.parametrize(
    ("kind", "requirements"),
    [
        (ClientKind.CLAUDE_CODE, ("@anthropic-ai/claude-code@1.2.3",)),
        (ClientKind.ANTHROPIC_PYTHON, ("anthropic==1.2.3",)),
    ],
)
def test_a_package_is_spelled_as_the_installer_of_its_registry_expects(
    kind: ClientKind, requirements: tuple[str, ...]
) -> None:
    assert package_of(kind).requirements("1.2.3") == requirements


def test_an_npm_package_is_installed_with_its_pinned_companions() -> None:
    package = package_of(ClientKind.ANTHROPIC_NODE)
    assert package.registry is Registry.NPM
    assert package.requirements("1.2.3")[0] == "@anthropic-ai/sdk@1.2.3"
    assert all("@" in companion for companion in package.requirements("1.2.3")[1:])


def test_only_requests_of_authprobe_take_a_credential_in_a_header() -> None:
    takers = {kind for kind, spec in CLIENTS.items() if Via.BEARER in spec.vias}
    assert takers == {ClientKind.RAW_HTTP}
