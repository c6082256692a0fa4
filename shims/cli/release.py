"""The HTCondor release whose behaviour the commands imitate, in the form clients parse (``condor_version``, job ads)."""

from __future__ import annotations

CONDOR_VERSION = "$CondorVersion: 23.9.6 2026-07-12 PackageID: alien-workqueue $"
CONDOR_PLATFORM = "$CondorPlatform: X86_64-Linux $"
