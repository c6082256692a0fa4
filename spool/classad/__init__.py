"""ClassAd expressions that strangers wrote: bounds of their text, what they need, what they cost, and their values.

``bounds`` judges a text before it is parsed; ``scope`` makes the ad that an expression needs; ``cost`` proves an evaluation
cheap; ``evaluator`` is the process that evaluates everything else under limits. Parsing itself is in ``spool.expressions``.
Nothing here knows jobs, commands or the master.
"""
