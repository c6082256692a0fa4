"""``python -m foremen.engine``: the engine's process."""

from __future__ import annotations

import sys

from foremen.engine.process import main

if __name__ == "__main__":
    sys.exit(main())
