"""One module for each command; each is imported when it is called, so that `--version` is quick."""
