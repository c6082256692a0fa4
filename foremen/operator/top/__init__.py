"""alien_work_queue top: a snapshot of the site, drawn on a terminal."""
