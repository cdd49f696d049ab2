"""The reference of settings: complete, explained, and the same as what is published."""

from collections.abc import Mapping
from typing import get_args

from pydantic import BaseModel

from agent.config import Settings
from agent.config.reference import PAGE, options, reference_text


def leaves(model, prefix=""):
    """The keys of all options, taken from the classes and not from their schema."""
    for name, field in model.model_fields.items():
        place = f"{prefix}{field.alias or name}"
        kinds = [field.annotation, *get_args(field.annotation)]
        kinds += [inner for kind in kinds for inner in get_args(kind)]
        section = next(
            (kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None
        )
        if section is None:
            yield place
        else:
            many = getattr(field.annotation, "__origin__", None)
            yield from leaves(
                section, f"{place}{'.NAME' if many in (dict, Mapping) else '[]' if many else ''}."
            )


def test_every_option_of_the_settings_is_in_the_reference():
    assert {one.key for one in options()} == set(leaves(Settings))


def test_every_option_says_what_it_means_and_what_it_takes():
    assert [one.key for one in options() if not one.description or not one.kind] == []


def test_defaults_are_written_as_people_write_them():
    found = {one.key: one for one in options()}
    assert found["collect.poll"].default == "15s"
    assert (found["collect.poll"].kind, found["agent.time_scale"].kind) == ("duration", "number, 0 to 10")
    assert found["collect.search.url"].required
    assert not found["collect.prometheus.ca_file"].required


def test_the_published_page_is_the_reference(root):
    assert (root / PAGE).read_text() == reference_text(), "make schemas"
