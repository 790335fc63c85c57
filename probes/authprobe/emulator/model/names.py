"""Names of models."""

import re
from typing import Final

_MODEL_NAME: Final = re.compile(
    r"""claude-(?:
        [a-z]+-\d{1,2}(?:-\d{1,2})?(?:-\d{8}|-latest)?   # claude-opus-4-5-20251101, claude-opus-5
        |3(?:-[57])?-[a-z]+(?:-\d{8}|-latest)?           # claude-3-5-haiku-20241022
        |(?:instant-)?[12](?:\.\d)?(?:-100k)?            # claude-2.1, claude-instant-1.1-100k
        |[a-z]+-preview                                  # claude-mythos-preview
    )""",
    re.VERBOSE,
)
"""Names by their scheme (platform.claude.com/docs/en/about-claude/models/model-ids-and-versions)
and not by a list, so that models that appear later are known; those that were retired stay known.
"""


def is_model_name(name: str) -> bool:
    """Return True if a name follows the scheme of the names of models."""
    return _MODEL_NAME.fullmatch(name) is not None
