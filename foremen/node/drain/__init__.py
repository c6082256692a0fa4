"""Drains of a foreman, a node or the site: files, scope, control."""
