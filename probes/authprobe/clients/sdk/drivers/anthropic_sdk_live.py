"""A user's program: asks the real service once through the Anthropic Python SDK, for one token.

The model is the first that the service lists, as names of models come and go. Nothing is retried,
and no redirect is followed: by itself, the SDK follows 20 of them with the key.
"""

import json
import sys

import anthropic

answer, error, requests = None, None, 0
try:
    http_client = None
    if hasattr(anthropic, "DefaultHttpxClient"):
        http_client = anthropic.DefaultHttpxClient(follow_redirects=False)
    client = anthropic.Anthropic(max_retries=0, http_client=http_client)
    requests = 1
    model = next(iter(client.models.list(limit=1))).id
    requests = 2
    message = client.messages.create(
        model=model,
        max_tokens=1,
        messages=[{"role": "user", "content": "ping"}],
    )
    answer = "".join(getattr(block, "text", "") for block in message.content)
except Exception as raised:  # noqa: BLE001 - whatever a user would see
    body = getattr(raised, "body", None)
    error = {
        "type": type(raised).__name__,
        "message": str(raised),
        "status": getattr(raised, "status_code", None),
        "body": body if isinstance(body, dict) else None,
    }
print(json.dumps({"answer": answer, "error": error, "requests": requests}))  # noqa: T201
sys.exit(error is not None)
