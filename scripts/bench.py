"""What scripts/bench starts; the measurements are in scripts/benching."""

from __future__ import annotations

import sys

from benching.command import main

if __name__ == "__main__":
    sys.exit(main())
