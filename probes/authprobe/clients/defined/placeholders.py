"""Placeholders in the texts of a definition: `{prompt}`, `{key}` and the others."""

from collections.abc import Mapping
from typing import Any

from authprobe.scenario.client_definitions import PLACEHOLDER


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return a text with these values in place of their names in braces."""
    return PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), text)


def fill_content(content: Any, values: Mapping[str, str]) -> Any:
    """Return the content of a file with the values in all its texts, at any depth."""
    if isinstance(content, str):
        return fill(content, values)
    if isinstance(content, dict):
        return {name: fill_content(each, values) for name, each in content.items()}
    if isinstance(content, list):
        return [fill_content(each, values) for each in content]
    return content
