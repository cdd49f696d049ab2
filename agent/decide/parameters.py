"""Labels in, typed parameter values out, or a refusal: values from outside are only ever data."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from agent.config.remediationfile import Parameter
from agent.errors import ParameterError
from agent.quantity import format_value
from agent.records import ParameterValue

FORESEEN = "foreseen"
"""What a parameter is taken from that says whether its fault is still to come; no label of a series is it."""

_MAX_LENGTH = 1024
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")


def bind_parameters(
    parameters: Mapping[str, Parameter], labels: Mapping[str, str]
) -> dict[str, ParameterValue]:
    """Return a value for every parameter. Raises ParameterError that names the one that does not fit."""
    return {name: _bind(name, parameter, labels) for name, parameter in parameters.items()}


def _bind(name: str, parameter: Parameter, labels: Mapping[str, str]) -> ParameterValue:
    raw: object = labels.get(parameter.from_) if parameter.from_ else None
    if raw is None:
        raw = parameter.default
    if raw is None:
        raise ParameterError(f"parameter '{name}': the diagnosis has no label '{parameter.from_}'")
    value = _convert(name, parameter, raw)
    if isinstance(value, str):
        if parameter.from_ in labels and value.startswith("-"):
            shown = format_value(value)
            raise ParameterError(f"parameter '{name}': '{shown}' begins as an option of a command does")
        _check_text(name, parameter, value)
    elif not isinstance(value, bool):
        _check_number(name, parameter, value)
    return value


def _convert(name: str, parameter: Parameter, raw: object) -> ParameterValue:
    shown = format_value(str(raw))
    try:
        match parameter.type:
            case "string":
                return str(raw)
            case "integer":
                if isinstance(raw, bool) or (isinstance(raw, float) and not raw.is_integer()):
                    raise ValueError
                if not isinstance(raw, int | float) and not _INTEGER.fullmatch(str(raw)):
                    raise ValueError
                return int(raw)  # type: ignore[call-overload, no-any-return]
            case "number":
                number = float(str(raw))
                if isinstance(raw, bool) or not math.isfinite(number):
                    raise ValueError
                return number
            case "boolean":
                return {"true": True, "false": False}[str(raw).lower()]
    except (ValueError, KeyError, OverflowError) as error:
        raise ParameterError(f"parameter '{name}': '{shown}' is no {parameter.type}") from error


def _check_text(name: str, parameter: Parameter, value: str) -> None:
    shown = format_value(value)
    if len(value) > _MAX_LENGTH:
        raise ParameterError(f"parameter '{name}': '{shown}' is longer than {_MAX_LENGTH} characters")
    if any(not c.isprintable() for c in value):
        raise ParameterError(f"parameter '{name}': '{shown}' holds control characters")
    if parameter.choices is not None and value not in parameter.choices:
        raise ParameterError(f"parameter '{name}': '{shown}' is none of {', '.join(parameter.choices)}")
    if parameter.pattern is not None and not re.fullmatch(parameter.pattern, value):
        raise ParameterError(f"parameter '{name}': '{shown}' does not match {parameter.pattern}")


def _check_number(name: str, parameter: Parameter, value: int | float) -> None:
    if parameter.minimum is not None and value < parameter.minimum:
        raise ParameterError(f"parameter '{name}': {value} is less than {parameter.minimum:g}")
    if parameter.maximum is not None and value > parameter.maximum:
        raise ParameterError(f"parameter '{name}': {value} is more than {parameter.maximum:g}")
