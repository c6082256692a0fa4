"""The acceptor: a process in front of each Work Queue manager that lets in only peers that know the password.

See docs/adr/0024-acceptor.md.
"""
