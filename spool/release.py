"""The release of the toolkit, as every command tells it; a test holds it equal to pyproject.toml's."""

from __future__ import annotations

RELEASE = "1.0.0.dev0"
