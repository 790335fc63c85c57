"""A process that holds secrets is neither dumped nor looked into."""

from pathlib import Path

import pytest

from tests.support.ordinary_user import as_user, folder_of_user, python_of_user

CODE = """
import resource, subprocess, sys
from authprobe.core.process_memory import protect_memory
LOOK = '''
import os
def is_readable(name):
    try:
        open(f"/proc/{os.getppid()}/{name}", "rb").close()
    except OSError:
        return False
    return True
print([is_readable(name) for name in ("environ", "mem", "fd/0")])
'''
def look():
    subprocess.run([sys.executable, "-c", LOOK], check=True)
look()
protect_memory()
look()
print(*resource.getrlimit(resource.RLIMIT_CORE))
child = "import resource; print(*resource.getrlimit(resource.RLIMIT_CORE))"
subprocess.run([sys.executable, "-c", child], check=True)
"""


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="NO /proc: needs Linux")
def test_no_program_of_the_same_user_looks_into_a_protected_process() -> None:
    with folder_of_user() as folder:
        ended = as_user([python_of_user(folder), "-c", CODE], folder, PYTHONUNBUFFERED="1")
    assert ended.returncode == 0, ended.stderr
    before, after, own, child = ended.stdout.splitlines()
    assert before == "[True, True, True]"
    assert after == "[False, False, False]"
    # A limit of 1 byte, as 0 would still start the machine's program for crashes.
    assert own == child
    assert own in ("1 1", "0 0")


SEALED = """
from pathlib import Path
from authprobe.clients.process.children import Children, Visibility
from authprobe.core.isolation import Isolation
from authprobe.core.process_memory import protect_memory
from authprobe.core.temporary_folder import temporary_folder
protect_memory()
with Children(isolation=Isolation.SEALED) as children:
    print(children.isolation.value)
    with children.open_container(Visibility()) as container:
        (container.home_folder / "a").mkdir()
        ended = container.run(["/bin/ls"], env={}, cwd=container.home, limit=20)
        print(ended.stdout.split())
with temporary_folder("protected-") as folder:
    (folder / "b").mkdir(mode=0)
print(folder.exists())
"""


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="NO /proc: needs Linux")
def test_protected_process_seals_containers_and_removes_their_folders() -> None:
    with folder_of_user() as folder:
        python = python_of_user(folder)
        ended = as_user([python, "-c", SEALED], folder, TMPDIR=str(folder))
    assert ended.returncode == 0, ended.stderr
    isolation, *lines = ended.stdout.splitlines()
    if isolation != "sealed":
        pytest.skip("THIS SYSTEM SEALS NO CONTAINERS FOR ORDINARY USERS")
    assert lines == ["['a', 'tmp']", "False"]
