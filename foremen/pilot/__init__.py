"""What starts a pilot on a node: launch script, file transfer script, long variables."""
