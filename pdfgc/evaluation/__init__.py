"""Protocols: what is driven by what, what is measured, and the report."""
