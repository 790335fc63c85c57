"""Made-up values of the right shape, new for every run: no service has ever issued them."""

import base64
import json
import secrets
import time
import uuid

from authprobe.drift.model import Values


def made_up_values() -> Values:
    """Return new values."""
    return Values(
        api_key=_token("api03"),
        access_token=_token("oat01"),
        refresh_token=_token("ort01"),
        assertion=_assertion(),
        federation_ids={
            "federation_rule_id": f"fdrl_{secrets.token_hex(12)}",
            "organization_id": str(uuid.uuid4()),
            "service_account_id": f"svac_{secrets.token_hex(12)}",
        },
    )


def _token(kind: str) -> str:
    return f"sk-ant-{kind}-{secrets.token_urlsafe(70)}"


def _assertion() -> str:
    """Return an identity token (RFC 7519) of an issuer that nobody can be (RFC 6761)."""
    now = int(time.time())
    claims = {
        "iss": "https://issuer.invalid",
        "sub": secrets.token_hex(8),
        "aud": "https://api.anthropic.com",
        "iat": now,
        "exp": now + 600,
        "jti": str(uuid.uuid4()),
    }
    header = {"alg": "RS256", "typ": "JWT", "kid": secrets.token_hex(8)}
    parts = (*(json.dumps(part).encode() for part in (header, claims)), secrets.token_bytes(256))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
