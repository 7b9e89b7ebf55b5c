"""The section `channels:` of a rule file: every kind is read, mistakes are named with their path, secrets never."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.samples import ROUTING_KEY, SECRET
from llmtrace_collector.channels import Channel
from llmtrace_collector.channels.signing import key_of
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.watch.channels_section import KINDS
from llmtrace_collector.watch.rules import RuleFile, read

SOUND = """
    channels:
      ours: {kind: webhook, url: "https://example.com/hidden", secret_env: HOOK, previous_secret_file: old}
      slack: {url_env: SLACK_URL}
      chat: {kind: discord, url: "${DISCORD_URL}"}
      teams: {url_file: teams-url}
      on-call: {kind: pagerduty, routing_key_env: PAGERDUTY_KEY}
      genie: {kind: opsgenie, api_key_env: OPSGENIE_KEY, url: "https://api.eu.opsgenie.com/"}
      am: {kind: alertmanager, url: "http://am-receiver.internal:8080/alerts"}
      mail: {kind: email, server: smtp.example.com, username: llmtrace, password_env: MAIL_PASSWORD,
             from: llmtrace@example.com, to: [on-call@example.com, team@example.com]}
    default_channel: slack
    rules:
      - {name: a, kind: spend, window: 24h, limit_usd: 5}
      - {name: b, kind: spend, window: 24h, limit_usd: 5, channels: [on-call, mail]}
      - {name: c, kind: spend, window: 24h, limit_usd: 5, channels: []}
