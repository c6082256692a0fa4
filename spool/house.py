"""What is known of every worker of a house, whichever it is: for ``condor_status``, and for the jobs that are kept back."""

from __future__ import annotations

import os

from spool import ad as ads


def facts() -> dict[str, str]:
    """As ClassAd expressions. The workers are taken to be of this node's architecture; they run nowhere but on Linux."""
    return {"Arch": ads.quote(os.uname().machine.upper()), "OpSys": '"LINUX"', "HasFileTransfer": "true"}
