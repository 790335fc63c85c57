"""The list of variables that a scenario may set, for docs/variables.md:
`python -m authprobe.report.reference.variables`.
"""

import click

from authprobe.core.client_kinds import CLAUDE_MAX_API_PROXY, ClientKind
from authprobe.core.client_variables import CLIENT_VARIABLES, ClientVariable, ValueKind


def variables_markdown() -> str:
    """Return every variable with its values, its clients and its source, as Markdown."""
    head = (
        "# Variables\n\n"
        "The environment variables that a [scenario](scenarios.md#environments) may set. "
        "Generated from\n"
        "[client_variables.py](../probes/authprobe/core/client_variables.py) by `make docs`.\n\n"
        "Every other variable is refused: a scenario may come from somebody else, and a variable "
        "can lead a client to the\nfiles of its user, run a program, or replace an address. "
        "\\* marks variables with which a client asks other addresses\nor writes to a path; their "
        "cases are `unavailable` where the kernel does not isolate clients.\nThe wrappers "
        "of `claude-code` are the Agent SDKs and `claude-max-api-proxy`, which start it.\n"
        "Programs of [definitions](clients.md) can get each of these variables, and those that the "
        "definition sets.\n"
    )
    return head + "".join(_table(kind) for kind in ValueKind)


def _table(kind: ValueKind) -> str:
    rows = sorted(
        (variable for variable in CLIENT_VARIABLES.values() if variable.value is kind),
        key=lambda variable: variable.name,
    )
    lines = [f"\n## {_heading(kind)}\n", f"The value is {kind}.\n"]
    lines += ["| variable | clients | source |", "| --- | --- | --- |", *map(_row, rows)]
    return "\n".join(lines) + "\n"


def _heading(kind: ValueKind) -> str:
    return kind.name.replace("_", " ").capitalize().replace("Json", "JSON")  # an initialism


def _row(variable: ClientVariable) -> str:
    mark = "\\*" if variable.needs_isolation else ""
    words = f": {', '.join(f'`{word}`' for word in variable.choices)}" if variable.choices else ""
    source = variable.source.partition("; ")
    links = "; ".join(f"<{s}>" if s.startswith("https:") else s for s in source[::2] if s)
    return f"| `{variable.name}`{mark}{words} | {_readers(variable.clients)} | {links} |"


def _readers(clients: tuple[str, ...]) -> str:
    """Return the names of the clients; those that only start `claude-code` go without saying."""
    started = (
        ClientKind.AGENT_SDK_PYTHON,
        ClientKind.AGENT_SDK_NODE,
        CLAUDE_MAX_API_PROXY,
    )
    if not set(started) <= set(clients):
        return ", ".join(clients)
    others = [client for client in clients if client not in started]
    return ", ".join([others[0], "its wrappers", *others[1:]])


if __name__ == "__main__":
    click.echo(variables_markdown(), nl=False)
