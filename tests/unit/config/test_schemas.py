"""The published JSON Schemas are those of the code, and the stock files fit them."""

import json

import jsonschema
import pytest

from agent.config.publish import FILES, FOLDER, schema_text
from agent.config.yamlfile import read_yaml

STOCK = {
    "signals": "rules/signals/*.yml",
    "faults": "rules/faults.yml",
    "diagnosis": "rules/diagnosis/*.yml",
    "remediation": "playbooks/*/remediation.yml",
    "opsmend": "packaging/config/opsmend.yml",
    "ruletests": "rules/tests/*.yml",
    "cases": "rules/cases/*.yml",
    "policy": "rules/policy.yml",
}


@pytest.mark.parametrize("name", FILES)
def test_a_published_schema_is_up_to_date(name):
    assert (FOLDER / f"{name}.json").read_text() == schema_text(name), "run 'make schemas'"


@pytest.mark.parametrize("name", STOCK)
def test_the_stock_files_fit_their_schema(name, root):
    schema = json.loads(schema_text(name))
    files = list(root.glob(STOCK[name]))
    assert files
    for file in files:
        jsonschema.validate(read_yaml(file).data, schema)