"""
ENVIRON = {
    "HOOK": SECRET,
    "SLACK_URL": "https://hooks.slack.com/services/hidden",
    "DISCORD_URL": "https://discord.com/api/webhooks/hidden",
    "PAGERDUTY_KEY": ROUTING_KEY,
    "OPSGENIE_KEY": "hidden-key",
    "MAIL_PASSWORD": "hidden-password",
}


@pytest.fixture
def reads(tmp_path: Path) -> Any:
    (tmp_path / "old").write_text(SECRET)
    (tmp_path / "teams-url").write_text("https://example.webhook.office.com/hidden\n")

    def found(text: str, **environ: str) -> RuleFile:
        path = tmp_path / "rules.yaml"
        path.write_text(dedent(text), encoding="utf-8")
        return read(path, environ=ENVIRON | environ)

    return found


def mistakes(reads: Any, text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        reads(text, **environ)
    said = str(refused.value)
    assert not any(secret in said for secret in ("hidden", ROUTING_KEY, SECRET))
    return [line.removeprefix("rules.yaml: ") for line in said.splitlines()]


def test_every_kind_is_read_and_rules_name_them_or_get_the_default(reads: Any) -> None:
    found = reads(SOUND)
    by_name: dict[str, Channel] = {channel.name: channel for channel in found.channels}
    assert {channel.kind for channel in found.channels} == set(KINDS)
    assert found.channels[0].name == "slack"
    assert [[channel.name for channel in rule.channels] for rule in found.rules] == [["slack"], ["on-call", "mail"], []]
    assert by_name["ours"].keys == (key_of(SECRET), key_of(SECRET))
    assert by_name["slack"].url == ENVIRON["SLACK_URL"]
    assert by_name["teams"].url == "https://example.webhook.office.com/hidden"
    assert by_name["genie"].url == "https://api.eu.opsgenie.com"
    assert (by_name["mail"].server.port, str(by_name["mail"].server.security)) == (587, "starttls")
    assert "hidden" not in repr(found)
    assert len({channel.endpoint for channel in found.channels}) == len(found.channels)


@pytest.mark.parametrize(
    ("was", "is_now", "mistake"),
    [
        ("slack: {url_env", "slack: {urls_env", 'channels.slack.urls_env: is not a known key; did you mean "url_env"?'),
        ("slack: {url_env: SLACK_URL}", "slack: {}", "channels.slack.url: is missing; write it like https://example"),
        ("slack: {url_env: SLACK_URL}", "slack: {url: 7}", "channels.slack.url: a number stands where a text belongs"),
        ("slack: {url_env: SLACK_URL}", "slack: https://x/hidden", "channels.slack: a text stands where a mapping bel"),
        ("url_env: SLACK_URL", "url_env: NO_URL", "channels.slack.url_env: the environment variable NO_URL is not set"),
        ("url_env: SLACK_URL", "url_env: SLACK_URL, url_file: x", "channels.slack.url_file: stands beside url_env; ke"),
        ("url_env: SLACK_URL", "url: 'https://x', url_file: x", "channels.slack.url_file: stands beside url; keep"),
        ("url_env: SLACK_URL", "url: 'ftp://x/hidden'", 'channels.slack.url: "ftp://x" is not an http or https URL'),
        ("url_env: SLACK_URL", "url: 'https://a:hidden@x'", 'channels.slack.url: "https://x" comes with a user or'),
        ("url_file: teams-url", "url_file: nowhere", "nowhere cannot be read: No such file or directory; check path"),
        ("kind: discord", "kind: diskord", 'channels.chat.kind: "diskord" is not a kind of channel; did you mean "dis'),
        ("kind: discord, ", "", "channels.chat.kind: is missing; write it like slack"),
        ("routing_key_env: PAGERDUTY_KEY", "", "channels.on-call.routing_key: is missing; write routing_key_env:"),
        ("api_key_env: OPSGENIE_KEY, ", "api_key: 'hid den', ", "channels.genie.api_key: is empty or has a blank, a l"),
        ("secret_env: HOOK", "secret: hidden", 'channels.ours.secret: the secret does not begin with "whsec_"'),
        ("secret_env: HOOK, ", "", "channels.ours.secret: is missing and unsigned webhooks are not offered"),
        ("previous_secret_file: old", "previous_secret: hidden", 'channels.ours.previous_secret: the secret does not'),
        ("to: [on-call@example.com", "to: ['a@b\\nBcc: c@d'", "channels.mail.to[0]:"),
        ("to: [on-call@example.com, team@example.com]", "to: []", "channels.mail.to: has 0 addresses; write between 1"),
        ("from: llmtrace@example.com", "from: llmtrace", 'channels.mail.from: "llmtrace" is not a mail address'),
        ("server: smtp.example.com", "server: 'smtp example'", 'channels.mail.server: "smtp example" is not a host'),
        ("server: smtp.example.com", "server: h, port: 0", "channels.mail.port: 0 is not a port; write it like 587"),
        ("server: smtp.example.com", "server: h, security: ssl", 'channels.mail.security: "ssl" is not a way to secur'),
        ("server: smtp.example.com", "server: h, security: none", "channels.mail.security: none would send the passwo"),
        ("password_env: MAIL_PASSWORD,", "", "channels.mail.password: is missing beside username; write password_env"),
        ("default_channel: slack", "default_channel: slck", 'default_channel: "slck" is not a channel of this file; d'),
        ("[on-call, mail]", "[on-call, male]", 'rules[1].channels[1]: "male" is not a channel of this file; did you m'),
        ("[on-call, mail]", "[mail, mail]", 'rules[1].channels[1]: "mail" stands here twice; once is enough'),
        ("slack: {url_env", "'sl ack': {url_env", 'channels."sl ack": is no name for a channel; write up to 50'),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_full_path(reads: Any, was: str, is_now: str, mistake: str) -> None:
    assert was in SOUND
    found = mistakes(reads, SOUND.replace(was, is_now))
    assert any(mistake in line for line in found), found


def test_the_demo_takes_the_users_file_along_with_its_files_of_secrets(reads: Any, tmp_path: Path) -> None:
    from llmtrace_collector.commands.demo import own_rules

    reads(SOUND)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "rules.yaml").write_text(json.dumps(own_rules(tmp_path / "rules.yaml")))
    assert read(elsewhere / "rules.yaml", environ=ENVIRON).rules == reads(SOUND).rules


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["kind", "url", "url_env", "url_file", "secret", "routing_key", "api_key", "server", "port", "security",
                 "username", "password", "from", "to", "previous_secret"]
            ) | st.text(max_size=5), inner, max_size=5)
    ),
)  # fmt: skip


@given(st.sampled_from([*KINDS, "x"]), anything)
def test_whatever_stands_there_is_read_or_refused_in_sentences(tmp_path_factory: Any, name: str, content: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "any-channels.yaml"
    path.write_text(json.dumps({"channels": {name: content}}), encoding="utf-8")
    try:
        found = read(path, environ={})
    except ConfigError as error:
        assert str(error).startswith("any-channels.yaml: ")  # noqa: PT017 either outcome is sound
    else:
        assert found.rules == ()
