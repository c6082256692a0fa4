"""The submit language: from a description to job ads."""
