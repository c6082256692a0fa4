"""The library that all front ends use: submit, query, act, history, machines.

Values in, values out: no command line and no text for people.
"""
