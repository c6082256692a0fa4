"""The command lines that are offered, one folder for each system that is imitated."""
