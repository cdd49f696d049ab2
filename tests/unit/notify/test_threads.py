"""Messages about one incident are one thread, where the channel has threads."""

import ast
import subprocess
import sys

import pytest

from agent.notify.delivery import look_at
from agent.notify.threads import in_thread

THREAD = "shop-incident-7"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("json://desk/in", "json://desk/in?:thread=shop-incident-7"),
        ("gchat://w/k/t?verify=no", "gchat://w/k/t?verify=no&threadkey=shop-incident-7"),
        ("gchat://w/k/t?threadkey=mine", "gchat://w/k/t?threadkey=mine"),
        ("pagerduty://i@a/?dedup=mine&action=trigger", "pagerduty://i@a/?dedup=mine&action=trigger"),
        ("pagerduty://i@a", "pagerduty://i@a?dedup=shop-incident-7&action=map"),
        ("tgram://bot/chat", "tgram://bot/chat"),
        ("nonsense", "nonsense"),
    ],
)
def test_a_channel_is_told_the_thread_as_it_wants_it_and_its_writer_has_the_last_word(url, told):
    assert in_thread(url, THREAD) == told
    assert in_thread(url, "") == url


def test_apprise_understands_what_is_made_of_a_url():
    urls = [
        "mailto://user:secret@mail.test/?to=ops@mail.test",
        "opsgenie://a1b2c3d4-e5f6-a7b8-a1b2-c3d4e5f6a7b8/",
        "pagerduty://1234567890abcdef@fedcba0987654321",
        "gchat://workspace/key/token",
        "json://desk:80/in",
        "xmls://desk/in?verify=no",
    ]
    looked_at = look_at([in_thread(url, THREAD) for url in urls])
    assert [(one.name, one.why) for one in looked_at] == [(one.name, "") for one in looked_at]


def test_mails_of_an_incident_refer_to_one_and_the_same():
    url = in_thread("mailto://user:secret@mail.test/?to=ops@mail.test", "shop incident 7")
    code = "import sys, apprise; print(apprise.Apprise.instantiate(sys.argv[1]).headers)"
    said = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, check=True)
    told = "<shop-incident-7@opsmend>"
    assert ast.literal_eval(said.stdout) == {"References": told, "In-Reply-To": told}
