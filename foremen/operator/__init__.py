"""Commands of the operator: alien_work_queue, alien_wq_worker, doctor, top."""
