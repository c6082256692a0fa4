"""All that runs tasks: the engine (Work Queue), the master, foremen, workers. Knows only ``spool``."""
