"""Log events: fields, redaction, no forged lines."""

import json
import logging

from agent.log import Logger, _JsonFormatter, _TextFormatter, redact


def record(message: str, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("opsmend.test", logging.INFO, "", 0, message, (), None)
    made.fields = fields
    return made


def test_fields_are_json_and_none_is_left_out():
    line = json.loads(_JsonFormatter().format(record("run started", run=7, host="web1", why=None)))
    assert (line["message"], line["room"], line["run"], line["host"]) == ("run started", "test", 7, "web1")
    assert "why" not in line


def test_secrets_are_left_out_by_name_and_in_urls():
    assert redact("api_token", "x") == "[redacted]"
    assert redact("url", "https://me:pass@host/x") == "https://[redacted]@host/x"


def test_a_label_with_a_line_break_stays_on_one_line():
    line = _TextFormatter().format(record("incident opened", entity="a\n00:00:00 error forged"))
    assert "\n" not in line


def test_the_logger_hands_fields_over(caplog):
    with caplog.at_level(logging.INFO, "opsmend.room"):
        Logger("room").info("hello", a=1)
    assert caplog.records[0].fields == {"a": 1}
