"""Texts of -help, as HTCondor prints them."""
