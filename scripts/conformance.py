"""What scripts/conformance starts; the session is in scripts/conforming."""

from __future__ import annotations

import sys

from conforming.command import main

if __name__ == "__main__":
    sys.exit(main())
