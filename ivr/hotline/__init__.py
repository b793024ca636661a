"""The business in one file: its model, its hours, its loader."""

from ivr.hotline.hours import Hours
from ivr.hotline.load import HotlineFileError, load_hotline
from ivr.hotline.model import (
    PERSON_KEY,
    Agent,
    Hotline,
    Key,
    Language,
    Menu,
    Option,
    Queue,
    Texts,
    Trunk,
    Voice,
    WorkNumber,
)

__all__ = [
    "PERSON_KEY",
    "Agent",
    "Hotline",
    "HotlineFileError",
    "Hours",
    "Key",
    "Language",
    "Menu",
    "Option",
    "Queue",
    "Texts",
    "Trunk",
    "Voice",
    "WorkNumber",
    "load_hotline",
]
