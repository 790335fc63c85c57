"""Entry point of the command, and of `python -m authprobe`."""

from authprobe.start import quit_on_interrupt


def main() -> None:
    """Run the command line; Ctrl-C ends it without a traceback from its first import on."""
    quit_on_interrupt()
    from authprobe.cli import main as command

    command()


if __name__ == "__main__":
    main()
