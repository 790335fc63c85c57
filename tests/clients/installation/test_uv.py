"""uv installs Python clients like pip, and pip does where uv cannot."""

import subprocess
from pathlib import Path
from typing import Final

import pytest

from authprobe.clients.installation import storage
from authprobe.clients.installation.cache import Cache
from authprobe.clients.installation.installed_client import InstalledClient
from authprobe.clients.installation.installers import Installers
from authprobe.clients.installation.uv import UvOptions, pinned_requirement, uv_options, uv_program
from authprobe.clients.process.children import Children
from authprobe.errors import InstallError
from authprobe.settings import cache_folder
from tests.support.defined_clients import define
from tests.support.python_packages import write_wheel

CLIENT: Final = define("bot@1.2", install={"pip": "bot"})
RETRIES: Final = {"UV_HTTP_RETRIES": "0"}
RECORD: Final = 'printf \'%s\\n\' "$@" > "$0.arguments"; env > "$0.environment"\n'


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder with the only Python packages: a program that says which installer came by."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    program = "import sys\ndef main(): print('pong', sys.prefix)\n"
    write_wheel(folder, "bot", "1.2", files={"bot.py": program}, program="bot = bot:main")
    return folder


@pytest.fixture(scope="session")
def real_uv() -> Path:
    """Folder of our own uv in the cache of this user."""
    with Children() as children:
        Installers(cache_folder(), children)._prepare_uv()
    program = uv_program(cache_folder() / storage.TOOLS_FOLDER)
    if not program.is_file():
        pytest.skip("uv is not in the cache, and the registry cannot be reached")
    return program.parent.parent


def put_uv(cache: Cache, script: str) -> Path:
    """Put this script in the place of uv."""
    program = uv_program(cache.folder / storage.TOOLS_FOLDER)
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\n{script}")
    program.chmod(0o755)
    return program


def install(cache: Cache) -> InstalledClient:
    cache.prepare(CLIENT, lambda _: None)
    return cache.get(CLIENT)


def installer(client: InstalledClient) -> str:
    (file,) = client.folder.glob("lib/*/site-packages/bot-1.2.dist-info/INSTALLER")
    return file.read_text().strip()


def output(client: InstalledClient) -> str:
    argv, env = [str(client.programs / "bot")], {"PATH": "/usr/bin:/bin"}
    return subprocess.run(argv, env=env, capture_output=True, check=True, text=True).stdout


@pytest.mark.parametrize("name", ["cache", "a b", "long" * 40])
def test_uv_installs_a_program_that_finds_its_interpreter(
    real_uv: Path, index: Path, tmp_path: Path, children: Children, name: str
) -> None:
    with Cache(tmp_path / name, children) as cache:
        tools = cache.folder / storage.TOOLS_FOLDER
        tools.mkdir(parents=True)
        (tools / real_uv.name).symlink_to(real_uv)
        client = install(cache)
    assert installer(client) == "uv"
    assert output(client) == f"pong {client.folder}\n"
    assert list(client.folder.glob("lib/*/site-packages/__pycache__/bot.*.pyc"))
    assert not list(client.folder.parent.glob(".*")), "uv's own cache is removed"
    assert all(file.stat().st_nlink == 1 for file in client.folder.glob("lib/**/*.py"))
    assert client.integrity_error() is None


def test_pip_installs_where_uv_cannot_be_set_up(index: Path, cache: Cache) -> None:
    assert installer(install(cache)) == "pip"
    names = [path.name for path in (cache.folder / storage.TOOLS_FOLDER).iterdir()]
    assert names in ([], ["uv.lock"])


@pytest.mark.parametrize(
    "script",
    ["echo error >&2; exit 2\n", 'touch "$PWD/lib/left"; exit 1\n', "kill -9 $$\n"],
    ids=["fails", "fails in the middle", "killed"],
)
def test_pip_installs_into_a_clean_folder_after_uv_failed(
    index: Path, cache: Cache, script: str
) -> None:
    put_uv(cache, script)
    client = install(cache)
    assert installer(client) == "pip"
    assert not (client.folder / "lib" / "left").exists()


