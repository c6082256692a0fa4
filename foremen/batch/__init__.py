"""What carries workers to nodes: job scripts for batch systems, the worker file."""
