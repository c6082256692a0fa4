"""The spool: the shared state between commands and master. Imports no other room.

What condor_submit needs (errors, classad.ads, settings, store.layout, store.cluster_ids, store.task_file)
imports nothing that costs a client milliseconds: no re, json, typing, enum, dataclasses, pathlib.
"""
