"""The master: takes task files up, decides, tells the engine, records what became of it."""
