"""The programs under test: how each is installed, started and understood."""
