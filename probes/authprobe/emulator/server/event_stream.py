"""The binary encoding of event streams of AWS (smithy.io/2.0/aws/amazon-eventstream.html).

botocore only decodes it, the AWS Common Runtime is native code, and smithy-aws-event-stream needs
Python 3.12; the encoding of the few headers that Amazon Bedrock sends is short.
"""

import base64
import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any, Final

STRING: Final = 7
"""Type of a header's value."""
ERROR_EVENT: Final = "error"
EXCEPTION: Final = "serviceUnavailableException"
"""Type of the exception by which an error ends a stream (`ResponseStream` in Bedrock's API)."""


def encode_chunk(name: str, data: Mapping[str, Any] | str) -> bytes:
    """Return an event of the Messages API as Bedrock sends it: base64 in JSON; an error as an
    exception.
    """
    if name == ERROR_EVENT and isinstance(data, Mapping):
        headers = {":exception-type": EXCEPTION, ":message-type": "exception"}
        payload = {"message": data["error"]["message"]}
    else:
        text = data if isinstance(data, str) else json.dumps(data)
        headers = {":event-type": "chunk", ":message-type": "event"}
        payload = {"bytes": base64.b64encode(text.encode()).decode()}
    headers[":content-type"] = "application/json"
    return encode_message(headers, json.dumps(payload).encode())


def encode_message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return a message: its lengths, their checksum, headers, payload, and the checksum of all."""
    head = b"".join(_header(name.encode(), value.encode()) for name, value in headers.items())
    lengths = struct.pack("!II", 16 + len(head) + len(payload), len(head))
    message = lengths + struct.pack("!I", zlib.crc32(lengths)) + head + payload
    return message + struct.pack("!I", zlib.crc32(message))


def _header(name: bytes, value: bytes) -> bytes:
    return struct.pack("!B", len(name)) + name + struct.pack("!BH", STRING, len(value)) + value
