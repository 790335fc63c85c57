"""The bundled causes are complete, and a causes file is validated strictly."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from authprobe.commands.explain import explain_text
from authprobe.diagnosis.causes import CAUSES_FILE, UNKNOWN, Cause, causes
from authprobe.diagnosis.causes_file import load_causes
from authprobe.engine.runner import load_plan
from authprobe.errors import RecordError
from authprobe.settings import Settings

EMULATED_GATEWAY_IDS = frozenset(
    (
        "gateway-own-key",
        "gateway-header-missing",
        "gateway-wants-claude-credential",
        "gateway-wrong-path",
        "gateway-strips-header",
        "gateway-rewrites-error",
    )
)
"""What only the emulator knows of a gateway; no text shows it."""
NEW_IDS = frozenset(
    (
        "other-service-credential",
        "cloud-credential",
        "sandbox-blocks-login",
        "long-context-not-in-plan",
        "callback-unreachable",
        "stale-copy-of-login",
        "refresh-lock",
        "beta-unknown",
        "policy-refusal",
        "organization-on-hold",
        "config-folder-mismatch",
        "base-url-overridden",
    )
)
"""Causes of which the corpus had no text when they were added."""
REQUIRED_IDS = (
    EMULATED_GATEWAY_IDS
    | NEW_IDS
    | frozenset(
        (
            "oauth-beta-missing",
            "oauth-token-as-api-key",
            "api-key-invalid",
            "bearer-unknown",
            "access-token-expired",
            "access-token-revoked",
            "scope-missing",
            "org-oauth-disabled",
            "org-disabled",
            "not-a-member",
            "client-not-allowed",
            "extra-usage-exhausted",
            "credit-exhausted",
            "rate-limited",
            "overloaded",
            "region-refused",
            "edge-blocked",
            "endpoint-retired",
            "endpoint-wrong-path",
            "refresh-token-rejected",
            "refresh-request-malformed",
            "token-endpoint-throttled",
            "credential-blanked",
            "credential-missing",
            "credential-malformed",
            "ambient-credential-shadows",
            "api-key-helper-failing",
            "onboarding-gate",
            "keychain-unavailable",
            "gateway-strips-beta",
            "gateway-wrong-header",
            "gateway-upstream-credential",
            "tls-untrusted-ca",
            "proxy-unreachable",
            "dns-failure",
            "host-not-emulated",
            "clock-skew",
            "cli-regression",
            "authorize-request-refused",
            "login-timeout",
            "server-incident",
            "wrapper-hides-error",
            "not-auth",
            "unknown",
        )
    )
)


def test_every_required_cause_exists() -> None:
    assert set(causes()) >= REQUIRED_IDS


@pytest.mark.parametrize("cause", causes().values(), ids=lambda cause: cause.id)
def test_a_cause_has_every_field(cause: Cause) -> None:
    assert cause.summary.endswith(".")
    assert cause.remedy.text.endswith(".")
    if cause.id == UNKNOWN:
        return
    assert cause.signs
    assert cause.experiment is not None
    assert cause.sources
    assert all(source.startswith("https://") for source in cause.sources)
    assert cause.seen is not None
    assert cause.seen[0] <= cause.seen[1]


def test_an_experiment_names_a_bundled_case() -> None:
    bundled = {case.id for case in load_plan(Settings()).cases}
    experiments = [cause.experiment for cause in causes().values() if cause.experiment]
    assert {experiment.case for experiment in experiments if experiment.case} <= bundled


@pytest.mark.parametrize("cause", causes().values(), ids=lambda cause: cause.id)
def test_no_remedy_suggests_impersonating_another_client_or_disabling_tls(cause: Cause) -> None:
    remedy = f"{cause.remedy.text} {' '.join(cause.remedy.commands)}".lower()
    for word in ("user-agent", "system prompt", "client id", "x-app"):
        assert word not in remedy
    assert "node_tls_reject_unauthorized" not in remedy


VALID_CAUSE = """
- id: first
  summary: It is so.
  group: service
  signs: [{status: ["418"], weight: strong}]
  remedy: {text: Wait., tier: wait}
"""


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"summary": "sumary"}, r"3:3: unknown key 'sumary'; did you mean 'summary'\?"),
        ({"  summary: It is so.\n": ""}, "2:3: the key 'summary' is missing"),
        ({"service": "servise"}, "4:10: 'servise' is not a group; did you mean 'service'"),
        ({"strong": "big"}, "5:37: 'big' is not a weight"),
        (
            {'status: ["418"]': "says: [Tea Pot]"},
            "5:19: item 1 of 'says': a phrase is groups of lower-case words",
        ),
        ({"tier: wait": "tier: nobody"}, "'nobody' is not a tier"),
        ({"  remedy": "  yields_to: [second]\n  remedy"}, "6:15: no such cause: 'second'"),
        ({"- id": "x: 1\n- id"}, "not YAML"),
        ({VALID_CAUSE: "a: 1"}, "1:1: a causes file must be a list, not a mapping"),
        ({"[{status": "[{}, {status"}, "a condition needs at least one key"),
    ],
)
def test_an_invalid_file_is_reported_with_line_and_column(
    tmp_path: Path, changed: Mapping[str, str], message: str
) -> None:
    text = VALID_CAUSE
    for old, new in changed.items():
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "causes.yaml"
    path.write_text(text)
    with pytest.raises(RecordError, match=message) as caught:
        load_causes(path)
    assert str(caught.value).startswith(f"{path}:")


def test_a_duplicate_id_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "causes.yaml"
    path.write_text(VALID_CAUSE + VALID_CAUSE)
    with pytest.raises(RecordError, match="8:7: duplicate id 'first'"):
        load_causes(path)


def test_a_valid_file_loads(tmp_path: Path) -> None:
    path = tmp_path / "causes.yaml"
    path.write_text(VALID_CAUSE)
    assert set(load_causes(path)) == {"first"}


def test_the_bundled_causes_are_what_the_strict_reader_returns() -> None:
    assert load_causes(CAUSES_FILE) == causes()


@pytest.mark.parametrize(
    ("cause", "error"),
    [(cause.id, error) for cause in causes().values() for error in cause.errors],
)
def test_the_exact_words_of_an_error_lead_to_its_cause(cause: str, error: str) -> None:
    (explanation,) = explain_text(error)
    assert explanation.matches[0].cause.id == cause


def test_no_two_causes_have_the_same_error() -> None:
    errors = [error for cause in causes().values() for error in cause.errors]
    assert len(errors) > 80
    assert len(errors) == len(set(errors))


@pytest.mark.parametrize("cause", causes().values(), ids=lambda cause: cause.id)
def test_what_only_concerns_some_versions_is_the_end_of_a_remedy(cause: Cause) -> None:
    """Most readers have another version: what helps them comes first."""
    *others, _ = re.split(r"(?<=[.;:,]) ", cause.remedy.text)
    assert not [part for part in others if re.search(r"\d+\.\d+\.\d+", part)]
