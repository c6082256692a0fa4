"""Queries: which jobs are asked for, and the forms of the answers."""
