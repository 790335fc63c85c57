"""Options that files and environment variables set: `authprobe.toml`, pyproject.toml, variables."""
