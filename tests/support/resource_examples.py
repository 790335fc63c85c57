"""Examples for the rules of models, batches, files and text completions."""

import datetime
from dataclasses import replace
from typing import Any, Final

from authprobe.emulator.rules.routes import API
from authprobe.emulator.state.resources import Batch, File
from tests.support.requests import (
    AUTUMN,
    GOOD_KEY,
    GOOD_SETUP,
    MODELS,
    ORGANIZATION,
    WORKSPACE,
    RequestSpec,
    RuleExample,
    api_refusal,
)

INVALID: Final = "invalid_request_error"
MISSING: Final = "not_found_error"
TIME: Final = datetime.datetime(2026, 10, 1, 12, tzinfo=datetime.UTC)
NOON: Final = TIME.isoformat()
BETA: Final = {"anthropic-beta": "files-api-2025-04-14"}
FORM: Final = {"content-type": "multipart/form-data; boundary=b"}
COMPLETE: Final = ("POST", API, "/v1/complete")
BATCHES: Final = "/v1/messages/batches"
FILES: Final = "/v1/files"

IN_PROGRESS: Final = Batch(id="b", created_at=TIME, results=(("request-1", {"type": "expired"}),))
ENDED: Final = IN_PROGRESS.end(TIME)
UPLOADED: Final = File(
    id="f", created_at=TIME, filename="f.txt", mime_type="text/plain", size_bytes=4
)
TEXT: Final = replace(UPLOADED, content=b"text")


def model(id: str, name: str, line: str | None, date: str = "1970-01-01") -> dict[str, Any]:
    """Return the description of a model."""
    return {
        "type": "model",
        "id": id,
        "display_name": name,
        "created_at": f"{date}T00:00:00Z",
        "lifecycle": "active",
        "line": line,
    }


def batch(id: str, status: str, kind: str, *, total: int = 1, **dates: str) -> dict[str, Any]:
    """Return the description of a batch with `total` requests, all of this kind."""
    kinds = ("processing", "succeeded", "errored", "canceled", "expired")
    url = f"https://{API}{BATCHES}/{id}/results"
    return {
        "id": id,
        "type": "message_batch",
        "processing_status": status,
        "request_counts": {name: total * (name == kind) for name in kinds},
        "ended_at": dates.get("ended_at"),
        "created_at": NOON,
        "expires_at": "2026-10-02T12:00:00+00:00",
        "archived_at": None,
        "cancel_initiated_at": dates.get("cancel_initiated_at"),
        "results_url": url if status == "ended" else None,
    }


def file(id: str, name: str, size: int, *, downloadable: bool = False) -> dict[str, Any]:
    """Return the description of a text file, in the beta shape."""
    return {
        "id": id,
        "type": "file",
        "filename": name,
        "mime_type": "text/plain",
        "size_bytes": size,
        "created_at": NOON,
        "downloadable": downloadable,
    }


def spec(method: str, path: str, **more: Any) -> RequestSpec:
    """Return a request with a valid key in autumn 2026; a batch b and a file f are in place."""
    values: dict[str, Any] = {
        "target": (method, API, path),
        "key": GOOD_KEY,
        "date": AUTUMN,
        "resources": (ENDED, TEXT),
    }
    return RequestSpec(**values | more)


def form(*parts: tuple[str, str]) -> bytes:
    """Return a form with the boundary `b`; each part is the rest of its head, and its content."""
    texts = (
        f"--b\r\ncontent-disposition: form-data; {head}\r\n\r\n{text}\r\n" for head, text in parts
    )
    return ("".join(texts) + "--b--\r\n").encode()


def upload(*parts: tuple[str, str], headers: dict[str, str] | None = None) -> RequestSpec:
    """Return an upload with these parts."""
    return spec("POST", FILES, headers=FORM | (headers or {}), content=form(*parts), resources=())


UPLOAD: Final = ('name="file"; filename="../a/hello.txt"', "hello")
ITEM: Final = {"custom_id": "one", "params": {"model": "m", "max_tokens": 1}}
OF_A_BATCH: Final[dict[str, Any]] = {
    "counterexample": spec("GET", f"{BATCHES}/b"),
    "counterexample_rule": "batch",
}
OF_A_FILE: Final[dict[str, Any]] = {
    "counterexample": spec("GET", f"{FILES}/f"),
    "counterexample_rule": "file",
}

