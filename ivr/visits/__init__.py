"""Visits in (S26): what ended at a customer's, told by other programs and tables, so that it can be asked about."""
