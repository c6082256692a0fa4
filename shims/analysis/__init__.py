"""condor_q -analyze and -better-analyze: why a job does not run."""
