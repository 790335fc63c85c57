"""Commands: one module each, imported when its command is called, so that others start fast."""
