"""The engine: the only process that links Work Queue, and the master's end of its socket."""
