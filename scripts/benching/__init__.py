"""The measurements behind scripts/bench. Every ratio is of two things measured in turn, in the same run."""
