"""The emulated auth backend: loopback only, real addresses kept, deny by default."""
