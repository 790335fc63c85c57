"""Check of every text of a file for what looks like a real credential."""

from collections.abc import Iterator
from typing import Final

from authprobe.documents.node_tree import Items, Mapping, Node, Scalar
from authprobe.documents.source import Position, Problem
from authprobe.redaction.redactor import find_token

IN_SCENARIO: Final = (
    "this looks like a token; a scenario never contains one: name its kind under 'credentials', "
    "and authprobe makes one up"
)
IN_CLIENT: Final = "this looks like a token; write {key}, and authprobe puts a made-up one there"


def token_problems(root: Node) -> Iterator[Problem]:
    """Yield the keys and values of a file that look like a token, whatever they are for.

    Of a scenario with `live`, the whole text is searched first (`literal_tokens`).
    """
    if not (isinstance(root, Mapping) and "live" in root.nodes):
        yield from tokens_in_values(root)


def tokens_in_values(root: Node) -> Iterator[Problem]:
    """Yield the keys and values that look like a token, also one put together by variables."""
    texts = tuple(_texts(root, IN_SCENARIO))
    # At once: of thousands of texts, hardly ever one looks like a token.
    if find_token("\n".join(text for _, text, _ in texts)) is None:
        return
    for position, text, message in texts:
        if find_token(text) is not None:
            yield Problem(position, message)


def _texts(node: Node, message: str) -> Iterator[tuple[Position, str, str]]:
    match node:
        case Scalar():
            if isinstance(node.value, str):
                yield node.position, node.value, message
        case Items():
            for item in node.nodes:
                yield from _texts(item, message)
        case Mapping():
            for key, each in node.nodes.items():
                inner = IN_CLIENT if key == "clients" else message
                yield node.keys.get(key, node.position), key, inner
                yield from _texts(each, inner)
