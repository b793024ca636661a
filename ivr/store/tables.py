"""All tables in one place: importing this makes `Base.metadata` complete."""

from ivr.store import customers, followup, live, models, surveys
from ivr.store.base import Base

__all__ = ["Base", "customers", "followup", "live", "models", "surveys"]
