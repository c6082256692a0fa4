"""Values to text: tables, columns, whole ads, totals.

Nothing here reads the spool.
"""
