"""Package registry on loopback, from which the real npm installs made-up packages."""

import base64
import contextlib
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote


@contextlib.contextmanager
def npm_registry(packages: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Serve packages by name at version 1.0.0; yield the URL.

    Each has the fields of its `package.json`, and the contents of its files below `files`.
    """
    tarballs = {name: _pack(name, fields) for name, fields in packages.items()}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = unquote(self.path).lstrip("/")
            name = path.removesuffix(".tgz")
            content = b"{}"
            if path in tarballs:
                content = json.dumps(_document(name, packages[name], tarballs[name], url)).encode()
            elif name in tarballs:
                content = tarballs[name]
            self.send_response(200 if name in tarballs else 404)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield url
        finally:
            server.shutdown()
            thread.join()


def _manifest(name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    own = {key: value for key, value in fields.items() if key != "files"}
    return {"name": name, "version": "1.0.0", **own}


def _pack(name: str, fields: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    files = {"package.json": json.dumps(_manifest(name, fields)), **fields.get("files", {})}
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(f"package/{path}")
            entry.size, entry.mode = len(text.encode()), 0o755
            archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


def _document(name: str, fields: Mapping[str, Any], tarball: bytes, url: str) -> dict[str, Any]:
    digest = base64.b64encode(hashlib.sha512(tarball).digest()).decode()
    version = {
        **_manifest(name, fields),
        "hasInstallScript": "scripts" in fields,
        "dist": {"tarball": f"{url}/{name}.tgz", "integrity": f"sha512-{digest}"},
    }
    return {"name": name, "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
