"""A user's program: asks one question through the Anthropic Python SDK and prints what it got.

Run by the Python of the virtual environment in which the SDK is installed.
"""

import json
import sys

import anthropic

answer, error = None, None
try:
    message = anthropic.Anthropic().messages.create(
        model="claude-sonnet-5-5",
        max_tokens=16,
        messages=[{"role": "user", "content": "ping"}],
    )
    answer = next(block.text for block in message.content if block.type == "text")
except Exception as raised:  # noqa: BLE001 - whatever a user would see
    error = {
        "type": type(raised).__name__,
        "message": str(raised),
        "status": getattr(raised, "status_code", None),
        "request_id": getattr(raised, "request_id", None),
        "cause": str(raised.__cause__) if raised.__cause__ else None,
    }
print(json.dumps({"answer": answer, "error": error}))  # noqa: T201
sys.exit(error is not None)
