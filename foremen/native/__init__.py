"""Small C programs for execute nodes: how they are built, deployed and used.

Each is optional: without it the node does the same more slowly, or says why it cannot.
"""
