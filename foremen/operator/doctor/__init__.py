"""alien_work_queue doctor: collects facts, checks them, reports."""