def test_pip_tells_the_reason_after_uv_failed(index: Path, cache: Cache) -> None:
    put_uv(cache, "exit 2\n")
    (index / next(index.glob("bot-*")).name).unlink()
    with pytest.raises(InstallError, match=r"bot==1\.2: not published"):
        install(cache)


def test_damaged_uv_does_no_harm(index: Path, cache: Cache) -> None:
    put_uv(cache, "").write_bytes(b"\x7fELF cut off")
    assert installer(install(cache)) == "pip"


def test_uv_gets_no_settings_of_the_user_and_no_url_as_an_argument(
    index: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = put_uv(cache, RECORD + "exit 1\n")
    monkeypatch.setenv("UV_INDEX_URL", "http://127.0.0.1:1/others")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nowhere")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "http://me:secret@127.0.0.1:1/simple")
    install(cache)
    arguments = program.with_name("uv.arguments").read_text()
    environment = program.with_name("uv.environment").read_text()
    assert {"--no-config", "--no-build", "--no-index"} <= set(arguments.split())
    assert "secret" not in arguments
    assert "UV_EXTRA_INDEX_URL=http://me:secret@127.0.0.1:1/simple\n" in environment
    assert f"UV_FIND_LINKS={index}\n" in environment
    assert "UV_INDEX_URL" not in environment
    assert "XDG_CONFIG_HOME" not in environment


def test_uv_is_not_asked_where_pip_has_a_setting_that_uv_lacks(
    index: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = put_uv(cache, RECORD)
    monkeypatch.setenv("PIP_KEYRING_PROVIDER", "import")
    assert installer(install(cache)) == "pip"
    assert not program.with_name("uv.arguments").exists()


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ("", UvOptions((), RETRIES)),
        ("global.no-index='true'\n", UvOptions(("--no-index",), RETRIES)),
        ("global.no-index='true'\n:env:.no-index='0'\n", UvOptions((), RETRIES)),
        (
            "install.index-url='b'\nglobal.index-url='a'\n",
            UvOptions((), RETRIES | {"UV_DEFAULT_INDEX": "b"}),
        ),
        (
            "global.find-links='/a\\n/b'\nglobal.extra-index-url='x y'\n",
            UvOptions((), RETRIES | {"UV_FIND_LINKS": "/a,/b", "UV_EXTRA_INDEX_URL": "x y"}),
        ),
        (
            "global.cert='/no/such/file'\n:env:.timeout='9'\n",
            UvOptions((), RETRIES | {"SSL_CERT_FILE": "/no/such/file", "UV_HTTP_TIMEOUT": "9"}),
        ),
        ("download.anything='1'\nglobal.quiet='1'\n", UvOptions((), RETRIES)),
        ("global.find-links='/a,b'\n", None),
        (":env:.client-cert='/a'\n", None),
        ("install.no-binary=':all:'\n", None),
        ("nonsense\n", None),
        ("global.index-url=f()\n", None),
    ],
)
def test_settings_of_pip_are_options_of_uv(listed: str, expected: UvOptions | None) -> None:
    assert uv_options(listed, {}) == expected


def test_certificates_may_be_a_folder_and_named_for_requests(tmp_path: Path) -> None:
    options = uv_options("", {"REQUESTS_CA_BUNDLE": str(tmp_path)})
    assert options == UvOptions((), RETRIES | {"SSL_CERT_DIR": str(tmp_path)})


def test_uv_is_pinned_by_checksums(
    tmp_path: Path, children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry's file of this version with another content is refused."""
    name, _, version = pinned_requirement().split()[0].partition("==")
    write_wheel(tmp_path, name, version, files={"uv/__init__.py": ""})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    installers = Installers(tmp_path / "cache", children)
    with pytest.raises(InstallError, match=r"uv: Got +[0-9a-f]{64}"):
        installers._set_up_uv()
    assert installers._prepare_uv() is None
    assert not uv_program(tmp_path / "cache" / storage.TOOLS_FOLDER).exists()
