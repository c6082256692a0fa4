"""The door to the operating system of a node: processes, /proc, and a fake for tests."""
