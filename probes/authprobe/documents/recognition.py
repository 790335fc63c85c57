"""Recognition of files that are not documents of the expected kind, whose content is not quoted.

A name in a folder of scenarios may be a link to any file, and its content may be secret.
"""

import dataclasses
import re
from collections.abc import Iterable, Sequence
from typing import Final

from authprobe.documents.node_tree import Items, Mapping, Node, Scalar
from authprobe.documents.source import Problem, nearest
from authprobe.documents.vocabulary import Vocabulary

_MAX_KEYS_COMPARED: Final = 200
_KEY: Final = re.compile(r"""(?m)^[ \t{]{0,20}["']?([A-Za-z_]{1,40})["']?[ \t]*:""")
_QUOTES: Final = re.compile(r"'.*'", re.DOTALL)


def foreign_problem(root: Node, keys: Sequence[str], vocabulary: Vocabulary) -> Problem | None:
    """Return the only problem of a tree without a known key; None: it has one, or a similar one."""
    if isinstance(root, Mapping):
        if _has_known_key(root.nodes, keys):
            return None
        message = (
            f"this is not {vocabulary.document}, which starts with {vocabulary.start}: "
            "none of its keys is known"
        )
    else:
        message = (
            f"{vocabulary.document} must be a mapping, not {_kind(root)}; write 'key: value' lines"
        )
    return Problem(root.position, message)


def without_quotes(problem: Problem, text: str, keys: Sequence[str]) -> Problem:
    """Return the problem of a text that is no tree; what it quotes is left out if the text has no
    line with a known key.
    """
    if _has_known_key((match[1] for match in _KEY.finditer(text)), keys):
        return problem
    return dataclasses.replace(problem, message=_QUOTES.sub("'…'", problem.message))


def _has_known_key(names: Iterable[str], keys: Sequence[str]) -> bool:
    for count, name in enumerate(names):
        if name in keys or (count < _MAX_KEYS_COMPARED and nearest(name, keys) is not None):
            return True
    return False


def _kind(root: Node) -> str:
    match root:
        case Items():
            return "a list"
        case Scalar(value=str()):
            return "text"
        case Scalar(value=bool()):
            return "true or false"
        case Scalar(value=int() | float()):
            return "a number"
    return "a date"
