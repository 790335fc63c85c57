"""Texts get the right causes, by their signs and the trained model together."""

import pytest

from authprobe.diagnosis.causes import NOT_AUTH, UNKNOWN, causes
from authprobe.diagnosis.decision import decide
from authprobe.diagnosis.match import ConfidenceLevel
from authprobe.diagnosis.model import MODEL_FILE, model, model_from_bytes
from authprobe.diagnosis.text_facts import symptom_from_text
from bench.corpus import read_part

CREDENTIALS = frozenset(
    {"bearer-unknown", "access-token-expired", "access-token-revoked", "api-key-invalid"}
)


def cause_ids(text: str) -> tuple[str, ...]:
    """Return the ids of the causes of a text, most confident first."""
    return tuple(match.cause.id for match in decide(symptom_from_text(text)))


@pytest.mark.parametrize(
    "text",
    [
        "401 after: Request timed out.",
        "getaddrinfo ENOTFOUND api.anthropic.com, then 401",
        "HTTP 503 Service Unavailable, shown as 401, please run /login",
        "429 Too Many Requests; 401 before",
        "API Error: 401 <html><title>502 Bad Gateway</title> cloudflare · Please run /login",
        "captive portal: 401 and a login page",
        "CERTIFICATE_VERIFY_FAILED 401",
        "clock skew: token 401",
        "Connection error. 401",
    ],
)
def test_a_network_or_service_error_is_not_blamed_on_the_credential(text: str) -> None:
    assert CREDENTIALS.isdisjoint(cause_ids(text))


@pytest.mark.parametrize(
    "text",
    ["401", "api error", "it does not work", "cannot login", "HTTP 403", "asks me to log in"],
)
def test_a_text_with_too_little_information_is_unknown(text: str) -> None:
    assert cause_ids(text)[0] == UNKNOWN


@pytest.mark.parametrize(
    "text",
    [
        "please add a dark mode for the diff view in the terminal",
        "TypeError: Cannot read properties of undefined (reading 'x')",
        "prompt is too long: 210000 tokens > 200000 maximum",
    ],
)
def test_a_text_about_something_else_is_not_auth(text: str) -> None:
    assert cause_ids(text)[0] == NOT_AUTH


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            "Could not refresh your login because another Claude Code process is refreshing it (or "
            "exited mid-refresh) · Try again in a minute",
            "refresh-lock",
        ),
        (
            "Failed to refresh OAuth token: another Claude Code process is refreshing it or exited "
            "mid-refresh. This is usually transient",
            "refresh-lock",
        ),
        (
            "Your account does not have access to Claude. Please login again or contact your "
            "administrator.",
            "access-token-revoked",
        ),
        ("Your organization does not have access to Claude.", "org-oauth-disabled"),
        ('{"type":"assistant","error":"account_on_hold"}', "organization-on-hold"),
        ('{"type":"assistant","error":"verification_required"}', "verification-required"),
        ('{"type":"assistant","error":"cloud_credential_error"}', "cloud-credential"),
        ('400 {"error":{"details":{"error_code":"organization_on_hold"}}}', "organization-on-hold"),
        ('402 {"error_code":"linked_organization_spend_limit_reached"}', "credit-exhausted"),
        ('503 {"error_code":"cmek_key_unreachable"}', "encryption-key-unavailable"),
        ('400 {"error_code":"cmek_key_disabled"}', "encryption-key-unavailable"),
        ('400 {"error_code":"claude_code_version_too_old"}', "client-too-old"),
        ('400 {"error_code":"claude_code_key_creator_not_member"}', "not-a-member"),
        ('403 {"error_code":"sandbox_egress_restricted"}', "sandbox-restricted"),
        (
            "401 CORS requests are not allowed for this Organization because of custom retention "
            "settings",
            "browser-refused",
        ),
    ],
)
def test_words_and_codes_of_autumn_2026_have_their_cause(text: str, cause: str) -> None:
    assert cause_ids(text)[0] == cause


@pytest.mark.parametrize(
    "text",
    [
        "400 anthropic-workspace-id is required when authenticating with an identity-linked API "
        "key; send the id of the workspace this request acts in.",
        "anthropic-workspace-id header must be a valid workspace ID.",
        "Every request of our bot fails since it has the key of a service account:\n"
        "Error code: 400 - anthropic-workspace-id is required when authenticating with an "
        "identity-linked API key\nThe key that it had before still works in the terminal.",
    ],
)
def test_a_key_of_many_workspaces_without_the_header_lacks_the_header(text: str) -> None:
    assert cause_ids(text)[0] == "workspace-id-missing"


def test_the_missing_header_of_a_version_is_not_one_of_a_workspace() -> None:
    assert "workspace-id-missing" not in cause_ids("400 anthropic-version: header is required")


