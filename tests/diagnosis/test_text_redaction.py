"""Redaction of texts from elsewhere: credentials of any service, with the lines as they are."""

import pytest

from authprobe.diagnosis.text_facts import symptom_from_text
from authprobe.diagnosis.text_redaction import redact_text
from tests.support.speed import processor_time_below

TAIL = "Q7w8E9r0T1y2U3i4"
WORD = "correct-horse"
HEX = "0123456789abcdef" * 2


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
        f"Cookie: lang=en; sid={TAIL}",
        f"Set-Cookie: a=b; sid={TAIL}; Path=/",
        f'{{"cookie":["a={TAIL}"]}}',
        f"headers=[(b'x-api-key', b'{TAIL}'), (b'host', b'gw')]",
        f"Authorization: token {TAIL}",
        f'Authorization: Digest username="me", nonce="1", response="{HEX}"',
        f"gw --token {TAIL} run",
        f"gw --api-key={TAIL}",
        "gw --password hunter29x",
        f"gw --password={WORD}",
        f"curl -s -b 'lang=en; sid={TAIL}' https://gw",
        f"curl -s -b 'sid={TAIL}' https://gw",
        f"curl -s \\\n  -u admin:{WORD} https://gw",
        f"Server=db;User=me;Pwd={WORD};",
        f"DB_PASS={WORD}",
        f"SECRET_KEY_BASE={HEX}",
        f"_auth={TAIL}",
        f"https://gw/v1?pass={WORD}&a=1",
        f"machine gw login me password {WORD}",
        f"machine gw\n  login me\n  password {WORD}\n",
        f"<token>{TAIL}</token>",
        f"<password>\n{WORD}\n</password>",
        f"https://s3/x?X-Amz-Date=1&X-Amz-Signature={HEX}",
        f'{{"code":"{TAIL}abcd","code_verifier":"{TAIL}"}}',
        f"Paste code here if prompted > {TAIL}#{TAIL}",
        f"GOCSPX-{TAIL}{TAIL}",
        f"https://hooks.slack.com/services/T0AB/B0AB/{TAIL}",
        f"https://api.telegram.org/bot123456789:AA{TAIL}/getMe",
        f"MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.{TAIL}{TAIL}",
        f"sk-proj-{TAIL}\x1b[1m{TAIL}",
    ],
)
def test_values_at_places_of_secrets_are_redacted(text: str) -> None:
    redacted = redact_text(text)
    assert not [secret for secret in (TAIL, WORD, HEX, "hunter29x") if secret in redacted]
    assert redacted.count("\n") == text.count("\n")
    assert redact_text(redacted) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "token expired",
        "password is wrong",
        "the key is invalid",
        "gw --token-file x1y2z3w4 --token is missing",
        "the option --password is required",
        "docker run -u 1000:1000 -b 1=22222 image",
        "PWD=/home1/project OLDPWD=~/project HAS_PASS=false pass=33 TESTS_PASS=1234",
        "failed login with password authentication2",
        "('api_key', 'auth_token')",
        "error code: AADSTS7000215InvalidClient, code: invalid_grant_000123",
        "code: 550e8400-e29b-41d4-a716-446655440000",
        "<token>expired</token> <key>file1</key> <a>b1c2d3e4f5</a>",
        "token claude-3-5-sonnet-20241022 for key ClaudeAiOauthScopes",
        "cookie: expired, Cookie: lang=en",
        "Unexpected token 'A', \"API Error1\" is not valid JSON",
        "digest: response=200, signature: AWS4-HMAC-SHA256",
        "Paste code here if prompted >",
        "sk-proj-... GOCSPX- xoxb- AKIA robot123",
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
    "part",
    [
        *("key:", "password=", 'password: "', "sk-", "?key=", "-----BEGIN PRIVATE KEY-----", "A"),
        *("cookie: a=b; ", "curl -u a:bbb ", "<token>", "<key a='", "machine a login b password "),
        *("code: ", "token ", "--token ", "--a-", "_pass=", "('key', 'b", 'digest response="0'),
    ],
)
def test_a_hostile_text_is_redacted_in_limited_time(part: str) -> None:
    text = part * (300_000 // len(part))
    with processor_time_below(10):
        redact_text(text)
