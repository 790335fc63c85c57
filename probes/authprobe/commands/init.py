"""`authprobe init`: write a first scenario, options and a job that probes it, and probe it once."""

import contextlib
import json
import os
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authprobe.commands.gitlab_pipeline import read_pipeline
from authprobe.commands.output import check_writable
from authprobe.commands.printing import print_error, print_json, print_text
from authprobe.commands.run import run
from authprobe.commands.starter_files import (
    GITHUB,
    GITLAB,
    GITLAB_INCLUDE,
    GITLAB_MAIN,
    IGNORED,
    SCENARIO,
    SHARED,
    CiService,
    StarterUse,
    find_repository,
    is_below_root,
    is_ignored,
    split_existing,
    starter_texts,
    write_new,
)
from authprobe.core.escaping import for_shell
from authprobe.core.safe_read import read_text_file
from authprobe.engine.last_failed import RESULTS_FILE
from authprobe.errors import ExitCode, SettingsError
from authprobe.options import OUT, SCENARIOS
from authprobe.settings import Settings, is_on_path, parse_settings, project_file

JOBS: Final = frozenset({GITHUB, GITLAB})
"""Files with the job of a CI service."""
MAX_COLUMN: Final = 30
"""Letters of a command whose text may stand beside it."""
LINE_WIDTH: Final = 80
"""Letters of a line with a command and its text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InitOptions:
    """Options of `authprobe init`."""

    folder: Path
    use: StarterUse
    ci: CiService
    only_write: bool
    as_json: bool


def init(options: InitOptions) -> int:
    """Write what is missing, probe a new scenario and print what to do next; return the exit code.

    Raises:
        SettingsError: nothing was written.
    """
    folder = options.folder
    _check_root(folder, options.ci)
    settings = parse_settings(
        {
            SCENARIOS.name: [str((folder / SCENARIO).parent)],
            OUT.name: [str(folder / OUT.default())],
        }
    )
    files = starter_texts(folder, options.use, options.ci)
    texts, left = split_existing(folder, files)
    probes = SCENARIO in texts and not options.only_write
    if probes:
        _check_reports(folder / OUT.default())
    write_new(folder, texts)
    written, kept = ([str(folder / name) for name in names] for names in (texts, left))
    if written:
        print_error(f"written: {', '.join(written)}")
    if kept:
        print_error(f"already there, and left as it is: {', '.join(kept)}")
    code = _probe(settings, as_json=options.as_json) if probes else None
    steps = dict(_next_steps(options, files, texts))
    if options.as_json:
        document = {"written": written, "left": kept, "exit_code": code, "next": steps}
        print_json(json.dumps(document, indent=1))
    else:
        print_text("\n".join(["", "Next:", *_step_lines(steps)]))
    if not is_on_path():
        print_error(
            "if your shell finds no `authprobe`, call it as you did here, such as `uvx authprobe "
            "run`, or install it, such as with `uv tool install authprobe`"
        )
    return code or ExitCode.OK


def _check_root(folder: Path, ci: CiService) -> None:
    """Check that the service would read a job in this folder.

    Raises:
        SettingsError: it would not.
    """
    if ci is not CiService.NONE and is_below_root(folder):
        name = {CiService.GITHUB: "GitHub", CiService.GITLAB: "GitLab"}[ci]
        raise SettingsError(
            f"--ci {ci}: {name} reads jobs only from the root of a repository, "
            f"{find_repository(folder)}; nothing was written; run `authprobe init` there, or with "
            "--ci none here"
        )


def _check_reports(folder: Path) -> None:
    """Check that the first run can write its reports and replaces none.

    Raises:
        SettingsError: something is in the way.
    """
    check_writable(folder)
    if os.path.lexists(folder / RESULTS_FILE):
        raise SettingsError(
            f"{folder / RESULTS_FILE}: already there, and the first run would replace it; nothing "
            "was written; move it away, or only write the files, with --no-run"
        )


def _probe(settings: Settings, *, as_json: bool) -> int:
    """Probe the scenario and write the reports; return the exit code of the run."""
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        return run(settings, None, only_list=False, as_json=False)


def _next_steps(
    options: InitOptions, files: Collection[str], written: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Yield the commands that the user can enter next, each with what it is for.

    `files` are all that the project needs; those that are not `written` were there.
    """
    folder, scenarios = options.folder, f"{Path(SCENARIO).parent}/"
    run, watch = "authprobe run", "authprobe watch"
    if not _is_default(folder):
        run, watch = f"{run} {scenarios}", f"{watch} --scenarios {scenarios}"
    if folder.resolve() != Path.cwd():
        yield (
            for_shell(["cd", *(["--"] if str(folder).startswith("-") else []), str(folder)]),
            "where the files are",
        )
    yield run, f"again, after each change of {SCENARIO}"
    yield "authprobe accept", "make what the client does now the baseline of later runs"
    yield watch, "what new versions of the client break"
    left = [name for name in files if name not in written]
    edits = {name: text for name in left if (text := _addition(folder, name))}
    yield from ((for_shell(["edit", name]), text) for name, text in edits.items())
    names = [*_to_commit(options, edits)]
    has_job = not JOBS.isdisjoint(names)
    has_repository = find_repository(folder) is not None
    if has_job and not has_repository:
        yield "git init", "no repository is here yet"
    if has_job or has_repository:
        why = ", so that the job runs; its version of authprobe must be on PyPI" if has_job else ""
        force = ["--force"] if has_repository and is_ignored(folder, names) else []
        yield for_shell(["git", "add", *force, *names]), f"and commit{why}"


