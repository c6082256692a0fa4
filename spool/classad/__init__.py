"""ClassAds: ads as text, literals, bounds, evaluation, requirements of jobs against workers.

Nothing here knows where a job is stored or what its state is.
"""
