"""`python -m probes` is `authprobe`."""

from probes.cli import main

main()
