"""authprobe: real Claude clients against an emulated auth backend, and a report of what works."""

__version__ = "0.1.0"
