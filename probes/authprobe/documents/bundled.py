"""Files of the package itself, which the tests read by `document` with every check.

Without positions of errors they are read in half the time, which each start of a command needs.
"""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import TypeAdapter

Value = TypeVar("Value")


def read_bundled(path: Path, type_: type[Value]) -> Value:
    """Return the value of a YAML file of the package."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    data = yaml.load(path.read_text("utf-8"), Loader=loader)  # noqa: S506 - both loaders are safe
    return TypeAdapter(type_).validate_python(data)
