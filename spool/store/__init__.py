"""The spool on disk: layout, task files, the job database, published counts, cluster ids.

Other rooms reach the spool through these modules only. No rule about jobs lives here.
"""
