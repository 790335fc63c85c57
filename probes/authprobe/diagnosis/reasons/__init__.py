"""Reasons: what a client did otherwise than its scenario expects, or than before."""
