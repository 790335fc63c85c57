"""Examples of the documentation, as files."""

import re
from pathlib import Path

from tests.support.command import PROJECT


def gateway_example(folder: Path, name: str = "gateway.yaml") -> Path:
    """Write a scenario of a gateway in docs/scenarios.md into a file, and return its path."""
    section = (PROJECT / "docs" / "scenarios.md").read_text().partition("\n## Hosts\n")[2]
    (text,) = re.findall(rf"```yaml\n# {re.escape(name)}\n(.*?)```", section, re.DOTALL)
    path = folder / name
    path.write_text(text)
    return path
