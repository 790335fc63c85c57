"""`authprobe emulator` as a user runs it."""

import contextlib
import itertools
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from authprobe.clients.process import private_places
from authprobe.clients.process.children import Children
from authprobe.clients.process.launcher import descendants
from authprobe.core.isolation import Isolation
from authprobe.emulator.rules.routes import RULES
from tests.support.command import PROJECT, Ended, command, environment
from tests.support.command import run as run_here
from tests.support.waiting import wait_until

LIMIT = 60.0
SHOW = "import json, os; print(json.dumps(dict(os.environ)))"
OWN = {
    "ANTHROPIC_API_KEY": "canary",
    "ANTHROPIC_MADE_UP": "canary",
    "anthropic_small": "canary",
    "CLAUDE_CODE_OAUTH_TOKEN": "canary",
    "CLAUDE_MADE_UP": "canary",
    "https_proxy": "http://canary.example.org",
    "no_proxy": "*",
    "KEPT": "as it was",
}
REQUEST_BODY = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 1,
    "messages": [{"role": "user", "content": "ping"}],
}


def _seals() -> bool:
    with Children(isolation=Isolation.SEALED) as children:
        return children.isolation is Isolation.SEALED


needs_seal = pytest.mark.skipif(not _seals(), reason="THIS SYSTEM SEALS NO CONTAINERS")


class Serving:
    """A serving command and its output."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self.child = child
        self.out = ""
        self.err: list[str] = []
        assert child.stderr is not None
        for line in child.stderr:
            self.err.append(line)
            if line.startswith("serving"):
                break
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.child.stderr is not None
        self.err += self.child.stderr

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, store the remaining output, and return the exit code."""
        if self.child.poll() is None:
            self.child.send_signal(number)
        assert self.child.stdout is not None
        self.out += self.child.stdout.read()
        self._reader.join(LIMIT)
        return self.child.wait(LIMIT)


