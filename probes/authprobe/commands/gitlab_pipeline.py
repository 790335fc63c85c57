"""Reading of a .gitlab-ci.yml that a project has already, for `authprobe init`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import yaml

from authprobe.core.safe_read import read_text_file

MAX_BYTES: Final = 100_000
"""Size of a file that is parsed; a larger one is as one that is no YAML."""
DEFAULT_STAGE: Final = "test"
"""Stage of a job that names none, and in the stages of a file that lists none."""
_PLAIN_STAGE: Final = re.compile(r"[A-Za-z][\w -]{0,60}")


@dataclass(frozen=True, slots=True, kw_only=True)
class GitlabPipeline:
    """The main file of a pipeline."""

    has_include: bool = False
    lists_includes: bool = False
    """True if its `include` is a list, to which an entry can be added."""
    included: tuple[str, ...] = ()
    """Files of the repository that it includes: paths from its root, or patterns of them."""
    stages: tuple[str, ...] = ()
    """Stages that it lists; empty: it lists none, or in a way that is not understood."""

    @property
    def stage(self) -> str:
        """The stage of a job that tests; the first one where none is called so."""
        is_default = not self.stages or DEFAULT_STAGE in self.stages
        return DEFAULT_STAGE if is_default else self.stages[0]

    def includes(self, path: str) -> bool:
        """Return True if a file of the repository is included, by its path or by a pattern."""
        root = PurePosixPath("/")
        return any((root / path).match(str(root / each.lstrip("/"))) for each in self.included)


def read_pipeline(path: Path) -> GitlabPipeline:
    """Return what is understood of a file; a file that is no YAML has nothing."""
    text = read_text_file(path).text
    if len(text) > MAX_BYTES:
        return GitlabPipeline()
    try:
        # Nodes, not objects: GitLab has tags of its own, such as !reference. The last document is
        # the pipeline; one with `spec` may come before (docs.gitlab.com/ci/inputs).
        *_, root = yaml.compose_all(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError):  # ValueError: there is no document
        return GitlabPipeline()
    pairs = root.value if isinstance(root, yaml.MappingNode) else ()
    values = {key.value: value for key, value in pairs if isinstance(key, yaml.ScalarNode)}
    include = values.get("include")
    stages = values.get("stages")
    nodes = stages.value if isinstance(stages, yaml.SequenceNode) else ()
    names = tuple(each.value for each in nodes if isinstance(each, yaml.ScalarNode))
    are_plain = len(names) == len(nodes) and all(map(_PLAIN_STAGE.fullmatch, names))
    return GitlabPipeline(
        has_include=include is not None,
        lists_includes=isinstance(include, yaml.SequenceNode),
        included=tuple(_local_files(include)),
        stages=names if are_plain else (),
    )


def _local_files(include: yaml.Node | None) -> Iterator[str]:
    """Yield what the key `include` names of the repository, in each form that it can have."""
    for node in include.value if isinstance(include, yaml.SequenceNode) else [include]:
        pairs = node.value if isinstance(node, yaml.MappingNode) else ()
        files = [value for key, value in pairs if key.value == "local"] or [node]
        yield from (each.value for each in files if isinstance(each, yaml.ScalarNode))
