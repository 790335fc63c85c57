"""`authprobe init`: write a first scenario, options and a job that probes it, and probe it once."""

import contextlib
import json
import os
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from authprobe.commands.gitlab_pipeline import read_pipeline
from authprobe.commands.output import check_writable
from authprobe.commands.printing import print_error, print_json, print_text
from authprobe.commands.run import run
from authprobe.commands.starter_files import (
    GITLAB,
    GITLAB_INCLUDE,
    GITLAB_MAIN,
    IGNORED,
    SCENARIO,
    SHARED,
    CiService,
    StarterUse,
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
        width = max(map(len, steps))
        lines = (f"  {command:<{width}}  {text}" for command, text in steps.items())
        print_text("\n".join(["", "Next:", *lines]))
    if not is_on_path():
        print_error(
            "if your shell finds no `authprobe`, call it as you did here, such as `uvx authprobe "
            "run`, or install it, such as with `uv tool install authprobe`"
        )
    return code or ExitCode.OK


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
    options: InitOptions, files: Mapping[str, str], written: Collection[str]
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
    for name, text in edits.items():
        yield for_shell(["edit", name]), f"it is there already; {text}"
    if written or edits:
        # A file of an earlier call may not be committed yet; `git add` does nothing if it is. One
        # that others write as well is left to them, unless this text or an edit of it is new.
        shared = {name for name in left if name in SHARED and name not in edits}
        names = [
            name
            for name, text in files.items()
            if name not in shared or read_text_file(folder / name).text == text
        ]
        why = "and commit" if options.ci is CiService.NONE else "and commit, so that the job runs"
        yield for_shell(["git", "add", *names]), why


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
        return f"add the line `{out}/*`, and `!{out}/baseline.json` if you commit a baseline"
    if name == GITLAB_MAIN:
        pipeline = read_pipeline(folder / name)
        if pipeline.includes(GITLAB):
            return None
        if pipeline.has_include:
            return f"add `local: /{GITLAB}` to the list of its `include`"
        return f"add the line `{GITLAB_INCLUDE.strip()}`"
    return None
