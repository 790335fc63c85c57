"""Executor: the distributed engine that probes the cases of a run, by its address."""

import re
from dataclasses import dataclass
from typing import Final

SCHEMES: Final = {"dask": "tcp", "dask+tls": "tls"}
"""The protocols of dask, by the scheme on the command line."""
MAX_PORT: Final = 65535
_EXECUTOR: Final = re.compile(r"(dask(?:\+tls)?)://(\[[0-9A-Fa-f:.]+\]|[\w.-]+):([0-9]{1,5})", re.A)


@dataclass(frozen=True, slots=True)
class ExecutorAddress:
    """Address of a scheduler."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        """The spelling on the command line: `dask://10.0.0.5:8786`."""
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def dask_address(self) -> str:
        """The address in the spelling of dask."""
        return f"{SCHEMES[self.scheme]}://{self.host}:{self.port}"


def parse_executor(text: str) -> ExecutorAddress:
    """Return the address of a scheduler.

    Raises:
        ValueError: the text is none.
    """
    match = _EXECUTOR.fullmatch(text)
    if match and 0 < int(match[3]) <= MAX_PORT:
        return ExecutorAddress(match[1], match[2], int(match[3]))
    raise ValueError("write it as dask://HOST:PORT, such as dask://127.0.0.1:8786")
