"""What all commands share: options, standard streams, identity of user and host, entry point.

No command and no rule about jobs.
"""
