"""The emulated model: what an accepted request to the Messages API is answered with."""
