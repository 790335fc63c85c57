"""uv: our own pinned one, and its options for the registry that pip's settings name.

uv installs Python packages two to four times as fast as pip, and verifies the registry's checksums
like pip (tried at 0.13.9). It reads none of pip's settings, so they are translated; where one has
no translation, pip installs.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

UV_VERSION: Final = "0.13.9"
UV_HASHES: Final = (
    "16963d19594e18d746a70c7fce82237bde4f2cac4cfcf0ca2b84796fe9d0c6e9",
    "2c45530751517d6c3bbc69a19473f6effe47cce047bede01ffd8af7ea7b36b25",
    "3eeeb51a267a2144640fcd8f38d4a2f63439b39bc47445fd84727c3fc462c843",
    "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe",
    "56ec37616c00220032fc7b8c9d0ef51367fd0d70d9cd6ddd841660f949f84fed",
    "66c512266d633bef48384a1f53003f41f2a8e7b36fe6e7fbfd3e0fd52d96fa63",
    "6a44b2ed8111d2f60d2b92627c5dccda3f7ed7570b18ce115e569cd68c28246b",
    "6b0c7b9f47a5d011939d61e324d3fe18a8bc155d8dd53add738709a92f290a7c",
    "6d5114bba238adddacb32fb11904f2b3ff4e988f8e9ff0d8d3b5e9822cf836b8",
    "7ec1e1dd9b6cb335c301afdf877989df384227313981850755a59561f75e4ab8",
    "a2ee66fe8b6608e1482ab1bde5799da04705c1cb40324c7f66054ecf46ae6e40",
    "a6e845f387e4ed55bb59342957a9179e24a631fcc7668bda3426ae1cef8ed4b9",
    "c16ed11e013557536b3e60065f1b912f6407bd6518e041b961e23ef9e6b4fbf5",
    "c5dbdb7c8737cd183a9dce95b39cfd1f3d54ec2a27a1bb58f160293f9ba2c805",
    "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",
    "db5c8df7145c21ffea9c0f74e38823bac3af60cbadf0e26b8633f08627b17bab",
    "dd6f4f93ddf8a668c73f0945f3638444b2140a4e15a3912067493fc6335543e4",
    "ecb6028d79dc96fbeafffe5c8af62a7099487ebc05a701e76714eebcffd06375",
    "eeb92051c2123b9730c46b04cc843cfa4bc7d7b0aec56df431a2215ef4cb0273",
)
"""SHA-256 of its files on PyPI, as `uv pip compile --generate-hashes` prints them."""
UV_INSTALL_ARGUMENTS: Final = (
    "--quiet",
    "--no-config",
    "--no-build",
    "--no-python-downloads",
    "--no-progress",
    "--compile-bytecode",  # as pip does: the sandbox shows a client read-only
    "--link-mode=hardlink",  # of a private cache, which is removed
    "--index-strategy=unsafe-best-match",  # as pip does
)
HARMLESS_SETTINGS: Final = frozenset(
    {
        *("cache-dir", "config-file", "disable-pip-version-check", "no-cache-dir", "no-color"),
        *("no-input", "no-warn-script-location", "progress-bar", "quiet", "root-user-action"),
        *("prefer-binary", "retries", "verbose"),
    }
)
"""Settings of pip that change nothing of what is installed."""
LIST_VARIABLES: Final = {
    "extra-index-url": ("UV_EXTRA_INDEX_URL", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "constraint": ("UV_CONSTRAINT", " "),
    "trusted-host": ("UV_INSECURE_HOST", " "),
}
VARIABLES: Final = {
    "index-url": ("UV_DEFAULT_INDEX",),
    "proxy": ("HTTP_PROXY", "HTTPS_PROXY"),
    "timeout": ("UV_HTTP_TIMEOUT",),
    "default-timeout": ("UV_HTTP_TIMEOUT",),
}
SETTING_SECTIONS: Final = ("global", "install", ":env:")
"""Sections of pip's settings for an installation; a later one wins."""


@dataclass(frozen=True, slots=True)
class UvOptions:
    """Options of uv: URLs are in variables, as arguments show credentials to other users."""

    arguments: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


def uv_program(tools: Path) -> Path:
    """Return the path of our own uv in the folder of the tools."""
    return tools / f"uv-{UV_VERSION}" / "bin" / "uv"


def pinned_requirement() -> str:
    """Return the requirement of uv with its checksums, as pip reads it from a file."""
    return " ".join((f"uv=={UV_VERSION}", *(f"--hash=sha256:{each}" for each in UV_HASHES))) + "\n"


def uv_options(listed: str, environment: Mapping[str, str]) -> UvOptions | None:
    """Return the options of uv for what `pip config list` prints; None: uv cannot have the same.

    `environment` is that of pip, which finds certificates by other variables than uv.
    """
    settings = _settings(listed)
    if settings is None:
        return None
    arguments: list[str] = []
    # A failure is tried again by pip, which has retries, and whose messages we know.
    variables = {"UV_HTTP_RETRIES": "0"}
    certificates = settings.pop("cert", environment.get("REQUESTS_CA_BUNDLE"))
    if certificates:
        is_folder = Path(certificates).is_dir()
        variables["SSL_CERT_DIR" if is_folder else "SSL_CERT_FILE"] = certificates
    for name, value in settings.items():
        if name in LIST_VARIABLES:
            variable, separator = LIST_VARIABLES[name]
            if separator != " " and separator in value:
                return None
            variables[variable] = separator.join(value.split())
        elif name in VARIABLES:
            variables |= dict.fromkeys(VARIABLES[name], value)
        elif name == "no-index":
            if value.lower() not in ("0", "no", "off", "f", "n", "false"):
                arguments.append("--no-index")
        elif name not in HARMLESS_SETTINGS:
            return None
    return UvOptions(tuple(arguments), variables)


def _settings(listed: str) -> dict[str, str] | None:
    """Return pip's settings for an installation by name, or None if a line is not understood."""
    sections: dict[str, dict[str, str]] = {section: {} for section in SETTING_SECTIONS}
    for line in listed.splitlines():
        name, is_setting, quoted = line.partition("=")
        section, _, key = name.rpartition(".")
        try:
            value = ast.literal_eval(quoted)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None
        if not is_setting or not isinstance(value, str):
            return None
        if section in sections:
            sections[section][key.replace("_", "-")] = value
    return {key: value for each in sections.values() for key, value in each.items()}
