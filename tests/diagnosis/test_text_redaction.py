"""Redaction of texts from elsewhere: credentials of any service, with the lines as they are."""

import pytest

from authprobe.diagnosis.text_facts import symptom_from_text
from authprobe.diagnosis.text_redaction import redact_text
from tests.support.speed import processor_time_below

TAIL = "Q7w8E9r0T1y2U3i4"


@pytest.mark.parametrize(
    "text",
    [
        f"Received API Key = sk-{TAIL}, Key Hash (Token) =88dc28",
        f"Key Hash (Token) ={TAIL}",
        f"X-Gateway-Key: gw-{TAIL}",
        f"X-Gateway-Key: {TAIL}",
        f"slack xoxb-{TAIL}",
        f"google ya29.{TAIL}",
        f"openai sk-proj-{TAIL}",
        f"openai sk-{TAIL}",
        f"google AIza{TAIL}",
        f"id AKIA{TAIL.upper()}",
        f"password: {TAIL}",
        f'"password": "{TAIL} and more"',
        f'{{"client_secret":"{TAIL}"}}',
        f'{{\\"apiKey\\":\\"{TAIL}\\"}}',
        f"Set-Cookie: {TAIL}; path=/",
        f"aws_secret_access_key = {TAIL}",
        f"https://gw.example/v1?key={TAIL}&b=1",
        f"-----BEGIN RSA PRIVATE KEY-----\n{TAIL}\n{TAIL}\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_credentials_of_other_services_are_redacted(text: str) -> None:
    redacted = redact_text(text)
    assert TAIL.lower() not in redacted.lower()
    assert redacted.count("\n") == text.count("\n")


@pytest.mark.parametrize(
    "text",
    [
        "Invalid password: must be longer",
        "token: expired",
        "max_tokens: 8192, tokens=12345678",
        "task-12345678901234567 disk-abc123def456ghi",
        "Invalid API key · Please run /login",
        "ANTHROPIC_API_KEY=$MY_KEY",
    ],
)
def test_words_about_credentials_stay(text: str) -> None:
    assert redact_text(text) == text


@pytest.mark.parametrize(
    "before",
    [
        "Proxy-Authorization: Basic dXNlcjpwYXNzd29yZDEyMzQ1Njc4\nX-Request-Id: 123\nHost: gw\n",
        f"key sk-ant-api03-{'Ab3' * 12}\n{'Cd4' * 15}\n",
        f"key sk-ant-api03-{'Ab3' * 12}\r\n{'Cd4' * 15}\r\n\r\n",
        f"x-api-key:\n  {TAIL}{TAIL}\n",
        "<html>\n<body\nclass='x'>\n&#10;<script>\n</script>\n",
    ],
)
def test_a_redaction_leaves_the_lines_of_the_rest(before: str) -> None:
    text = f"{before}Error: HTTP 529 Overloaded"
    ((_, facts),) = (
        (kind, facts)
        for kind, facts in symptom_from_text(text).fact_sets[0].facts.items()
        if "529" in facts
    )
    evidence = facts["529"]
    assert evidence.line == text.count("\n") + 1
    assert evidence.text == "Error: HTTP 529 Overloaded"


@pytest.mark.parametrize(
    "part", ["key:", "password=", 'password: "', "sk-", "?key=", "-----BEGIN PRIVATE KEY-----", "A"]
)
def test_a_hostile_text_is_redacted_in_limited_time(part: str) -> None:
    text = part * (300_000 // len(part))
    with processor_time_below(10):
        redact_text(text)
