"""From a submit description to a job ad: one module for each group of submit commands."""
