"""The clients that a scenario can name, with which its text is read."""

from collections import ChainMap
from pathlib import Path
from typing import Any

from authprobe.documents.node_tree import Items, Mapping, Node, Scalar
from authprobe.documents.validation import read
from authprobe.scenario.bundled_clients import KNOWN_CLIENTS
from authprobe.scenario.client_definitions import ClientDefinition
from authprobe.scenario.client_files import client_document, defined_clients
from authprobe.scenario.client_vocabulary import CLIENT_FILE
from authprobe.scenario.known_clients import KnownClient, known_client


def client_context(root: Node, folder: Path) -> dict[str, Any]:
    """Return the context in which the clients of a scenario are read: all that it can name.

    A client whose definition has errors is None.
    """
    files = [defined_clients(client_document(path)) for path in named_files(root, folder)]
    return {"clients": ChainMap(_own_clients(root, folder), *files, KNOWN_CLIENTS)}  # type: ignore[arg-type]


def named_files(root: Node, folder: Path) -> tuple[Path, ...]:
    """Return the files of definitions that a scenario names; wrong values have errors elsewhere."""
    items = root.nodes.get("definitions") if isinstance(root, Mapping) else None
    if not isinstance(items, Items):
        return ()
    names = [item.value for item in items.nodes if isinstance(item, Scalar)]
    return tuple(folder / name for name in names if isinstance(name, str) and "\0" not in name)


def _own_clients(root: Node, folder: Path) -> dict[str, KnownClient | None]:
    nodes = root.nodes.get("clients") if isinstance(root, Mapping) else None
    if not isinstance(nodes, Mapping):
        return {}
    clients: dict[str, KnownClient | None] = {}
    for kind, node in nodes.nodes.items():
        definition, _ = read(node, ClientDefinition, CLIENT_FILE)
        clients[kind] = known_client(kind, definition, folder) if definition else None
    return clients
