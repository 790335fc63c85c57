"""Doctor: read-only checks of the clients, credentials and settings of this machine."""
