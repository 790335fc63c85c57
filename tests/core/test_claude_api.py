"""Paths of requests that ask a model."""

import pytest

from authprobe.core.claude_api import asks_model, is_inference_path


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/messages", "/anthropic/v1/messages", "/a/b/v1/messages", "/v1/chat/completions"),
        "/openai/chat/completions",
        "/v1/complete",
        "/model/us.anthropic.claude-sonnet-4-5-20250929-v1:0/invoke",
        "/bedrock/model/anthropic.claude/invoke-with-response-stream",
        "/v1/projects/p/locations/us-east5/publishers/anthropic/models/claude:streamRawPredict",
    ],
)
def test_a_path_of_inference(path: str) -> None:
    assert is_inference_path(path)
    assert asks_model(path)


@pytest.mark.parametrize(
    "path",
    [
        *(
            "",
            "/",
            "/v1/messages/count_tokens",
            "/v1/messages/batches",
            "/v1/models",
            "/v1/message",
        ),
        *("/xv1/messages", "/model/invoke", "/v1/oauth/token", "/api/event_logging/batch"),
    ],
)
def test_another_path(path: str) -> None:
    assert not is_inference_path(path)
