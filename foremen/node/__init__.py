"""The supervisor of one node: keeps foremen and workers alive, drains, reports."""
