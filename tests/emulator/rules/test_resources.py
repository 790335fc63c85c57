"""Tests of models, batches, files and text completions, with the official Python SDK."""

import json
from collections.abc import Iterator

import anthropic
import httpx
import pytest

from authprobe.emulator.rules.multipart import parts_of
from authprobe.emulator.server.network import Network
from authprobe.emulator.standalone.emulator import Emulator, emulate
from authprobe.emulator.state import resources
from tests.support.speed import processor_time_below
from tests.support.wire import TIMEOUT

INVALID = "invalid_request_error"
BETA = {"anthropic-beta": "files-api-2025-04-14", "anthropic-version": "2023-06-01"}


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


@pytest.fixture
def emulator(network: Network) -> Iterator[Emulator]:
    with emulate(network=network) as emulator:
        yield emulator


@pytest.fixture
def client(emulator: Emulator) -> Iterator[anthropic.Anthropic]:
    key = emulator.issue("api-key").value
    with anthropic.Anthropic(base_url=emulator.base_url, api_key=key, max_retries=0) as client:
        yield client


@pytest.fixture
def raw(emulator: Emulator) -> Iterator[httpx.Client]:
    headers = BETA | {"x-api-key": emulator.issue("api-key").value}
    with httpx.Client(base_url=emulator.base_url, headers=headers, timeout=TIMEOUT) as raw:
        yield raw


def requests_for(*names: str) -> list[dict[str, object]]:
    message = {"role": "user", "content": "ping"}
    params = {"model": "claude-opus-5-5", "max_tokens": 1, "messages": [message]}
    return [{"custom_id": name, "params": params} for name in names]


def test_all_models_are_listed_page_by_page(client: anthropic.Anthropic, raw: httpx.Client) -> None:
    by_pages = [model.id for model in client.models.list(limit=3)]
    whole = raw.get("/v1/models?limit=1000").json()
    assert by_pages == [model["id"] for model in whole["data"]]
    assert (whole["has_more"], whole["first_id"], whole["last_id"]) == (
        False,
        by_pages[0],
        by_pages[-1],
    )
    back = raw.get(f"/v1/models?limit=2&before_id={by_pages[5]}").json()
    assert [model["id"] for model in back["data"]] == by_pages[3:5]
    assert back["has_more"] is True


def test_a_model_of_a_test_is_the_first_of_the_list(
    emulator: Emulator, client: anthropic.Anthropic
) -> None:
    with pytest.raises(anthropic.NotFoundError, match="model: our-model"):
        client.models.retrieve("our-model")
    emulator.add("model", "our-model")
    assert client.models.retrieve("our-model").id == "our-model"
    assert client.models.list(limit=1).data[0].id == "our-model"


def test_a_batch_ends_when_a_client_asks_about_it(client: anthropic.Anthropic) -> None:
    batch = client.messages.batches.create(requests=requests_for("one", "two"))  # type: ignore[arg-type]
    assert (batch.processing_status, batch.request_counts.processing) == ("in_progress", 2)
    with pytest.raises(anthropic.BadRequestError):
        client.messages.batches.delete(batch.id)
    ended = client.messages.batches.retrieve(batch.id)
    assert (ended.processing_status, ended.request_counts.succeeded) == ("ended", 2)
    assert [item.custom_id for item in client.messages.batches.results(batch.id)] == ["one", "two"]
    [first, _] = client.messages.batches.results(batch.id)
    assert first.result.type == "succeeded"
    assert first.result.message.model == "claude-opus-5-5"
    with pytest.raises(anthropic.BadRequestError):
        client.messages.batches.cancel(batch.id)
    assert client.messages.batches.delete(batch.id).id == batch.id
    with pytest.raises(anthropic.NotFoundError):
        client.messages.batches.retrieve(batch.id)


def test_a_canceled_batch_answers_none_of_its_requests(client: anthropic.Anthropic) -> None:
    batch = client.messages.batches.create(requests=requests_for("one"))  # type: ignore[arg-type]
    canceling = client.messages.batches.cancel(batch.id)
    assert (canceling.processing_status, canceling.results_url) == ("canceling", None)
    assert [item.processing_status for item in client.messages.batches.list()] == ["ended"]
    [item] = client.messages.batches.results(batch.id)
    assert item.result.type == "canceled"


def test_a_request_of_a_batch_is_refused_like_one_to_the_messages_api(raw: httpx.Client) -> None:
    [good, bad] = requests_for("good", "bad")
    bad["params"] = {**bad["params"], "context_management": {}}  # type: ignore[dict-item]
    del raw.headers["anthropic-beta"]
    batch = raw.post("/v1/messages/batches", json={"requests": [good, bad]}).json()
    ended = raw.get(f"/v1/messages/batches/{batch['id']}").json()
    counts = ended["request_counts"]
    assert (counts["succeeded"], counts["errored"]) == (1, 1)
    [_, line] = raw.get(ended["results_url"]).text.splitlines()
    result = json.loads(line)["result"]
    assert (result["type"], result["error"]["error"]["type"]) == ("errored", INVALID)


