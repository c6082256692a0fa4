"""The fork server, which saves commands the start of a Python: server, launcher, what may be served.

Commands do not know of it. AWQ_FORKSERVER=0 switches it off.
"""
