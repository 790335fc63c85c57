"""Entry point of `python -m authprobe`."""

from authprobe.cli import main

main()
