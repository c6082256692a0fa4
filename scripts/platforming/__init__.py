"""Other Debian releases in folders of their own, to install and run the toolkit in them (scripts/platforms)."""
