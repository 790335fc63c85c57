"""Files of `authprobe init`: a first scenario, the options, and the job that probes it."""

import contextlib
import enum
import os
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import authprobe
from authprobe.commands.gitlab_pipeline import read_pipeline
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
IGNORED: Final = ".gitignore"
SHARED: Final = frozenset({GITLAB_MAIN, IGNORED})
"""Files that have more in most projects than what authprobe writes."""
VERSION: Final = "@VERSION@"
"""Stands in a template for the version of authprobe that writes the file."""
STAGE: Final = "@STAGE@"
"""Stands in the template of GitLab's job for its stage."""
GIT_TIMEOUT: Final = 10.0


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


def find_repository(folder: Path) -> Path | None:
    """Return the root of the git repository around a folder, which may be missing; None: none."""
    resolved = folder.resolve()
    around = (resolved, *resolved.parents)
    return next((each for each in around if os.path.lexists(each / ".git")), None)


def is_below_root(folder: Path) -> bool:
    """Return True for a folder in a repository whose root is above: no CI service reads it."""
    return find_repository(folder) not in (None, folder.resolve())


def is_ignored(folder: Path, names: Iterable[str]) -> bool:
    """Return True if git ignores one of these files in a repository; False if git does not say.

    Only git knows all patterns: also those of folders above, of the repository and of the user.
    """
    # The configuration of a repository that was copied could name a program as core.fsmonitor.
    git = ["git", "-c", "core.fsmonitor=false"]
    try:
        ended = subprocess.run(
            [*git, "-C", str(folder), "check-ignore", "--", *names],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=GIT_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ended.returncode == 0


def find_ci(folder: Path) -> CiService:
    """Return the service that a project uses, as far as its files tell, and that reads a job."""
    if is_below_root(folder):
        return CiService.NONE
    # os.path: unlike those of Path, these are False for a folder that cannot be looked into
    if os.path.isdir(folder / ".github"):  # noqa: PTH112
        return CiService.GITHUB
    is_gitlab = os.path.isfile(folder / GITLAB_MAIN)  # noqa: PTH113
    return CiService.GITLAB if is_gitlab else CiService.NONE


def has_scenario(folder: Path) -> bool:
    """Return True if the folder has a first scenario already."""
    return os.path.lexists(folder / SCENARIO)


def starter_texts(folder: Path, use: StarterUse, ci: CiService) -> dict[str, str]:
    """Return the files for a folder: their contents by path.

    A file of options is left out if the project has one above, or a pyproject.toml with options.

    Raises:
        SettingsError: the file with the options is invalid.
    """
    texts = {SCENARIO: _template(f"{use}.yaml")}
    options = project_file(folder.resolve())
    if options is None or options.path == folder.resolve() / CONFIG:
        texts[CONFIG] = _template(CONFIG)
    texts[IGNORED] = _template("gitignore")
    if ci is CiService.GITHUB:
        texts[GITHUB] = _template("github.yaml")
    elif ci is CiService.GITLAB:
        stage = read_pipeline(folder / GITLAB_MAIN).stage
        texts[GITLAB] = _template("gitlab.yaml").replace(STAGE, stage)
        texts[GITLAB_MAIN] = GITLAB_INCLUDE
    return texts


def _template(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8").replace(VERSION, authprobe.__version__)


def split_existing(
    folder: Path, texts: Mapping[str, str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the files that are missing, and the names of those that are there.

    Raises:
        SettingsError: something that is no file has the name of one.
    """
    existing = tuple(name for name in texts if os.path.lexists(folder / name))
    for name in existing:
        if not os.path.isfile(folder / name):  # noqa: PTH113 (False if it cannot be looked into)
            raise SettingsError(
                f"{folder / name}: is there already, and is no file; nothing was written; "
                "move it away, or choose another directory"
            )
    return {name: text for name, text in texts.items() if name not in existing}, existing


def write_new(folder: Path, texts: Mapping[str, str]) -> None:
    """Write all of these files, or none; no file that exists is changed.

    Raises:
        SettingsError: a file cannot be written, or is there already.
    """
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
