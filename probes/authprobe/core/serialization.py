"""Values as JSON, by pydantic_core, which loses an interrupt if that arrives meanwhile.

It turns a KeyboardInterrupt that Python raises in what it calls, such as the `utcoffset` of a time,
into its PydanticSerializationError (seen with 2.50.4): the run would go on.
"""

from typing import Any

import pydantic_core

from authprobe.core.signals import uninterrupted


def to_json(value: object, *, indent: int | None = None) -> bytes:
    """Return a value as JSON text in UTF-8; Ctrl-C and SIGTERM wait until it is written.

    Raises:
        PydanticSerializationError: it has no form in JSON.
    """
    with uninterrupted():
        return pydantic_core.to_json(value, indent=indent)


def to_jsonable_python(value: object) -> Any:
    """Return a value as those of JSON: dicts, lists, texts and numbers; interrupts wait.

    Raises:
        PydanticSerializationError: it has no form in JSON.
    """
    with uninterrupted():
        return pydantic_core.to_jsonable_python(value)