def test_the_results_of_a_batch_are_where_its_description_says(raw: httpx.Client) -> None:
    batch = raw.post("/v1/messages/batches", json={"requests": requests_for("one")}).json()
    assert raw.get(f"/v1/messages/batches/{batch['id']}/results").status_code == 404
    url = raw.get(f"/v1/messages/batches/{batch['id']}").json()["results_url"]
    assert url.startswith(str(raw.base_url))
    answer = raw.get(url)
    assert answer.headers["content-type"] == "application/x-jsonl"
    assert json.loads(answer.text)["result"]["message"]["content"][0]["text"] == "pong"


def test_a_file_is_uploaded_listed_and_deleted(
    emulator: Emulator, client: anthropic.Anthropic
) -> None:
    content = bytes(range(256)) * 4
    file = client.files.upload(file=("a/b ü.bin", content), expires_in_seconds=3600)
    assert (file.filename, file.size_bytes, file.downloadable) == ("b ü.bin", 1024, False)
    assert file.expires_at is not None
    assert client.files.retrieve_metadata(file.id) == file
    with pytest.raises(anthropic.BadRequestError) as refusal:
        client.files.download(file.id)
    assert refusal.value.error_code == "file_not_downloadable"
    emulator.advance(3600)
    with pytest.raises(anthropic.NotFoundError) as expired:
        client.files.download(file.id)
    assert expired.value.error_code == "file_expired"
    client.files.delete(file.id)
    assert list(client.files.list()) == []


def test_files_are_listed_by_page_or_by_id(
    emulator: Emulator, client: anthropic.Anthropic, raw: httpx.Client
) -> None:
    for number in range(5):
        emulator.add("file", f"file_{number}", content=b"text")
    newest_first = [f"file_{number}" for number in reversed(range(5))]
    assert [file.id for file in client.files.list(limit=2)] == newest_first
    assert [file.id for file in client.files.list(ids=["file_1", "x"])] == ["file_1"]
    page = raw.get("/v1/files?limit=2&after_id=file_3").json()
    assert ([file["id"] for file in page["data"]], page["has_more"]) == (["file_2", "file_1"], True)
    assert client.files.download("file_0").read() == b"text"


def test_a_text_completion_is_streamed(raw: httpx.Client) -> None:
    body = {"model": "m", "prompt": "p", "max_tokens_to_sample": 1, "stream": True}
    answer = raw.post("/v1/complete", json=body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    data = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    assert [(item.get("completion"), item.get("stop_reason")) for item in data] == [
        (" pong", None),
        (None, None),
        ("", "stop_sequence"),
    ]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"--b--\r\n"),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"--b\r\nno end"),
        ("multipart/form-data; boundary=b", b"--b\r\n\x00: x\r\n\r\n\r\n--b--\r\n"),
        ("multipart/form-data; boundary=b", b"--b\r\na: b\r\n\r\n\r\n" * 101 + b"--b--\r\n"),
        ("multipart/form-data; boundary=" + "b" * 500, b"--b--\r\n"),
        ("multipart/form-data; boundary=ü", b"--b--\r\n"),
    ],
)
def test_a_damaged_form_has_no_parts(kind: str, body: bytes) -> None:
    assert parts_of(kind, body) in (None, ())


def test_a_large_form_is_read_in_linear_time() -> None:
    content = (b"\r\n--" * 4 + b"-") * 600_000
    body = b'--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n'
    form = body + content + b"\r\n--b--\r\n"
    with processor_time_below(20):
        [part] = parts_of("multipart/form-data; boundary=b", form) or ()
    assert (part.size_bytes, len(part.beginning)) == (len(content), 1024)


def test_the_oldest_resources_make_room(
    monkeypatch: pytest.MonkeyPatch, emulator: Emulator, client: anthropic.Anthropic
) -> None:
    monkeypatch.setattr(resources, "MAX_RESOURCES", 2)
    monkeypatch.setattr(resources, "MAX_CONTENT_BYTES", 10)
    for number in range(3):
        emulator.add("file", f"file_{number}")
    assert [file.id for file in client.files.list()] == ["file_2", "file_1"]
    emulator.add("file", "file_2", content=b"x" * 6)
    emulator.add("file", "file_3", content=b"x" * 6)
    assert [file.id for file in client.files.list()] == ["file_3"]