_MODELS: Final = (
    RuleExample(
        rule="models",
        spec=RequestSpec(target=MODELS, bearer=GOOD_SETUP, query={"limit": "2"}),
        status=200,
        body={
            "data": [
                model("claude-fable-5-2", "Claude Fable 5.2", "fable"),
                model("claude-mythos-5-2", "Claude Mythos 5.2", "mythos"),
            ],
            "has_more": True,
            "first_id": "claude-fable-5-2",
            "last_id": "claude-mythos-5-2",
        },
        headers=ORGANIZATION,
        counterexample=RequestSpec(target=MODELS),
        counterexample_rule="A01",
    ),
    *(
        api_refusal(
            *("page-limit", 400, INVALID, "limit: the value must be a number from 1 to 1000"),
            spec("GET", path, query={"limit": limit}, headers=BETA),
            counterexample=spec("GET", path, query={"limit": "1000"}),
            counterexample_rule=rule,
        )
        for path, rule in (("/v1/models", "models"), (BATCHES, "batches"), (FILES, "files"))
        for limit in ("0", "1001", "-1", "x", "²")
    ),
    RuleExample(
        rule="model",
        spec=spec("GET", "/v1/models/claude-opus-4-5"),
        status=200,
        body=model("claude-opus-4-5-20251101", "Claude Opus 4.5", "opus", "2025-11-01"),
        headers=WORKSPACE,
        counterexample=spec("GET", "/v1/models/claude-opus-4-5", key=None),
        counterexample_rule="A01",
    ),
    RuleExample(
        rule="model",
        spec=spec("GET", "/v1/models/our-model", resources=("our-model",)),
        status=200,
        body=model("our-model", "our-model", None),
        headers=WORKSPACE,
        counterexample=spec("GET", "/v1/models/our-model/x"),
        counterexample_rule="deny:route",
    ),
    api_refusal(
        *("model-unknown", 404, MISSING, "model: our-model"),
        spec("GET", "/v1/models/our-model"),
        counterexample=spec("GET", "/v1/models/claude-opus-4-5"),
        counterexample_rule="model",
    ),
)

_COMPLETIONS: Final = (
    RuleExample(
        rule="completion",
        spec=RequestSpec(target=COMPLETE, key=GOOD_KEY, fields={"model": "m"}),
        status=200,
        body={
            "type": "completion",
            "id": "compl_authprobe",
            "completion": " pong",
            "stop_reason": "stop_sequence",
            "model": "m",
        },
        counterexample=RequestSpec(target=COMPLETE),
        counterexample_rule="A01",
    ),
)

_BATCHES: Final = (
    RuleExample(
        rule="batch-created",
        spec=spec("POST", BATCHES, resources=(), fields={"requests": [ITEM]}),
        status=200,
        body=batch("msgbatch_authprobe", "in_progress", "processing"),
        counterexample=spec("POST", BATCHES, key=None, fields={"requests": [ITEM]}),
        counterexample_rule="A01",
    ),
    *(
        api_refusal(
            *("batch-invalid", 400, INVALID, message),
            spec("POST", BATCHES, fields={"requests": requests}),
            counterexample=spec("POST", BATCHES, fields={"requests": [ITEM]}),
            counterexample_rule="batch-created",
        )
        for requests, message in (
            (None, "requests: a list of 1 to 100000 requests is required"),
            ([], "requests: a list of 1 to 100000 requests is required"),
            ([ITEM, {"custom_id": "two"}], "requests.1.params: Field required"),
            (
                [ITEM | {"custom_id": "x" * 65}],
                "requests.0.custom_id: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'",
            ),
            ([ITEM, ITEM], "requests: custom_id must be unique: one"),
        )
    ),
    RuleExample(
        rule="batches",
        spec=spec("GET", BATCHES),
        status=200,
        body={
            "data": [batch("b", "ended", "expired", ended_at=NOON)],
            "has_more": False,
            "first_id": "b",
            "last_id": "b",
        },
        counterexample=spec("GET", BATCHES, key=None),
        counterexample_rule="A01",
    ),
    RuleExample(
        rule="batch",
        spec=spec("GET", f"{BATCHES}/b", resources=(IN_PROGRESS,)),
        status=200,
        body=batch("b", "ended", "expired", ended_at=NOON),
        counterexample=spec("GET", f"{BATCHES}/b", key=None),
        counterexample_rule="A01",
    ),
    *(
        api_refusal(
            *("batch-unknown", 404, MISSING, "Message Batch c not found."),
            spec(method, f"{BATCHES}/c{end}"),
            **OF_A_BATCH,
        )
        for method, end in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/results"))
    ),
    RuleExample(
        rule="batch-results",
        spec=spec("GET", f"{BATCHES}/b/results"),
        status=200,
        body='{"custom_id": "request-1", "result": {"type": "expired"}}\n',
        **OF_A_BATCH,
    ),
    api_refusal(
        "batch-results-missing",
        *(404, MISSING, "The results are available once processing ends."),
        spec("GET", f"{BATCHES}/b/results", resources=(IN_PROGRESS,)),
        counterexample=spec("GET", f"{BATCHES}/b/results"),
        counterexample_rule="batch-results",
    ),
    RuleExample(
        rule="batch-canceled",
        spec=spec("POST", f"{BATCHES}/b/cancel", resources=(IN_PROGRESS,)),
        status=200,
        body=batch("b", "canceling", "processing", cancel_initiated_at=NOON),
        **OF_A_BATCH,
    ),
    api_refusal(
        *("batch-cancel-too-late", 400, INVALID),
        "Batches may be canceled any time before processing ends.",
        spec("POST", f"{BATCHES}/b/cancel"),
        counterexample=spec("POST", f"{BATCHES}/b/cancel", resources=(IN_PROGRESS,)),
        counterexample_rule="batch-canceled",
    ),
    RuleExample(
        rule="batch-deleted",
        spec=spec("DELETE", f"{BATCHES}/b"),
        status=200,
        body={"id": "b", "type": "message_batch_deleted"},
        **OF_A_BATCH,
    ),
    api_refusal(
        *("batch-delete-too-early", 400, INVALID),
        "Message Batches can only be deleted once they have finished processing.",
        spec("DELETE", f"{BATCHES}/b", resources=(IN_PROGRESS,)),
        counterexample=spec("DELETE", f"{BATCHES}/b"),
        counterexample_rule="batch-deleted",
    ),
)

