"""Of what is hidden every text is known by which somebody could tell it again, and nothing that is a name."""

import json
import sys

import pytest

from agent.ansible.hiddentexts import texts_in, texts_of_vault

SECRET_KEYS = [
    "9f8e7d6c5b4a",
    "sk_live_4eC39HqLyjWDarjt",
    "P@ssw0rd",
    "123456",
    123456,
    "correct horse",
    "a:b",
]
SECRET_KEYS += [
    "550e8400-e29b-41d4-a716-446655440000",
    "abcdefghijklmnopqrstuvwx",
    "c3dvcmRmaXNo+/=",
    "xoxb-1234-a",
]
NAMES = ["user", "max_open_files", "db-02.example.test", "10.0.0.7", "Content-Type", "/etc/ssh/sshd_config"]
NAMES += ["größe", "8080", 8080, "x86_64", "stdout_lines", "innodb_buffer_pool_size", "", True, None, 1.5]


@pytest.mark.parametrize("key", SECRET_KEYS)
@pytest.mark.parametrize("around", [lambda one: one, lambda one: [{"x": [one]}], lambda one: json.dumps(one)])
def test_a_key_that_is_no_name_is_told(key, around):
    assert str(key) in set(texts_in(around({key: "x"})))


@pytest.mark.parametrize("key", NAMES)
def test_a_name_is_not(key):
    assert list(texts_in({key: "x"})) == ["x"]


def test_hosts_and_groups_are_names_whatever_they_look_like():
    assert list(texts_in([{"i-0abc12def": {"9f8e7d6c": 1}}], {"i-0abc12def"})) == ["9f8e7d6c"]


@pytest.mark.parametrize(
    ("plaintext", "secret"),
    [
        ('{"password":"swordfish"}', "swordfish"),
        ('one: \'{"deep": ["swordfish"]}\'', "swordfish"),
        ("DB_PASSWORD=swordfish\nexport USER='ann'\n", "swordfish"),
        ("DB_PASSWORD=swordfish\nexport PIN='tuna-fish'\n", "tuna-fish"),
        ("[db]\npassword = swordfish ; old\n", "swordfish ; old"),
        ("env: |\n  A=1\n  TOKEN=swordfish\n", "swordfish"),
        ("ann:$apr1$x.y$abcdef\n", "$apr1$x.y$abcdef"),
        ("user,key\nann,sw0rdf1sh,x\n", "sw0rdf1sh"),
        ("dsn: postgres://ann:sw%40rdfish@db.example.test/app\n", "sw@rdfish"),
        ("words: !!set {? swordfish}\n", "swordfish"),
        ("!!set {? swordfish}\n", "swordfish"),
        ("deep: !unsafe {a: [swordfish]}\n", "swordfish"),
        ("data: !!binary c3dvcmRmaXNo\n", "swordfish"),
        ("ratio: !!float 3.14159265\n", "3.14159265"),
        ("- {a: swordfish}\n", "swordfish"),
        ("password: c3dvcmRmaXNo\n", "swordfish"),
        ("auth: YW5uOnN3b3JkZmlzaA==\n", "swordfish"),
        ("swordfish", "swordfish"),
        ("{swordfish}", "{swordfish}"),
        ("sword: fish\n", "sword: fish\n"),
    ],
)
def test_a_part_that_somebody_may_take_out_of_a_vault_is_told(plaintext, secret):
    assert secret in texts_of_vault(plaintext.encode())


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "{", "[1, 2", "\ud800{"])
def test_what_only_looks_like_a_document_is_a_text(text):
    assert list(texts_in(text)) == [text]


def test_a_document_of_any_depth_is_taken_apart():
    depth = sys.getrecursionlimit() // 3
    assert "swordfish" in set(texts_in("[" * depth + '"swordfish"' + "]" * depth))
    deep: object = "swordfish"
    for _ in range(100_000):
        deep = [deep]
    assert list(texts_in(deep)) == ["swordfish"]
