import subprocess
import sys

CODE = """
import resource
from authprobe.core.core_dumps import forbid_core_dumps
forbid_core_dumps()
print(*resource.getrlimit(resource.RLIMIT_CORE))
"""


def test_no_dump_is_written() -> None:
    """A limit of 1 byte, as 0 would still start the machine's program for crashes."""
    ended = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert ended.stdout.split() in (["1", "1"], ["0", "0"])
