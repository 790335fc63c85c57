"""Rules of the Files API, in its beta and its general shape."""

import datetime
import mimetypes
import re
import urllib.parse
from collections.abc import Mapping
from typing import Any, Final

from authprobe.emulator.rules.base import Answer, RequestContext, RuleCertainty, refusal, rule, utc
from authprobe.emulator.rules.credentials import (
    INVALID,
    has_one_valid_credential,
    missing_credential,
)
from authprobe.emulator.rules.multipart import Part, parts_of
from authprobe.emulator.rules.paging import DEFAULT_LIMIT, limit, page
from authprobe.emulator.state.resources import File

FILES_BETA: Final = "files-api-2025-04-14"
GENERAL: Final = utc(2026, 8, 20)
"""Date since which no beta flag is needed; with the flag, the answers keep the beta shape
(mozilla-ai/otari#1473).
"""
FORBIDDEN_CHARACTERS: Final = re.compile(r'[<>:"|?*\\/\x00-\x1f]')
MAX_NAME_LENGTH: Final = 255
LIFETIMES: Final = range(3600, 7_776_000 + 1)
"""Valid values of `expires_in_seconds`."""
MAX_IDS: Final = 100
_NOT_FOUND: Final = "not_found_error"


def _is_beta(request: RequestContext) -> bool:
    return FILES_BETA in request.betas


def _flag_missing(request: RequestContext) -> bool:
    """The request lacks the flag files-api-2025-04-14 in anthropic-beta."""
    return not _is_beta(request)


def _upload(request: RequestContext) -> tuple[Part | None, str | None]:
    """Return the uploaded part and the field `expires_in_seconds`, where the form has them."""
    parts = parts_of(request.headers.get("content-type", ""), request.body) or ()
    files = [part for part in parts if part.name == "file" and part.filename is not None]
    lifetimes = [part for part in parts if part.name == "expires_in_seconds"]
    return (
        files[0] if files else None,
        lifetimes[0].beginning.decode("utf-8", "replace") if lifetimes else None,
    )


def _filename(part: Part) -> str:
    """Return the name under which a file is stored: the final component of the path sent."""
    name = (part.filename or "").rpartition("/")[2]
    return name or "unnamed" + (mimetypes.guess_extension(_mime_type(part)) or "")


def _mime_type(part: Part) -> str:
    guess = part.content_type or mimetypes.guess_type(part.filename or "")[0]
    return guess or "application/octet-stream"


def _problem(request: RequestContext) -> str | None:
    """Return what is wrong with an upload."""
    part, lifetime = _upload(request)
    if part is None:
        return "file: Field required"
    name = _filename(part)
    if len(name) > MAX_NAME_LENGTH or FORBIDDEN_CHARACTERS.search(name):
        return "file: the filename is too long or contains forbidden characters"
    if lifetime is not None and _seconds(lifetime) is None:
        return (
            f"expires_in_seconds: the value must be from {LIFETIMES[0]} to {LIFETIMES[-1]} seconds"
        )
    return None


def _seconds(text: str) -> int | None:
    is_number = text.isascii() and text.isdecimal() and len(text) < 10
    return int(text) if is_number and int(text) in LIFETIMES else None


def _form_invalid(request: RequestContext) -> bool:
    """The form has no file with a valid name, or an expires_in_seconds out of range."""
    return _problem(request) is not None


def _refuse_form(request: RequestContext) -> Answer:
    return refusal(400, INVALID, _problem(request) or "")


def _missing_upload(request: RequestContext) -> tuple[str, ...]:
    return missing_credential(request) + ("file",) * _form_invalid(request)


def _valid_upload(request: RequestContext) -> bool:
    """The request has one valid credential, and a file with a valid name."""
    return not _missing_upload(request)


def _create(request: RequestContext) -> Answer:
    files, (part, lifetime) = request.state.files, _upload(request)
    assert part is not None  # noqa: S101 - for the type checker: the route refuses other forms
    seconds = _seconds(lifetime or "")
    number = files.count + 1
    file = File(
        id="file_authprobe" + (f"_{number}" if number > 1 else ""),
        created_at=request.now,
        filename=_filename(part),
        mime_type=_mime_type(part),
        size_bytes=part.size_bytes,
        expires_at=request.now + datetime.timedelta(seconds=seconds) if seconds else None,
    )
    return Answer(status=200, body=_object(request, files.put(file)))


def _beta_cursor(request: RequestContext) -> bool:
    """The parameters before_id or after_id are sent without the beta flag."""
    return not _is_beta(request) and not {"before_id", "after_id"}.isdisjoint(request.parameters)


def _list(request: RequestContext) -> Answer:
    objects = [_object(request, file) for file in request.state.files]
    return page(request, objects) if _is_beta(request) else _general_page(request, objects)


def _general_page(request: RequestContext, objects: list[Mapping[str, Any]]) -> Answer:
    """Return the page that begins after the cursor `page`, or the files in `ids[]`."""
    pairs = urllib.parse.parse_qsl(request.query)
    wanted = [value for name, value in pairs if name in ("ids", "ids[]")][:MAX_IDS]
    if wanted:
        data = [item for item in objects if item["id"] in wanted]
        return Answer(status=200, body={"data": data, "next_page": None})
    cursors = [f"page_{item['id']}" for item in objects]
    cursor = request.parameters.get("page")
    start = cursors.index(cursor) + 1 if cursor in cursors else 0
    data = objects[start : start + (limit(request) or DEFAULT_LIMIT)]
    has_more = start + len(data) < len(objects)
    next_page = f"page_{data[-1]['id']}" if data and has_more else None
    return Answer(status=200, body={"data": data, "next_page": next_page})


