"""The self-test of a foreman before it is used."""
