"""The same session with a real HTCondor and with ours: ``scripts/conformance``."""
