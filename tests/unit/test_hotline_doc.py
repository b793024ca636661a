"""docs/hotline.md shows every field of the business file, in a file that can be used."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from ivr.hotline import Hotline, load_hotline
from ivr.hotline.hours import Hours
from ivr.hotline.kinds import Strict
from ivr.settings import ROOT

EXAMPLE = "\n".join(
    re.findall(r"^```yaml\n(.*?)^```$", (ROOT / "docs" / "hotline.md").read_text(encoding="utf-8"), re.DOTALL | re.M)
)


@pytest.fixture
def hotline(tmp_path: Path) -> Hotline:
    file = tmp_path / "hotline.yaml"
    file.write_text(EXAMPLE, encoding="utf-8")
    return load_hotline(file)


def models(value: object) -> Iterator[BaseModel]:
    """Every part of a business file, down to the smallest."""
    if isinstance(value, BaseModel):
        yield value
        for name in type(value).model_fields:
            yield from models(getattr(value, name))
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from models(part)


def test_the_example_is_a_good_business_file_and_shows_every_field(hotline: Hotline) -> None:
    shown: dict[type[BaseModel], set[str]] = {}
    for part in models(hotline):
        shown.setdefault(type(part), set()).update(part.model_fields_set)
    del shown[Hours]  # written as `always`, or as days with hours
    hidden = {model.__name__: set(model.model_fields) - fields for model, fields in shown.items()}
    assert {name: fields for name, fields in hidden.items() if fields} == {}
    assert set(shown) == set(Strict.__subclasses__())


@pytest.mark.parametrize("section", ["waiting", "callbacks", "callers", "messages", "rating", "outbound", "standards"])
def test_what_may_be_left_out_has_the_values_it_is_said_to_have(hotline: Hotline, section: str) -> None:
    written: dict[str, Any] = yaml.safe_load(EXAMPLE)[section]
    shown = getattr(hotline, section)
    own = {"callbacks": {"trunk"}, "outbound": {"trunk"}, "callers": {"key_queue"}}.get(section, set())
    assert shown.model_dump(exclude=own) == type(shown)().model_dump(exclude=own)
    assert set(written) == set(type(shown).model_fields)
