"""The OpenAPI document: every answer has an example that fits its schema; the published file is current."""

import json

import pytest

from agent.web.api.document import document_of
from tests.web.examples import PUBLISHED, answers_of, fits, published
from tests.web.gallery import Gallery


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    gallery = Gallery(tmp_path_factory.mktemp("gallery"))
    yield document_of(gallery.app())
    gallery.stores.close()


def test_the_published_document_is_the_one_that_the_agent_serves(document):
    assert PUBLISHED.read_text() == published(document), "make openapi"


def test_every_answer_has_an_example_that_fits_its_schema(document):
    wrong = {}
    for operation, status in answers_of(document):
        method, _, path = operation.partition(" ")
        content = document["paths"][path][method]["responses"][status]["content"]["application/json"]
        why = fits(document, operation, status, content["example"]) if "example" in content else "no example"
        if why:
            wrong[operation, status] = why
    assert wrong == {}, "make openapi"


def test_an_example_that_does_not_fit_would_be_found(document):
    assert fits(document, "get /-/healthy", "200", {"status": "success", "data": {"healthy": "yes"}})


def test_no_example_holds_a_secret_or_a_place_of_the_machine_it_was_made_on(document):
    text = json.dumps(document)
    assert "/tmp" not in text
    assert "opsmend_tok" not in text