_FILES: Final = (
    RuleExample(
        rule="file-created",
        spec=upload(UPLOAD, headers=BETA),
        status=200,
        body=file("file_authprobe", "hello.txt", 5),
        counterexample=upload(('name="file"', "hello"), headers=BETA),
        counterexample_rule="file-invalid",
    ),
    RuleExample(
        rule="file-created",
        spec=upload(
            ('name="file"; filename=""\r\ncontent-type: text/plain', "hello"),
            ('name="expires_in_seconds"', "3600"),
        ),
        status=200,
        body=file("file_authprobe", "unnamed.txt", 5) | {"expires_at": "2026-10-01T13:00:00+00:00"},
        counterexample=upload(),
        counterexample_rule="file-invalid",
    ),
    *(
        api_refusal(
            *("file-invalid", 400, INVALID, message),
            upload(*parts),
            counterexample=upload(UPLOAD),
            counterexample_rule="file-created",
        )
        for parts, message in (
            ((('name="other"; filename="a"', "x"),), "file: Field required"),
            (
                (('name="file"; filename="a?b"', "x"),),
                "file: the filename is too long or contains forbidden characters",
            ),
            (
                (UPLOAD, ('name="expires_in_seconds"', "3599")),
                "expires_in_seconds: the value must be from 3600 to 7776000 seconds",
            ),
        )
    ),
    api_refusal(
        *("files-flag-missing", 404, MISSING, "Not Found"),
        spec("GET", FILES, date=datetime.date(2026, 1, 26)),
        counterexample=spec("GET", FILES),
        counterexample_rule="files",
    ),
    RuleExample(
        rule="files",
        spec=spec("GET", FILES, headers=BETA),
        status=200,
        body={
            "data": [file("f", "f.txt", 4, downloadable=True)],
            "has_more": False,
            "first_id": "f",
            "last_id": "f",
        },
        counterexample=spec("GET", FILES, key=None),
        counterexample_rule="A01",
    ),
    RuleExample(
        rule="files",
        spec=spec("GET", FILES),
        status=200,
        body={
            "data": [file("f", "f.txt", 4, downloadable=True) | {"expires_at": None}],
            "next_page": None,
        },
        counterexample=spec("PUT", FILES),
        counterexample_rule="deny:route",
    ),
    api_refusal(
        *("files-beta-cursor", 400, INVALID),
        "before_id, after_id: Extra inputs are not permitted",
        spec("GET", FILES, query={"after_id": "f"}),
        counterexample=spec("GET", FILES, query={"after_id": "f"}, headers=BETA),
        counterexample_rule="files",
    ),
    RuleExample(
        rule="file",
        spec=spec("GET", f"{FILES}/f", headers=BETA),
        status=200,
        body=file("f", "f.txt", 4, downloadable=True),
        counterexample=spec("GET", f"{FILES}/f", key=None),
        counterexample_rule="A01",
    ),
    *(
        api_refusal(
            *("file-unknown", 404, MISSING, "File not found: g"),
            spec(method, f"{FILES}/g{end}"),
            **OF_A_FILE,
        )
        for method, end in (("GET", ""), ("DELETE", ""), ("GET", "/content"))
    ),
    RuleExample(
        rule="file-content",
        spec=spec("GET", f"{FILES}/f/content"),
        status=200,
        body="text",
        **OF_A_FILE,
    ),
    api_refusal(
        *("file-not-downloadable", 400, INVALID),
        "(the wording for a file that was uploaded is not documented)",
        spec("GET", f"{FILES}/f/content", resources=(UPLOADED,)),
        details={"error_code": "file_not_downloadable"},
        counterexample=spec("GET", f"{FILES}/f/content"),
        counterexample_rule="file-content",
    ),
    api_refusal(
        *("file-expired", 404, MISSING, "(the wording for an expired file is not documented)"),
        spec("GET", f"{FILES}/f/content", resources=(replace(TEXT, expires_at=TIME),)),
        details={"error_code": "file_expired"},
        counterexample=spec("GET", f"{FILES}/f/content"),
        counterexample_rule="file-content",
    ),
    RuleExample(
        rule="file-deleted",
        spec=spec("DELETE", f"{FILES}/f"),
        status=200,
        body={"id": "f", "type": "file_deleted"},
        **OF_A_FILE,
    ),
)

RESOURCE_EXAMPLES: Final = (*_MODELS, *_COMPLETIONS, *_BATCHES, *_FILES)