def _find(request: RequestContext) -> File | None:
    return request.state.files.find(request.path_parameters["file_id"])


def _file(request: RequestContext) -> File:
    file = _find(request)
    assert file is not None  # noqa: S101 - for the type checker: the route refuses unknown ids
    return file


def _unknown(request: RequestContext) -> bool:
    """No file has the id in the path."""
    return _find(request) is None


def _refuse_unknown(request: RequestContext) -> Answer:
    return refusal(404, _NOT_FOUND, f"File not found: {request.path_parameters['file_id']}")


def _missing_file(request: RequestContext) -> tuple[str, ...]:
    return missing_credential(request) + ("path",) * _unknown(request)


def _known(request: RequestContext) -> bool:
    """The request has one valid credential, and the file exists."""
    return not _missing_file(request)


def _missing_content(request: RequestContext) -> tuple[str, ...]:
    file = _find(request)
    return missing_credential(request) + ("path",) * (file is None or file.content is None)


def _known_content(request: RequestContext) -> bool:
    """The request has one valid credential, and the file was made by a tool."""
    return not _missing_content(request)


def _metadata(request: RequestContext) -> Answer:
    return Answer(status=200, body=_object(request, _file(request)))


def _expired(request: RequestContext) -> bool:
    """The file has expired."""
    file = _find(request)
    return file is not None and file.expires_at is not None and request.now >= file.expires_at


def _not_downloadable(request: RequestContext) -> bool:
    """The file was uploaded; only files that a tool made can be downloaded."""
    file = _find(request)
    return file is not None and file.content is None


def _download(request: RequestContext) -> Answer:
    file = _file(request)
    return Answer(status=200, body=file.content, content_type=file.mime_type)


def _delete(request: RequestContext) -> Answer:
    id = _file(request).id
    request.state.files.remove(id)
    return Answer(status=200, body={"id": id, "type": "file_deleted"})


def _object(request: RequestContext, file: File) -> Mapping[str, Any]:
    common = {
        "id": file.id,
        "type": "file",
        "filename": file.filename,
        "mime_type": file.mime_type,
        "size_bytes": file.size_bytes,
        "created_at": file.created_at.isoformat(),
        "downloadable": file.content is not None,
    }
    if _is_beta(request):
        return common
    return common | {"expires_at": file.expires_at and file.expires_at.isoformat()}


_GUIDE: Final = "platform.claude.com/docs/en/build-with-claude/files"
_SDK: Final = "pypi.org/project/anthropic/2.12.0"

FLAG_MISSING: Final = rule(
    "files-flag-missing",
    _flag_missing,
    refusal(404, _NOT_FOUND, "Not Found"),
    "maximhq/bifrost#1444",
    "anthropics/anthropic-sdk-python#1038",
    seen=("2025-09-28", "2026-01-26"),
    until=GENERAL,
)
FORM_INVALID: Final = rule(
    "file-invalid",
    _form_invalid,
    _refuse_form,  # The conditions are documented, the wordings are not.
    _GUIDE,
    "platform.claude.com/docs/en/api/files-create",
    _SDK,
    seen="2026-11",
    certainty=RuleCertainty.INFERRED,
)
FILE_CREATED: Final = rule(
    "file-created",
    _valid_upload,
    _create,
    "platform.claude.com/docs/en/api/files-create",
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
    missing=_missing_upload,
)
CURSOR_OF_BETA: Final = rule(
    "files-beta-cursor",
    _beta_cursor,
    refusal(400, INVALID, "before_id, after_id: Extra inputs are not permitted"),
    "mozilla-ai/otari#1473",
    seen="2026-09-22",
    certainty=RuleCertainty.ONCE,
    since=GENERAL,
)
FILES: Final = rule(
    "files",
    has_one_valid_credential,
    _list,
    "platform.claude.com/docs/en/api/files-list",
    "mozilla-ai/otari#1473",
    seen=("2026-08-22", "2026-09-22"),
    certainty=RuleCertainty.DOCUMENTED,
    missing=missing_credential,
)
FILE_UNKNOWN: Final = rule(
    "file-unknown",
    _unknown,
    _refuse_unknown,
    _GUIDE,
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
)
FILE: Final = rule(
    "file",
    _known,
    _metadata,
    "platform.claude.com/docs/en/api/files-metadata",
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
    missing=_missing_file,
)
FILE_EXPIRED: Final = rule(
    "file-expired",
    _expired,
    refusal(
        404,
        _NOT_FOUND,
        "(the wording for an expired file is not documented)",
        details={"error_code": "file_expired"},
    ),
    _SDK,
    seen="2026-11",
    certainty=RuleCertainty.DOCUMENTED,
)
NOT_DOWNLOADABLE: Final = rule(
    "file-not-downloadable",
    _not_downloadable,
    refusal(
        400,
        INVALID,
        "(the wording for a file that was uploaded is not documented)",
        details={"error_code": "file_not_downloadable"},
    ),
    _GUIDE,
    _SDK,
    seen="2026-11",
    certainty=RuleCertainty.DOCUMENTED,
)
DOWNLOAD: Final = rule(
    "file-content",
    _known_content,
    _download,
    "platform.claude.com/docs/en/api/files-content",
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
    missing=_missing_content,
)
FILE_DELETED: Final = rule(
    "file-deleted",
    _known,
    _delete,
    "platform.claude.com/docs/en/api/files-delete",
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
    missing=_missing_file,
)
