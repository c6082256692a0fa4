"""Foremen and workers: started, kept alive, drained, stopped, counted; only our own."""
