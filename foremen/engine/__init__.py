"""The engine: the process that owns the Work Queue library, its protocol, and the client in the master."""