def test_the_model_is_made_from_the_corpus_and_the_features_of_today() -> None:
    from bench.training import fingerprint  # with scikit-learn, whose import takes a second

    assert model().training == fingerprint(), "run `make model`"


def test_the_model_names_only_causes_that_exist() -> None:
    assert set(model().causes) <= set(causes())


def test_the_model_stays_small_and_its_file_is_read_as_written() -> None:
    assert MODEL_FILE.stat().st_size < 600_000
    assert model_from_bytes(model().to_bytes()) == model()


def test_the_heaviest_evidence_comes_first_and_noise_is_left_out() -> None:
    text = "\n".join(
        (
            "git status returned 0",
            "Rendering 42 messages",
            "ANTHROPIC_BASE_URL is https://gateway.example, and the token is ours",
            "Error: 403 AccessDeniedException: not authorized to perform bedrock:InvokeModel",
            "and our CI is red since yesterday, after the update of the image",
        )
    )
    first, *others = decide(symptom_from_text(text))
    weights = [evidence.weight or 0.0 for evidence in first.evidence]
    assert len(weights) > 0
    assert weights == sorted(weights, reverse=True)
    assert not {1, 2} & {evidence.line for evidence in first.evidence}
    assert all(match.confidence >= 0.05 for match in others)


def test_nothing_is_evidence_of_an_unknown_cause() -> None:
    (first, *_) = decide(symptom_from_text("our CI is red since yesterday, and nobody can log in"))
    assert (first.cause.id, first.evidence) == (UNKNOWN, ())


def test_the_lines_that_decide_are_the_evidence() -> None:
    first, *_ = decide(
        symptom_from_text(
            "We have run this service for two years.\n"
            "Since Monday it says 401 OAuth token has expired.\n"
            "It runs on Linux."
        )
    )
    assert first.cause.id == "access-token-expired"
    assert first.evidence[0].line == 2
    assert str(first.evidence[0]).startswith("line 2 (+")


def test_the_read_part_is_answered_as_it_is_labelled() -> None:
    entries = read_part("read")
    right = sum(cause_ids(entry["text"])[0] == entry["cause"] for entry in entries)
    assert right / len(entries) >= 0.9


@pytest.mark.parametrize(
    "text",
    [
        "I copied .credentials.json to the server. API Error: 401 OAuth token has expired. "
        "When I log in there, the laptop is logged out.",
        "Bonjour, j'ai copié .credentials.json sur le serveur. Quand je me connecte là-bas, le "
        "portable est déconnecté : API Error: 401 OAuth token has expired.",
    ],
)
def test_a_copy_of_a_login_is_offered_beside_an_expired_token(text: str) -> None:
    assert "stale-copy-of-login" in cause_ids(text)


def test_a_copied_login_that_expires_is_a_stale_copy() -> None:
    text = (
        "I copied ~/.claude/.credentials.json to my VPS. It worked for a day, now it says: API "
        "Error: 401 OAuth token has expired. Please obtain a new token. On my laptop everything "
        "is fine."
    )
    assert cause_ids(text)[0] == "stale-copy-of-login"


def test_a_copied_access_token_that_nothing_renews_is_expired() -> None:
    text = (
        "OAuth token has expired. CLAUDE_CODE_OAUTH_TOKEN has the access token that I copied "
        "last night, without a refresh token, and nobody else uses that login"
    )
    assert cause_ids(text)[0] == "access-token-expired"


@pytest.mark.parametrize(
    "text",
    [
        "How do I mock a 529 overloaded_error in pytest for my client?",
        'docs: explain what "OAuth token has expired" means',
        "500 Internal Server Error on our Django app when saving a form",
        "API Error: 529 from our own inventory service: warehouse overloaded",
        "Gitlab CI: 403 Forbidden this organization has been disabled",
        "Not logged in. Please run /login in your Slack bot",
        "getaddrinfo ENOTFOUND packages.warehouse.example",
    ],
)
def test_a_message_that_may_be_another_products_is_not_certain(text: str) -> None:
    assert decide(symptom_from_text(text))[0].level is not ConfidenceLevel.CERTAIN


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("OAuth token has expired", "access-token-expired"),
        ("API Error: 529 Overloaded. Retrying in 8 seconds (attempt 3/10)", "overloaded"),
        ("Since noon Claude Code says 529 Overloaded in every window", "overloaded"),
        ("Failed to authenticate. API Error: 401 Invalid bearer token", "bearer-unknown"),
        ("Credit balance is too low", "credit-exhausted"),
    ],
)
def test_a_message_alone_or_with_the_name_of_claude_is_certain(text: str, cause: str) -> None:
    first = decide(symptom_from_text(text))[0]
    assert (first.cause.id, first.level) == (cause, ConfidenceLevel.CERTAIN)
