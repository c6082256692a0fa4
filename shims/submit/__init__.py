"""The submit language: lines, macros, conditions, queue statements.

The result is a description of jobs; the job ad is made in shims.jobad.
"""
