"""The tokens that an operator provisions in a file."""

import hashlib
from datetime import UTC, datetime

import pytest

from agent.errors import ConfigError
from agent.records.tokens import Scope
from agent.web.access.tokensfile import load_tokens

SECRET = "0123456789abcdef-of-a-token"


def write(folder, text, mode=0o600):
    file = folder / "tokens.yml"
    file.write_text(text)
    file.chmod(mode)
    return file


def test_a_token_may_be_written_as_its_digest(tmp_path):
    digest = hashlib.sha256(SECRET.encode()).hexdigest()
    text = f"jenkins: {{sha256: {digest}, scope: decide, role: platform, expires: 2026-12-01T00:00:00Z}}\n"
    found = load_tokens(write(tmp_path, text)).find(SECRET)
    assert (found.person, found.scope, found.role) == ("jenkins", Scope.DECIDE, "platform")
    assert found.is_valid(datetime(2026, 11, 30, tzinfo=UTC))
    assert not found.is_valid(datetime(2026, 12, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ann: short\n", "at least 16 characters"),
        ("ann: {token: short}\n", "at least 16 characters"),
        ("ann: {}\n", "needs 'token' or 'sha256'"),
        ("ann: {sha256: 12}\n", "valid string"),
        ("ann: {sha256: zz}\n", "pattern"),
        (f"ann: {{token: {SECRET}, scope: root}}\n", "'look', 'alert', 'decide' or 'admin'"),
        (f"ann: {{token: {SECRET}, expires: 2026-12-01T00:00:00}}\n", "timezone"),
        (f"ann: {{token: {SECRET}, colour: red}}\n", "colour"),
        (f"ann: {SECRET}\nbob: {SECRET}\n", "the same token as ann"),
        ("- ann\n", "no mapping"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path, text, said):
    file = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_tokens(file)
    assert said in str(caught.value)
    assert str(file) in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_file_that_others_can_read_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="can be read by others"):
        load_tokens(write(tmp_path, f"ann: {SECRET}\n", 0o640))
