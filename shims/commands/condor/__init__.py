"""HTCondor's commands. Each parses its arguments, calls shims.api once and prints what shims.format returns."""