@contextlib.contextmanager
def serving(folder: Path, *options: str | Path, **env: str) -> Iterator[Serving]:
    with subprocess.Popen(
        command("emulator", *options),
        cwd=folder,
        env=environment(folder / "home", TMPDIR=str(folder), **env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        served = Serving(child)
        try:
            yield served
        finally:
            served.end()


def description(served: Serving) -> dict[str, Any]:
    """Return the output of `--json`: one line, printed before the emulator serves."""
    assert served.child.stdout is not None
    line = served.child.stdout.readline()
    served.out += line
    document: dict[str, Any] = json.loads(line)
    return document


def run(*options: str | Path, cwd: Path, **env: str) -> Ended:
    return run_here("emulator", *options, cwd=cwd, argv=None, **env)


def run_around(folder: Path, *options: str, code: str = SHOW, **env: str) -> Ended:
    """Run Python code as the command of the emulator, in a project beside the user's home."""
    project = folder / "project"
    project.mkdir(exist_ok=True)
    argv = (*options, "--", sys.executable, "-c", code)
    return run(*argv, cwd=project, HOME=str(folder / "home"), **env)


def variables(folder: Path, *options: str, **env: str) -> dict[str, str]:
    """Return the environment of the emulator's command."""
    ended = run_around(folder, "--quiet", *options, **env)
    assert (ended.code, ended.err) == (0, "")
    document: dict[str, str] = json.loads(ended.out)
    return document


def ask(base_url: str, key: str) -> int:
    headers = {"x-api-key": key, "anthropic-version": "2023-06-01"}
    url = f"{base_url}/v1/messages"
    return httpx.post(url, headers=headers, json=REQUEST_BODY, trust_env=False).status_code


def refuses(url: str) -> bool:
    address = httpx.URL(url)
    try:
        socket.create_connection((address.host, address.port or 0), timeout=LIMIT).close()
    except ConnectionRefusedError:
        return True
    return False


def files_in(folder: Path) -> list[str]:
    """Return the names in a folder, without the home of the command."""
    return sorted(path.name for path in folder.iterdir() if path.name != "home")


# --- alone ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_emulator_serves_until_it_is_stopped(tmp_path: Path, number: signal.Signals) -> None:
    file = tmp_path / "it's here.env"
    with serving(tmp_path, "--json", "--issue", "api-key", "--env-file", file) as served:
        document = description(served)
        urls = [document[name] for name in ("base_url", "https_url", "control_url")]
        assert not any(refuses(url) for url in urls)
        key = document["environment"]["ANTHROPIC_API_KEY"]
        assert ask(document["base_url"], key) == 200
        assert file.exists()
        assert served.end(number) == 0
        assert all(refuses(url) for url in urls)
    assert files_in(tmp_path) == []
    assert "Traceback" not in "".join(served.err)


def test_a_killed_emulator_leaves_no_folder(tmp_path: Path) -> None:
    with serving(tmp_path, "--json", "--issue", "api-key") as served:
        assert files_in(tmp_path) != []
        assert served.end(signal.SIGKILL) == -signal.SIGKILL
        wait_until(lambda: files_in(tmp_path) == [])


def test_a_killed_emulator_leaves_neither_its_command_nor_its_home(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    code = "import time; open('started', 'w').close(); time.sleep(60)"
    options = ("--report", "out", "--issue", "login", "--", sys.executable, "-c", code)
    with subprocess.Popen(
        command("emulator", *options),
        cwd=project,
        env=environment(tmp_path / "home", TMPDIR=str(tmp_path)),
        stdin=subprocess.DEVNULL,
    ) as child:
        wait_until((project / "started").exists)
        children = descendants(child.pid)
        assert children
        child.kill()
    wait_until(lambda: files_in(tmp_path) == ["project"])
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children))


def test_json_is_one_object_and_the_log_goes_to_stderr(tmp_path: Path) -> None:
    with serving(tmp_path, "--json", "--issue", "api-key", "--issue", "access-token") as served:
        document = description(served)
        environment = document["environment"]
        key, token = environment["ANTHROPIC_API_KEY"], environment["CLAUDE_CODE_OAUTH_TOKEN"]
        assert ask(document["base_url"], key) == 200
        headers = {"authorization": f"Bearer {token}", "x-api-key": key, "user-agent": token}
        httpx.get(
            f"{document['base_url']}/{key}%1B[31m?a={token}", headers=headers, trust_env=False
        )
        assert served.end() == 0
    assert set(document) == {
        *("base_url", "https_url", "proxy_url", "control_url", "control_token", "ca_file"),
        "environment",
    }
    assert json.loads(served.out) == document
    log = "".join(served.err)
    assert log.splitlines()[0] == "serving; press Ctrl-C to stop"
    assert "POST 127.0.0.1/v1/messages  200  messages  api-key" in log
    assert "[redacted:api-key]" in log
    assert "deny:route" in log
    assert "nearest: " in log
    assert "sk-ant-" not in log
    assert "\x1b" not in log + served.out


def test_quiet_logs_no_requests(tmp_path: Path) -> None:
    with serving(tmp_path, "--json", "--quiet", "--issue", "api-key") as served:
        document = description(served)
        assert ask(document["base_url"], document["environment"]["ANTHROPIC_API_KEY"]) == 200
        assert served.end() == 0
    assert "".join(served.err) == "serving; press Ctrl-C to stop\n"


def test_requests_are_answered_after_the_log_was_closed(tmp_path: Path) -> None:
    with subprocess.Popen(
        command("emulator", "--json", "--issue", "api-key"),
        cwd=tmp_path,
        env=environment(tmp_path / "home"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        document = json.loads(child.stdout.readline())
        child.stderr.readline()
        child.stderr.close()
        key = document["environment"]["ANTHROPIC_API_KEY"]
        assert [ask(document["base_url"], key) for _ in range(3)] == [200] * 3
        child.send_signal(signal.SIGTERM)
        assert child.wait(LIMIT) in (0, 120)  # 120: Python cannot say what it has left to say


def test_a_shell_can_evaluate_the_output(tmp_path: Path) -> None:
    folder = tmp_path / 'it\'s $HOME `here`; "quoted"'
    folder.mkdir()
    file = tmp_path / "variables"
    with serving(folder, "--env-file", file, "--issue", "api-key") as served:
        wait_until(file.exists)
        script = f'eval "$(cat "$1")"; exec "$2" -c "{SHOW}"'
        shell = subprocess.run(
            ["/bin/sh", "-eu", "-c", script, "sh", str(file), sys.executable],
            env={},
            capture_output=True,
            text=True,
            check=True,
        )
        text = file.read_text()
        assert file.stat().st_mode & 0o777 == 0o600
        served.end()
    environment = json.loads(shell.stdout)
    assert served.out == text
    assert all(re.fullmatch(r"export [A-Za-z_]+=.+", line) for line in text.splitlines())
    assert environment["SSL_CERT_FILE"].startswith(str(folder))
    assert environment["ANTHROPIC_BASE_URL"].startswith("http://127.0.0.1:")
    assert environment["ANTHROPIC_API_KEY"].startswith("sk-ant-api03-")
    assert files_in(tmp_path) == [folder.name]


def test_an_env_file_is_written_atomically(tmp_path: Path) -> None:
    """The file gets its name when it is complete, so no reader sees a part of it."""
    file = tmp_path / "variables"
    file.write_text("of before\n")
    before = file.stat().st_ino
    with serving(tmp_path, "--env-file", file):
        assert file.stat().st_ino != before
        assert file.read_text().count("export ") > 5
    assert not file.exists()


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_documented_requests_to_the_control_api_work(tmp_path: Path) -> None:
    page = (PROJECT / "docs/emulator.md").read_text()
    [script] = re.findall(r"```sh\n(control\(\) .+?)```", page, re.DOTALL)
    (tmp_path / "project").mkdir()
    argv = ("--quiet", "--", "/bin/sh", "-euc", script)
    ended = run(*argv, cwd=tmp_path / "project", HOME=str(tmp_path / "home"))
    assert (ended.code, ended.err) == (0, "")
    assert '"slot":"access-token"' in ended.out
    assert '"state":"expired"' in ended.out
    assert '"name":"A30"' in ended.out
    assert ended.out.endswith('"egress_refused":[]}')


@pytest.mark.parametrize("umask", [0, 0o077])
def test_nobody_else_can_read_or_change_what_the_emulator_makes(tmp_path: Path, umask: int) -> None:
    file = tmp_path / "variables"
    before = os.umask(umask)
    try:
        with serving(tmp_path, "--env-file", file, "--issue", "api-key") as served:
            made = [file, *tmp_path.glob("authprobe-emulator-*")]
            modes = [path.stat().st_mode & 0o777 for path in made]
            served.end()
    finally:
        os.umask(before)
    assert modes == [0o600, 0o700]


@pytest.mark.parametrize("kind", ["link", "dangling link", "folder", "pipe"])
def test_an_env_file_replaces_only_a_file(tmp_path: Path, kind: str) -> None:
    target, file = tmp_path / "target", tmp_path / "variables"
    match kind:
        case "link":
            target.write_text("canary")
            file.symlink_to(target)
        case "dangling link":
            file.symlink_to(target)
        case "folder":
            file.mkdir()
        case _:
            os.mkfifo(file)
    before = files_in(tmp_path)
    ended = run("--env-file", file, cwd=tmp_path, TMPDIR=str(tmp_path))
    assert (ended.code, ended.out) == (4, "")
    assert re.fullmatch(
        rf"--env-file {file}: 'variables' is (a symbolic link|a directory|a FIFO), not a regular "
        r"file, and is left as it is; remove it, or choose another place\n",
        ended.err,
    )
    assert files_in(tmp_path) == before
    assert not target.exists() or target.read_text() == "canary"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_an_env_file_of_another_user_is_not_replaced(tmp_path: Path) -> None:
    file = tmp_path / "variables"
    file.write_text("canary")
    os.chown(file, 65534, 65534)
    ended = run("--env-file", file, cwd=tmp_path, TMPDIR=str(tmp_path))
    assert (ended.code, "belongs to another user; name a new file" in ended.err) == (4, True)
    assert file.read_text() == "canary"


def test_a_file_that_took_the_name_meanwhile_stays(tmp_path: Path) -> None:
    file, other = tmp_path / "variables", tmp_path / "other"
    other.write_text("of another")
    with serving(tmp_path, "--env-file", file) as served:
        wait_until(file.exists)
        other.replace(file)
        assert served.end() == 0
    assert file.read_text() == "of another"


# --- around a command -----------------------------------------------------------------------------


def test_a_command_gets_the_variables_and_no_credentials_of_the_user(tmp_path: Path) -> None:
    environment = variables(tmp_path, "--issue", "api-key", **OWN)
    assert "canary" not in repr(environment)
    assert not {"ANTHROPIC_MADE_UP", "CLAUDE_MADE_UP", "CLAUDE_CODE_OAUTH_TOKEN"} & set(environment)
    assert environment["KEPT"] == "as it was"
    assert environment["ANTHROPIC_API_KEY"].startswith("sk-ant-api03-")
    base = environment["ANTHROPIC_BASE_URL"]
    assert (
        base
        == environment["HTTPS_PROXY"]
        == environment["https_proxy"]
        == environment["HTTP_PROXY"]
    )
    assert environment["NO_PROXY"] == environment["no_proxy"] == "127.0.0.1,localhost,::1"
    assert environment["AUTHPROBE_HTTPS_URL"].startswith("https://127.0.0.1:")
    assert environment["AUTHPROBE_CONTROL_URL"].startswith("http://127.0.0.1:")
    assert refuses(base)


def test_each_token_is_set_in_its_variable(tmp_path: Path) -> None:
    kinds = ("api-key", "api-key", "setup-token", "access-token", "refresh-token", "identity-token")
    environment = variables(tmp_path, *(word for kind in kinds for word in ("--issue", kind)))
    tokens = {name: value for name, value in environment.items() if value.startswith("sk-ant-")}
    assert sorted(tokens) == [
        *("ANTHROPIC_API_KEY", "AUTHPROBE_ACCESS_TOKEN", "AUTHPROBE_API_KEY_2"),
        *("AUTHPROBE_IDENTITY_TOKEN", "AUTHPROBE_REFRESH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
    ]
    assert len(set(tokens.values())) == len(kinds)


def test_the_base_url_can_be_left_out(tmp_path: Path) -> None:
    environment = variables(
        tmp_path, "--no-base-url", ANTHROPIC_BASE_URL="http://canary.example.org"
    )
    assert "ANTHROPIC_BASE_URL" not in environment
    assert environment["HTTPS_PROXY"].startswith("http://127.0.0.1:")


def test_a_command_reaches_the_emulator_by_its_variables(tmp_path: Path) -> None:
    code = """if True:
        import json, os, urllib.error, urllib.request
        headers = {"x-api-key": os.environ["ANTHROPIC_API_KEY"], "anthropic-version": "2023-06-01",
                   "content-type": "application/json"}
        messages = [{"role": "user", "content": "ping"}]
        body = {"model": "claude-sonnet-5-5", "max_tokens": 1, "messages": messages}
        body = json.dumps(body).encode()
        for url in (os.environ["ANTHROPIC_BASE_URL"], os.environ["AUTHPROBE_HTTPS_URL"],
                    "https://api.anthropic.com"):
            request = urllib.request.Request(url + "/v1/messages", body, headers)
            print(urllib.request.urlopen(request).status)
        url = os.environ["AUTHPROBE_CONTROL_URL"]
        token = {"authorization": "Bearer " + os.environ["AUTHPROBE_CONTROL_TOKEN"]}
        print(urllib.request.urlopen(urllib.request.Request(url, headers=token)).status)
        try:
            urllib.request.urlopen(url)
        except urllib.error.HTTPError as error:
            print(error.code)
    """
    ended = run_around(tmp_path, "--issue", "api-key", code=code, **OWN)
    assert (ended.code, ended.out.split()) == (0, ["200"] * 4 + ["401"])
    assert ended.err.count("POST ") == 3


def test_an_env_file_exists_while_a_command_runs(tmp_path: Path) -> None:
    code = "print(open('variables').read().count('export '))"
    ended = run_around(tmp_path, "--env-file", "variables", code=code)
    assert (ended.code, int(ended.out) > 5) == (0, True)
    assert files_in(tmp_path / "project") == []


@pytest.mark.parametrize(
    ("code", "expected"),
    [("raise SystemExit(7)", 7), ("import os; os.kill(os.getpid(), 9)", 128 + 9), ("", 0)],
)
def test_the_exit_code_is_that_of_the_command(tmp_path: Path, code: str, expected: int) -> None:
    ended = run_around(tmp_path, code=code)
    assert (ended.code, ended.out) == (expected, "")
    assert ended.err.startswith("authprobe: the command made no request to the emulator; it may")
    assert ("--share-home" in ended.err) == bool(expected)
    assert run_around(tmp_path, "--quiet", code=code).err == ""


def test_a_missing_command_exits_with_127(tmp_path: Path) -> None:
    ended = run("--", "nothing-like-it", cwd=tmp_path)
    assert (ended.code, ended.err) == (127, "nothing-like-it: command not found\n")


def test_a_command_that_cannot_be_started_exits_with_126(tmp_path: Path) -> None:
    file = tmp_path / "text"
    file.write_text("")
    ended = run("--", file, cwd=tmp_path)
    assert (ended.code, ended.err) == (126, f"{file}: Permission denied\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_is_forwarded_to_the_command(tmp_path: Path, number: signal.Signals) -> None:
    code = (
        "import os, signal, time\n"
        f"signal.signal({number.value}, lambda *_: (os.write(1, b'got it\\n'), os._exit(5)))\n"
        "print('ready', flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        command("emulator", "--quiet", "--", sys.executable, "-c", code),
        cwd=tmp_path,
        env=environment(tmp_path / "home"),
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(number)
        assert child.wait(LIMIT) == 5
        assert child.stdout.read() == "got it\n"


def test_a_signal_before_the_start_of_the_command_reaches_it(tmp_path: Path) -> None:
    code = (
        "import os, signal\n"
        "from authprobe.cli import main\n"
        "from authprobe.commands import emulator\n"
        "variables = emulator._variables\n"
        "def interrupted(*values, **options):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    return variables(*values, **options)\n"
        "emulator._variables = interrupted\n"
        "main(['emulator', '--quiet', '--', 'sleep', '20'])\n"
    )
    ended = run_here(argv=[sys.executable, "-c", code], cwd=tmp_path)
    assert ended.code == 128 + signal.SIGTERM


def test_a_command_ends_with_a_killed_emulator(tmp_path: Path) -> None:
    code = "import time; print('ready', flush=True); time.sleep(600)"
    with subprocess.Popen(
        command("emulator", "--quiet", "--", sys.executable, "-c", code),
        cwd=tmp_path,
        env=environment(tmp_path / "home", TMPDIR=str(tmp_path)),
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        below = descendants(child.pid)
        child.kill()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in below), LIMIT)


LOOK = """if True:
    import os, pathlib, socket, sys
    def try_to(act):
        try:
            act()
            return "done"
        except OSError as error:
            return type(error).__name__
    user = pathlib.Path(sys.argv[1])
    pathlib.Path("made").write_text("x")
    pathlib.Path.home().joinpath("in-home").write_text("x")
    print(pathlib.Path.home(), os.environ.get("CLAUDE_CONFIG_DIR"), os.getcwd())
    print(try_to(lambda: (user / ".claude" / ".credentials.json").read_text()))
    print(try_to(lambda: (user / ".claude" / ".credentials.json").write_text("")))
    print(try_to(lambda: socket.create_connection(("192.0.2.1", 443), timeout=5)))
    print(try_to(lambda: socket.getaddrinfo("api.anthropic.com", 443)))
"""


def look_around(folder: Path, *options: str) -> tuple[list[str], str]:
    """Run a program that tries to reach the user's login and other machines.

    Returns its lines without the first, and the login afterwards.
    """
    login = folder / "home" / ".claude" / ".credentials.json"
    login.parent.mkdir(parents=True, exist_ok=True)
    login.write_text("canary")
    project = folder / "project"
    project.mkdir(exist_ok=True)
    argv = ("--quiet", *options, "--", sys.executable, "-c", LOOK, str(folder / "home"))
    ended = run(*argv, cwd=project, HOME=str(folder / "home"))
    assert ended.code == 0, ended.err
    assert (project / "made").read_text() == "x"
    return ended.out.splitlines(), login.read_text()


@needs_seal
def test_a_command_is_sealed(tmp_path: Path) -> None:
    lines, login = look_around(tmp_path)
    assert lines == [
        f"/sandbox/home /sandbox/home/.claude {tmp_path / 'project'}",
        *("FileNotFoundError", "FileNotFoundError", "OSError", "gaierror"),
    ]
    assert login == "canary"
    assert not (tmp_path / "home" / "in-home").exists()


@needs_seal
def test_a_shared_home_is_read_only(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "in-home").parent.mkdir()
    code = LOOK.replace('pathlib.Path.home().joinpath("in-home").write_text("x")', "pass")
    login = home / ".claude" / ".credentials.json"
    login.parent.mkdir()
    login.write_text("canary")
    (tmp_path / "project").mkdir()
    argv = ("--quiet", "--share-home", "--", sys.executable, "-c", code, str(home))
    ended = run(*argv, cwd=tmp_path / "project", HOME=str(home))
    assert ended.out.splitlines() == [
        f"{home} /sandbox/home/.claude {tmp_path / 'project'}",
        *("done", "OSError", "OSError", "gaierror"),
    ]
    assert login.read_text() == "canary"


def test_a_command_without_isolation_is_warned_of(tmp_path: Path) -> None:
    lines, login = look_around(tmp_path, "--no-isolation")
    assert lines[1:3] == ["done", "done"]
    assert login == ""
    assert (tmp_path / "home" / "in-home").exists()
    ended = run("--no-isolation", "--", "true", cwd=tmp_path)
    assert "not isolated: the command can read and change your files, use and end" in ended.err


@needs_seal
@pytest.mark.parametrize("place", [".", "..", ".claude", ".config/x"])
def test_a_command_in_the_home_starts_in_a_private_one(tmp_path: Path, place: str) -> None:
    home = tmp_path / "home"
    folder = (home / place).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    home.mkdir(exist_ok=True)
    (home / ".claude").mkdir(exist_ok=True)
    (home / ".claude" / ".credentials.json").write_text("canary")
    script = f"pwd; ls {home} {folder}; touch made"
    ended = run("--quiet", "--", "sh", "-c", script, cwd=folder, HOME=str(home))
    assert ended.out == "/sandbox/home\n"
    assert f"authprobe: the command does not see the working directory, {folder}: " in ended.err
    assert not (folder / "made").exists()


@needs_seal
def test_a_command_cannot_change_the_file_that_it_reads(tmp_path: Path) -> None:
    file = tmp_path / "input"
    (tmp_path / "project").mkdir()
    for script, printed, content in (
        ("wc -c", "250000", "line\n" * 50_000),  # more than a pipe holds
        ("echo changed >> /dev/stdin", "", "line\n"),
    ):
        file.write_text(content)
        with file.open() as stdin:
            ended = subprocess.run(
                command("emulator", "--quiet", "--", "sh", "-c", script),
                cwd=tmp_path / "project",
                env=environment(tmp_path / "home"),
                stdin=stdin,
                capture_output=True,
                text=True,
                timeout=LIMIT * 2,
                check=False,
            )
        assert (ended.returncode, ended.stdout.strip()) == (0, printed), ended.stderr
        assert file.read_text() == content


@needs_seal
def test_closed_streams_give_a_command_nothing_of_the_emulator(tmp_path: Path) -> None:
    """The next file takes the number of a closed one: once, that was the emulator's epoll."""
    script = "readlink /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 > links"
    line = shlex.join(command("emulator", "--quiet", "--", "sh", "-c", script))
    project = tmp_path / "project"
    project.mkdir()
    for closed in ("<&-", "<&- >&- 2>&-"):
        subprocess.run(
            ["/bin/sh", "-c", f"exec {line} {closed}"],
            cwd=project,
            env=environment(tmp_path / "home"),
            timeout=LIMIT * 2,
            check=True,
        )
        stdin, _, stderr = (project / "links").read_text().splitlines()
        assert stdin == "/dev/null"
        assert "2>&-" not in closed or stderr == "/dev/null"


@pytest.mark.parametrize(
    ("place", "is_private"),
    [
        *((place, True) for place in ("/etc", "/etc/ssl", "/dev", "/run/user/1000", "/usr/bin")),
        *((place, True) for place in ("/tmp", "/var", "/proc/self", "/usr/local", "/", "/home")),  # noqa: S108
        *((place, True) for place in ("/home/user", "/home/user/.claude/x", "/root")),
        *((place, False) for place in ("/home/user/project", "/usr/src/app", "/app", "/tmp/x")),  # noqa: S108
        ("/var/lib/jenkins/workspace", False),
    ],
)
def test_a_folder_of_the_system_is_no_working_directory(place: str, *, is_private: bool) -> None:
    """There are settings in it, or sockets of other programs. No program is started here: as root,
    a fault would change the machine.
    """
    homes = (Path("/home/user"), Path("/root"))
    assert private_places.is_private(Path(place), homes) is is_private


@needs_seal
def test_a_program_in_the_home_does_not_show_all_of_it(tmp_path: Path) -> None:
    """The home may be a virtual environment, and so be what its Python needs."""
    home = tmp_path / "home"
    (home / "bin").mkdir(parents=True)
    (home / "pyvenv.cfg").touch()
    (home / "bin" / "python").symlink_to(sys.executable)
    (home / "secret").write_text("canary")
    (tmp_path / "project").mkdir()
    script = f"import os; print(os.path.exists({str(home / 'secret')!r}))"
    ended = run(
        *("--quiet", "--", home / "bin" / "python", "-S", "-c", script),
        cwd=tmp_path / "project",
        HOME=str(home),
    )
    assert (ended.code, ended.out) == (0, "False\n"), ended.err


@needs_seal
def test_a_command_can_use_the_terminal(tmp_path: Path) -> None:
    """It can change the mode of the terminal, which is restored, and cannot type into it."""
    code = (
        "import fcntl, sys, termios, tty\n"
        "tty.setraw(0); print('ready', flush=True)\n"
        "try: fcntl.ioctl(0, termios.TIOCSTI, b'x'); print('typed')\n"
        "except OSError as error: print(error.strerror)\n"
        "print(sys.stdin.read(1), sys.stdout.isatty())"
    )
    ours, theirs = os.openpty()
    before = termios.tcgetattr(theirs)
    with subprocess.Popen(
        command("emulator", "--quiet", "--", sys.executable, "-c", code),
        cwd=tmp_path,
        env=environment(tmp_path / "home"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as child:
        printed = b""
        while b"ready" not in printed:
            printed += os.read(ours, 1000)
        os.write(ours, b"k")
        assert child.wait(LIMIT) == 0
    assert termios.tcgetattr(theirs) == before
    text = (printed + os.read(ours, 1000)).decode()
    os.close(ours)
    os.close(theirs)
    assert "typed" not in text
    assert "k True" in text


@needs_seal
def test_the_mode_of_the_terminal_is_restored_after_a_command_that_changes_it_at_once(
    tmp_path: Path,
) -> None:
    """Several at a time, because a mode that is read too late shows only now and then."""
    terminals = [os.openpty() for _ in range(6)]
    before = [termios.tcgetattr(theirs) for _, theirs in terminals]
    started = [
        subprocess.Popen(
            command("emulator", "--quiet", "--", "stty", "-echo", "raw"),
            cwd=tmp_path,
            env=environment(tmp_path / "home"),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        for _, theirs in terminals
    ]
    assert [child.wait(LIMIT) for child in started] == [0] * len(started)
    assert [termios.tcgetattr(theirs) for _, theirs in terminals] == before
    for descriptor in itertools.chain(*terminals):
        os.close(descriptor)


# --- what it refuses ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--host", "0.0.0.0"], r"0\.0\.0\.0: .* loopback addresses only; use 127\.0\.0\.1 or ::1"),  # noqa: S104 - to be refused
        (["--host", "example.org"], r"example\.org: .* loopback addresses only; use 127"),
        (["--fault", "A99"], r"no such fault: 'A99'; did you mean"),
        (
            ["--fault", "nothing-like-it"],
            r"no such fault: 'nothing-like-it'; see `authprobe emulator --",
        ),
        (["--issue", "x"], r"no such token kind: 'x'; choose from api-key, "),
        (["--standing", "x"], r"--standing: no such standing: 'x'; choose from active, "),
        (["--port", "99999"], r"--port 99999: must be a whole number from 0 to 65535"),
        (["--port", "x"], r"--port x: must be a whole number from 0 to 65535"),
        (["--date", "nonsense"], r"--date nonsense: must be a day, such as 2026-03-01"),
        (["--nothing-like-it"], r"No such option"),
        (["--json", "--", "true"], r"--json prints .*: leave out --json"),
        (["--markdown"], r"--markdown is only for --rules; add --rules, or leave it out"),
        (["--rules", "--json", "--markdown"], r"--json and --markdown exclude each other"),
        (
            ["--share-home"],
            r"--share-home is only for a command; add one after --, or leave it out",
        ),
        (["--no-isolation"], r"--no-isolation is only for a command; add one after --, or leave"),
        (
            ["--share-home", "--no-isolation", "--", "true"],
            r"--share-home and --no-isolation exclude each other; use one of them",
        ),
        (["--rules", "--", "true"], r"--rules runs no command; leave out the command, or --rules"),
        (
            ["--env-file", "nowhere/x"],
            r"--env-file nowhere/x: cannot be written: No such file or d",
        ),
        (["--env-file", "/proc/x"], r"--env-file /proc/x: .*; name a file in a writable directory"),
    ],
)
def test_an_invalid_option_exits_with_4(tmp_path: Path, options: list[str], complaint: str) -> None:
    ended = run(*options, cwd=tmp_path, TMPDIR=str(tmp_path))
    assert (ended.code, ended.out) == (4, "")
    lines = ended.err.splitlines()
    if lines[0].startswith("Usage: "):  # of click's own, which add where to read more
        lines = [line for line in lines if line.startswith("Error: ")]
    assert len(lines) == 1
    assert re.search(complaint, lines[0])
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("option", ["--port", "--https-port", "--control-port"])
def test_a_port_in_use_exits_with_4(tmp_path: Path, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        ended = run(option, port, cwd=tmp_path, TMPDIR=str(tmp_path))
    assert (ended.code, ended.out) == (4, "")
    assert len(ended.err.splitlines()) == 1
    assert f"port {port}: Address already in use" in ended.err
    assert files_in(tmp_path) == []


# --- rules and help -------------------------------------------------------------------------------


def test_rules_are_printed_as_text(tmp_path: Path) -> None:
    ended = run("--rules", cwd=tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert "\x1b" not in ended.out
    words = {line.split()[0] for line in ended.out.splitlines() if line and line[0] != " "}
    assert set(RULES) <= words
    assert {"Faults", "connection-refused", "challenge-page"} <= words
    assert ended.out.count("https://") >= len(RULES)


def test_rules_are_printed_as_json(tmp_path: Path) -> None:
    ended = run("--rules", "--json", cwd=tmp_path)
    assert (ended.code, ended.err) == (0, "")
    rows = json.loads(ended.out)
    assert {row["id"] for row in rows} == set(RULES)
    for row in rows:
        assert row["sources"] == list(RULES[row["id"]].sources)
        assert re.fullmatch(r"\d{4}-\d\d(-\d\d)?", row["last_seen"])
        assert row["certainty"] == RULES[row["id"]].certainty


def test_rules_are_printed_as_markdown(tmp_path: Path) -> None:
    ended = run("--rules", "--markdown", cwd=tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("# Rules of the emulator\n")
    assert all(f"| {name} |" in ended.out or f"| `{name}` |" in ended.out for name in RULES)


def test_help_shows_examples(tmp_path: Path) -> None:
    ended = run("--help", cwd=tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert "Examples:\n    authprobe emulator --issue api-key -- " in ended.out
    assert "\x1b" not in ended.out
