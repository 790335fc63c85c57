"""Live mode: the credentials of a user, asked of the real service."""
