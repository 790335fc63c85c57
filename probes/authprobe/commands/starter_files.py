"""Files of `authprobe init`: a first scenario, the options, and the job that probes it."""

import contextlib
import enum
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import authprobe
from authprobe.configuration.files import OWN_NAME
from authprobe.core.safe_files import create_file, make_folder
from authprobe.core.signals import uninterrupted
from authprobe.errors import SettingsError
from authprobe.settings import project_file

TEMPLATES: Final = Path(authprobe.__file__).parent / "starter"
SCENARIO: Final = "auth/first.yaml"
CONFIG: Final = OWN_NAME
GITHUB: Final = ".github/workflows/authprobe.yml"
GITLAB: Final = ".gitlab/authprobe.yml"
GITLAB_MAIN: Final = ".gitlab-ci.yml"
GITLAB_INCLUDE: Final = f"include: [{{local: /{GITLAB}}}]\n"
VERSION: Final = "@VERSION@"
"""Stands in a template for the version of authprobe that writes the file."""


class StarterUse(enum.StrEnum):
    """Programs that the first scenario can be about."""

    CLAUDE_CODE = "claude-code"
    PYTHON = "python"
    NODE = "node"
    GATEWAY = "gateway"


class CiService(enum.StrEnum):
    """Services whose jobs can probe the scenario."""

    GITHUB = "github"
    GITLAB = "gitlab"
    NONE = "none"


def find_ci(folder: Path) -> CiService:
    """Return the service that a project uses, as far as its files tell."""
    # os.path: unlike those of Path, these are False for a folder that cannot be looked into
    if os.path.isdir(folder / ".github"):  # noqa: PTH112
        return CiService.GITHUB
    is_gitlab = os.path.isfile(folder / GITLAB_MAIN)  # noqa: PTH113
    return CiService.GITLAB if is_gitlab else CiService.NONE


def starter_texts(folder: Path, use: StarterUse, ci: CiService) -> dict[str, str]:
    """Return the files to write below a folder: their contents by path.

    The options of the project and the main file of GitLab are left as they are if there are some.

    Raises:
        SettingsError: the file with the options is invalid.
    """
    texts = {SCENARIO: _template(f"{use}.yaml")}
    if project_file(folder.resolve()) is None:
        texts[CONFIG] = _template(CONFIG)
    if ci is CiService.GITHUB:
        texts[GITHUB] = _template("github.yaml")
    elif ci is CiService.GITLAB:
        texts[GITLAB] = _template("gitlab.yaml")
        if not os.path.lexists(folder / GITLAB_MAIN):
            texts[GITLAB_MAIN] = GITLAB_INCLUDE
    return texts


def _template(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8").replace(VERSION, authprobe.__version__)


def write_new(folder: Path, texts: Mapping[str, str]) -> None:
    """Write all of these files, or none; no file that exists is changed.

    Raises:
        SettingsError: a file is there already, or cannot be written.
    """
    existing = [name for name in texts if os.path.lexists(folder / name)]
    if existing:
        raise SettingsError(
            f"{folder}: {', '.join(existing)}: already there, and left as "
            f"{'it is' if len(existing) == 1 else 'they are'}; nothing was written; move "
            f"{'it' if len(existing) == 1 else 'them'} away, or choose another directory"
        )
    with uninterrupted(), contextlib.ExitStack() as undo:
        try:
            for name, text in texts.items():
                _create(folder / name, text, undo)
        except OSError as error:
            raise SettingsError(
                f"{folder / name}: cannot be written: {error.strerror or error}; "
                "nothing was written"
            ) from None
        undo.pop_all()


def _create(path: Path, text: str, undo: contextlib.ExitStack) -> None:
    """Create a file with its directories, and register what removes them again."""
    missing = [each for each in reversed(path.parents) if not os.path.lexists(each)]
    for each in missing:
        make_folder(each)
        undo.callback(_quietly, each.rmdir)
    with create_file(path) as file:
        undo.callback(_quietly, path.unlink)
        file.write(text)


def _quietly(remove: Callable[[], None]) -> None:
    """Remove what is still there."""
    with contextlib.suppress(OSError):
        remove()
