"""Values from labels: typed, bounded, and only ever data."""

from datetime import timedelta

import pytest

from agent.config.remediationfile import Parameter
from agent.decide.match import make_plan
from agent.decide.parameters import bind_parameters
from agent.errors import ParameterError
from agent.records.forecasts import Remaining
from tests.make import NOW, candidate, host, remediation

UNIT = Parameter.model_validate({"type": "string", "from": "unit", "pattern": r"[\w.@-]+\.service"})


def bind(parameter, label=None):
    parameter = parameter if isinstance(parameter, Parameter) else Parameter.model_validate(parameter)
    labels = {} if label is None else {parameter.from_: label}
    return bind_parameters({"p": parameter}, labels)["p"]


def test_a_label_that_fits_is_taken():
    assert bind(UNIT, "nginx.service") == "nginx.service"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "nginx.service; rm -rf /",
        "$(id).service",
        "`id`.service",
        "{{ lookup('pipe','id') }}.service",
        "nginx.service\n",
        "nginx.service\x00",
        "../../etc/passwd",
        "-rf.service x",
        "-Hroot@elsewhere.service",
        "ngïnx .service",
        "a" * 2000 + ".service",
    ],
)
def test_a_label_that_does_not_fit_is_refused(value):
    with pytest.raises(ParameterError, match="parameter 'p'"):
        bind(UNIT, value)


def test_the_default_fills_in_for_a_missing_label():
    assert bind({"type": "integer", "from": "days", "default": 7}) == 7
    assert bind({"type": "integer", "from": "days", "default": 7}, "3") == 3


def test_a_missing_label_without_default_is_refused():
    with pytest.raises(ParameterError, match="no label 'unit'"):
        bind(UNIT)


@pytest.mark.parametrize("value", ["x", "1.5", "", "1e3", "0x10", "１２", "1_000", "9" * 400, " 1"])
def test_what_is_no_integer_is_refused(value):
    with pytest.raises(ParameterError, match="is no integer"):
        bind({"type": "integer", "from": "n", "default": 1}, value)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999", "x", ""])
def test_what_is_no_finite_number_is_refused(value):
    with pytest.raises(ParameterError, match="is no number"):
        bind({"type": "number", "from": "n", "default": 1}, value)


@pytest.mark.parametrize("value", ["0", "101"])
def test_bounds_are_kept(value):
    with pytest.raises(ParameterError):
        bind({"type": "integer", "from": "n", "default": 5, "minimum": 1, "maximum": 100}, value)


def test_choices_are_kept():
    choice = {"type": "string", "from": "n", "choices": ["a", "b"]}
    assert bind(choice, "a") == "a"
    with pytest.raises(ParameterError, match="none of a, b"):
        bind(choice, "c")


def test_booleans_are_two_words():
    flag = {"type": "boolean", "from": "n", "default": False}
    assert bind(flag, "true") is True
    with pytest.raises(ParameterError):
        bind(flag, "yes")


def test_what_a_series_says_of_being_foreseen_is_not_believed():
    restart = remediation(
        "restart", parameters={"early": {"type": "boolean", "from": "foreseen", "default": False}}
    )
    remaining = Remaining(at=NOW, left=timedelta(hours=1), low=timedelta(hours=1), high=timedelta(hours=1))
    labels = {"host": "web1", "foreseen": "true"}
    for foreseen in (None, remaining):
        plan = make_plan(restart, candidate(labels=labels, foreseen=foreseen), {"web1": host("web1")})
        assert plan.parameters == {"early": foreseen is not None}
