"""A pytest plugin that puts in place, before each test, the resources that the tests of
anthropic-sdk-python name. It runs in the environment of that project, without authprobe.
"""

import json
import os
import urllib.request

import pytest

RESOURCES = (("model", "model_id"), ("batch", "message_batch_id"), ("file", "file_id"))


@pytest.hookimpl
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Put the resources in place; a batch is in progress only where a test cancels it."""
    for kind, id in RESOURCES:
        ended = kind == "batch" and "cancel" not in item.name
        _post("/resources", {"kind": kind, "id": id, "ended": ended})


def _post(path: str, body: object) -> None:
    request = urllib.request.Request(  # noqa: S310 - the control API of the emulator
        os.environ["AUTHPROBE_CONTROL_URL"] + path,
        data=json.dumps(body).encode(),
        headers={
            "authorization": f"Bearer {os.environ['AUTHPROBE_CONTROL_TOKEN']}",
            "content-type": "application/json",
        },
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.open(request, timeout=10).close()
