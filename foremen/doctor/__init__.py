"""``alien_work_queue doctor``: looks at a node (``look``), judges what it saw (``checks``), tells the remedies (``report``)."""
