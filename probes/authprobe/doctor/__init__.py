"""What this machine has to do with authentication: looked at, and left as it is."""
