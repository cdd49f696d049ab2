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


@pytest.mark.parametrize(
    ("plaintext", "secret"),
    [
        ("482911\n773012\n", "773012"),
        ("ann,73462918\nbob,1\n", "73462918"),
        ("user,password\nann,Welcome123\n", "Welcome123"),
        ("pager: +491701234567\n", "491701234567"),
        ("pin: 12_345_678\n", "12345678"),
        ("PASSWORD=swordfish # old\n", "swordfish"),
        ("ann:$6$salt$hash:19000:0\n", "$6$salt$hash"),
        ("a: 1\n---\nb: swordfish\n", "swordfish"),
    ],
)
def test_so_is_what_somebody_reads_out_of_it_otherwise(plaintext, secret):
    assert secret in texts_of_vault(plaintext.encode())


def test_what_tells_nothing_blackens_nothing():
    text = b"enabled: true\nport: 5432\nyear: 2026\nnone:\nhost: web1\nword: swordfish\n"
    assert set(texts_of_vault(text, {"web1"})) == {"swordfish"}


@pytest.mark.parametrize("tag", ["!!int 0129", "!!timestamp soon", "!!bool foo", "!!float foo"])
def test_what_no_reader_takes_is_told_as_it_stands(tag):
    assert any(tag.split()[1] in one for one in texts_of_vault(f"x: {tag}\n".encode()))


def test_what_holds_itself_or_much_of_one_thing_is_told_once():
    assert list(texts_of_vault(b"a: &a [*a, swordfish]\n")).count("swordfish") <= 3
    many = "a: &a [x1x1, x1x1]\n" + "".join(
        f"{name}: &{name} [{', '.join(['*' + before] * 10)}]\n"
        for before, name in zip("abcdefg", "bcdefgh", strict=True)
    )
    assert len(texts_of_vault(many.encode())) < 50


def test_a_number_of_more_digits_than_anybody_writes_stops_nothing():
    assert "swordfish" in texts_of_vault(b"big: 0x" + b"f" * 5000 + b"\nword: swordfish\n")


@pytest.mark.parametrize(
    "line", ["\n" * 300_000 + "a: x", "a=b" + " " * 100_000 + "c", "a" * 1_000_000, "x://" * 100_000]
)
def test_a_long_line_takes_no_longer_than_it_is(line):
    assert texts_of_vault(line.encode())
