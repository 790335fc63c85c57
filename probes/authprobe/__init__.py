"""authprobe: real Claude clients against an emulated auth backend, and a report of what works.

The names in `__all__` are the public interface, which docs/api.md describes; type checkers read
`__init__.pyi`. Every module in this package is internal, and may change in any release.
"""

import importlib
import sys
import types

__version__ = "0.1.0"

_MODULES = {
    "authprobe.api.emulation": ("emulate",),
    "authprobe.api.reading": ("diff", "explain"),
    "authprobe.api.running": ("run",),
    "authprobe.api.values": ("CaseResult", "RunResult"),
    "authprobe.core.isolation": ("Isolation",),
    "authprobe.diff.judgement": ("Effect",),
    "authprobe.diff.model": ("Background",),
    "authprobe.diff.observations": ("Aspect", "Change"),
    "authprobe.emulator.config": (
        "AccountState",
        "Backend",
        "CredentialTreatment",
        "ErrorForm",
        "ErrorRewrite",
        "Fault",
        "Holds",
        "Host",
        "ModelAnswer",
        "Proxy",
        "Requirement",
        "Service",
        "StopReason",
        "Strip",
        "TokenKind",
        "TokenState",
        "ToolCall",
    ),
    "authprobe.emulator.standalone.emulator": ("Emulator",),
    "authprobe.emulator.standalone.resources": ("ResourceKind",),
    "authprobe.emulator.state.tokens": ("Token",),
    "authprobe.errors": ("ProbesError", "RecordError", "ScenarioError", "SettingsError"),
    "authprobe.observation.findings": ("Finding",),
    "authprobe.observation.model": ("Exchange", "Outcome", "RewrittenError"),
    "authprobe.report.diff_document": ("DiffDocument", "Question"),
    "authprobe.run.model": ("Alternative", "Diagnosis", "Reason"),
    "authprobe.verdict.model": ("Mismatch", "Status"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = ["__version__", *sorted(_MODULE_OF)]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: `import authprobe` alone costs nothing."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(types.ModuleType):
    """This package, in which `run` and `diff` are the functions.

    The import system would replace them by the internal packages of these names, as it sets each
    module as an attribute of the package that it is in.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _MODULE_OF and isinstance(value, types.ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
