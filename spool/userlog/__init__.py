"""The job event log of a user: its texts, the writer and the reader.

Which event a job yields is decided by the master, not here.
"""
