"""A user's program: asks one question through the Python Agent SDK and prints what it got.

Run by the Python of the virtual environment in which the SDK is installed.
"""

import asyncio
import dataclasses
import json

import claude_agent_sdk


async def main() -> None:
    """Print one JSON object: the last result message, and the exception that followed it."""
    result, error = None, None
    try:
        async for message in claude_agent_sdk.query(prompt="ping"):
            if type(message).__name__ == "ResultMessage":
                result = dataclasses.asdict(message)
    except Exception as raised:  # noqa: BLE001 - whatever a user would see
        error = {"type": type(raised).__name__, "message": str(raised)}
    print(json.dumps({"result": result, "error": error}, default=str))  # noqa: T201


asyncio.run(main())
