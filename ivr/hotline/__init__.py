"""The business in one file: its model, its hours, its loader."""

from ivr.hotline.hours import Hours
from ivr.hotline.in_force import HotlineInForce
from ivr.hotline.kinds import PERSON_KEY, Key, Language, Texts, WorkNumber
from ivr.hotline.load import HotlineFileError, load_hotline
from ivr.hotline.model import Agent, Hotline, Menu, Option, Queue, Trunk, Voice
from ivr.hotline.surveys import Outbound, Question, Survey

__all__ = [
    "PERSON_KEY",
    "Agent",
    "Hotline",
    "HotlineFileError",
    "HotlineInForce",
    "Hours",
    "Key",
    "Language",
    "Menu",
    "Option",
    "Outbound",
    "Question",
    "Queue",
    "Survey",
    "Texts",
    "Trunk",
    "Voice",
    "WorkNumber",
    "load_hotline",
]
