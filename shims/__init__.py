"""HTCondor's face: one module a command, the submit language, queries and their output forms. Knows only ``spool``."""
