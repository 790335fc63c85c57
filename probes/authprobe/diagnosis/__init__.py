"""Names the cause of what was observed: by a run, or in whatever text a user has."""
