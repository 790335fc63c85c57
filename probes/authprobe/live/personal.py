"""Parts of an answer's text that say who the user is: ids and e-mail addresses."""

import re
from typing import Final

from authprobe.clients.observe import without_request_id

ID: Final = re.compile(
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\b(?:msg|org|wrkspc|user|acct)_\w+"
)
MAIL: Final = re.compile(r"[^\s@<>\"']{1,64}@[^\s@<>\"']{1,190}\.[A-Za-z]{2,24}")
LONG_ID: Final = re.compile(r"\b(?=[a-z]*[0-9])[0-9a-f]{16,}\b")


def without_ids(text: str) -> str:
    """Return a text with ids and e-mail addresses replaced; its secrets must be redacted before.

    A token without a part of it has no pattern.
    """
    text = without_request_id(LONG_ID.sub("[id]", text))
    return MAIL.sub("[e-mail]", ID.sub("[id]", text))
