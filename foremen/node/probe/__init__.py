"""Questions to workers and foremen: are they alive, connected, which protocol do they speak?"""