def _to_commit(options: InitOptions, edits: Collection[str]) -> Iterator[str]:
    """Yield the files of this call and of earlier ones, which may not be committed yet.

    `git add` does nothing for one that is. One that others write as well is left to them, unless
    its text is that of authprobe or an edit of it is new.
    """
    folder = options.folder
    services = (CiService.NONE,) if is_below_root(folder) else CiService
    possible: dict[str, str] = {}
    for ci in services:
        possible |= starter_texts(folder, options.use, ci)
    for name, text in possible.items():
        if name in SHARED:
            is_ours = name in edits or read_text_file(folder / name).text == text
        else:
            is_ours = os.path.lexists(folder / name)
        if is_ours:
            yield name


def _step_lines(steps: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of the next steps: a command and its text in two columns, or in two lines
    where both are too long for one.
    """
    column = max((len(each) for each in steps if len(each) <= MAX_COLUMN), default=0)
    for command, text in steps.items():
        line = f"  {command:<{column}}  {text}"
        if len(line) <= LINE_WIDTH:
            yield line
        else:
            yield from (f"  {command}", f"    {text}")


def _is_default(folder: Path) -> bool:
    """Return True if a run without arguments probes the scenario: the project's options say so."""
    file = project_file(folder.resolve())
    scenarios, _ = file.settings("run").get("scenarios", ((), ())) if file else ((), ())
    return isinstance(scenarios, tuple) and [*map(Path, scenarios)] == [Path(SCENARIO).parent]


def _addition(folder: Path, name: str) -> str | None:
    """Return what a file that was there should get; None: nothing."""
    if name == IGNORED:
        out = str(OUT.default())
        lines = read_text_file(folder / name).text.splitlines()
        patterns = (line.rstrip().lstrip("/").removesuffix("/") for line in lines)
        if not {out, f"{out}/*", f"{out}/**"}.isdisjoint(patterns):
            return None
        return f"add the line `{out}/*`; and `!{out}/baseline.json` to commit a baseline"
    if name == GITLAB_MAIN:
        pipeline = read_pipeline(folder / name)
        if pipeline.includes(GITLAB):
            return None
        entry = f"add `local: /{GITLAB}` to"
        if pipeline.lists_includes:
            return f"{entry} the list of its `include`"
        if pipeline.has_include:
            return f"make its `include` a list, and {entry} it"
        return f"add the line `{GITLAB_INCLUDE.strip()}`"
    return None
