"""Drift: the answers of the real service beside those of the emulator."""
