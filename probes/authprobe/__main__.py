"""Run `python -m authprobe` as the `authprobe` command."""

from authprobe.cli import main

main()
