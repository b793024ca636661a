"""The tables' history: one file below `versions` for every change of ivr.store.models."""
