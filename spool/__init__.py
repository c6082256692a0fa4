"""The table between the two faces: job model, task files, job database, event log, published counts.

Imports nobody of the house. The modules that ``condor_submit`` needs (errors, ad, settings, folder, numbers, taskfile)
import nothing that costs a client milliseconds: no re, json, typing, enum, dataclasses, pathlib at run time.
"""
