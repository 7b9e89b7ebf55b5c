"""What each channel sends is what its service takes, whatever names and sentences users have chosen."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.enforcing import KINDS, refusal
from channels.samples import ROUTING_KEY, channels, notice
from llmtrace_collector.channels.message import Request

NOW = datetime(2026, 11, 22, 12, 10, 31, tzinfo=UTC)
TOLD = ("alert.firing", "alert.resolved", "alert.acknowledged", "channel.failed", "test.firing", "something.new")


def sent(kind: str, told: str = "alert.firing", **more: Any) -> Request:
    message = channels()[kind].message(notice(told, **more), NOW)
    assert isinstance(message, Request)
    assert refusal(kind, message.body, message.headers) == ""
    return message


def content(kind: str, told: str = "alert.firing", **more: Any) -> Any:
    return json.loads(sent(kind, told, **more).body)


texts = st.text(st.characters(exclude_categories=[]), max_size=60) | st.sampled_from(
    [
        "@everyone",
        "<!channel>",
        "<script>alert(1)</script>",
        "\r\nBcc: x@example.com",
        "x" * 9_000,
        "😀" * 5_000,
        "\\" * 9_000,
    ]
)


@pytest.mark.parametrize("kind", KINDS)
@given(
    told=st.sampled_from(TOLD),
    group=st.dictionaries(texts, texts, max_size=6),
    more=st.fixed_dictionaries(
        {},
        optional={
            "rule": texts,
            "summary": texts,
            "reason": texts,
            "severity": st.sampled_from(["critical", "warning", "info", "odd"]) | st.none(),
            "value": st.none() | st.integers() | st.floats(allow_nan=False),
            "runbook": texts.map(lambda text: f"https://runbooks.example.com/{text}"),
            "error": texts,
            "alerts": st.lists(
                st.fixed_dictionaries(
                    {"rule": texts, "group": st.dictionaries(texts, texts, max_size=2), "state": st.just("firing")},
                    optional={"summary": texts, "value": st.integers(), "limit": st.integers()},
                ),
                max_size=8,
            ),
            "count": st.integers(),
        },
    ),
)
def test_whatever_a_notice_says_its_service_takes_it(kind: str, told: str, group: dict[str, str], more: Any) -> None:
    sent(kind, told, group=group, **more)


@pytest.mark.parametrize("kind", KINDS)
def test_a_notice_of_very_many_facts_is_cut_to_what_the_service_takes(kind: str) -> None:
    group = {f"key{number}": "é" * 5_000 for number in range(200)}
    sent(kind, group=group, summary="s" * 100_000, rule="r" * 5_000)


def test_slack_gets_header_sentence_facts_and_link() -> None:
    found = content("slack")
    assert [block["type"] for block in found["blocks"]] == ["header", "section", "section", "section"]
    assert found["blocks"][0]["text"]["text"] == "FIRING: user-daily-cap (user alice)"
    assert found["blocks"][1]["text"]["text"] == "Calls of user alice cost $5.25 over 1d, more than the limit of $5.00."
    assert "Limit: $5.00" in [field["text"] for field in found["blocks"][2]["fields"]]
    link = "http://127.0.0.1:8501/traces?from=1795262400000&amp;to=1795348830000&amp;user=alice"
    assert found["blocks"][3]["text"]["text"] == f"<{link}|See the calls>"


def test_in_slack_nobody_can_be_called_and_no_link_made_by_a_name() -> None:
    found = content("slack", group={"user": "<!channel> <https://evil.example|click> &"})
    assert "&lt;!channel&gt; &lt;https://evil.example|click&gt; &amp;" in found["text"]
    assert all(block["text"]["type"] == "plain_text" for block in found["blocks"][:2])
    assert all(field["type"] == "plain_text" for field in found["blocks"][2]["fields"])
    assert "channel" not in found["blocks"][3]["text"]["text"]


def test_in_discord_nobody_is_mentioned_and_markdown_is_shown_as_it_is() -> None:
    found = content("discord", group={"user": "@everyone <@&1> [x](https://evil.example) **b**"})
    [embed] = found["embeds"]
    assert found["allowed_mentions"] == {"parse": []}
    assert r"\@everyone \<\@&1\> \[x\]\(https\://evil\.example\) \*\*b\*\*" in embed["title"]
    assert embed["url"].startswith("http://127.0.0.1:8501/traces?")


def test_a_text_is_never_cut_within_an_escape() -> None:
    found = content("discord", rule="*" * 1_000)
    title = found["embeds"][0]["title"]
    assert title.removeprefix(r"FIRING\: ").removesuffix("…").replace(r"\*", "") == ""
    assert len(title) <= 256


def test_teams_gets_a_card_whose_texts_hold_no_markdown() -> None:
    found = content("teams", group={"user": "[x](https://evil.example) <at>all</at>"}, severity="warning")
    card = found["attachments"][0]["content"]
    assert r"\[x\]\(https\://evil\.example\) \<at\>all\</at\>" in card["body"][0]["text"]
    assert card["body"][0]["color"] == "Warning"
    assert card["actions"][0]["url"].startswith("http://127.0.0.1:8501/traces?")
    resolved = content("teams", "alert.resolved")["attachments"][0]["content"]
    assert resolved["body"][0]["color"] == "Good"


def test_pagerduty_triggers_acknowledges_and_resolves_one_incident() -> None:
    told = ("alert.firing", "alert.acknowledged", "alert.resolved")
    events = [content("pagerduty", each) for each in told]
    assert [event["event_action"] for event in events] == ["trigger", "acknowledge", "resolve"]
    assert len({event["dedup_key"] for event in events}) == 1
    assert {event["routing_key"] for event in events} == {ROUTING_KEY}
    assert events[0]["payload"]["severity"] == "critical"
    assert events[0]["payload"]["custom_details"]["Limit"] == "$5.00"
    assert sent("pagerduty").url == "https://hooks.example.com/pagerduty/v2/enqueue"


def test_alerts_of_different_groups_are_different_incidents() -> None:
    keys = {
        content("pagerduty", group=group)["dedup_key"] for group in ({}, {"user": "a"}, {"user": "b"}, {"model": "a"})
    }
    assert len(keys) == 4


def test_opsgenie_creates_acknowledges_and_closes_by_alias() -> None:
    created = sent("opsgenie")
    alias = json.loads(created.body)["alias"]
    assert created.url.endswith("/opsgenie/v2/alerts")
    assert created.headers["authorization"] == "GenieKey genie-key"
    assert sent("opsgenie", "alert.resolved").url.endswith(f"/v2/alerts/{alias}/close?identifierType=alias")
    assert sent("opsgenie", "alert.acknowledged").url.endswith(f"/v2/alerts/{alias}/acknowledge?identifierType=alias")
    assert [content("opsgenie", severity=s)["priority"] for s in ("critical", "warning", "info")] == ["P1", "P3", "P5"]


def test_alertmanager_receivers_get_a_group_of_one_with_the_times_of_the_episode() -> None:
    firing, resolved = content("alertmanager"), content("alertmanager", "alert.resolved")
    assert firing["alerts"][0]["labels"] == {
        "alertname": "user-daily-cap",
        "severity": "critical",
        "kind": "spend",
        "user": "alice",
    }
    assert firing["alerts"][0]["startsAt"] == "2026-11-22T12:00:30.000Z"
    assert firing["alerts"][0]["endsAt"] == "0001-01-01T00:00:00Z"
    assert (resolved["status"], resolved["alerts"][0]["endsAt"]) == ("resolved", "2026-11-22T12:10:30.000Z")
    assert firing["groupKey"] == resolved["groupKey"]
    assert firing["externalURL"] == "http://127.0.0.1:8501"


def test_a_link_that_is_not_the_webs_is_left_out() -> None:
    for kind in ("slack", "discord", "teams", "pagerduty"):
        assert "javascript" not in sent(kind, link="javascript:alert(1)", runbook="file:///etc/passwd").body.decode()


def test_no_channel_shows_its_secrets() -> None:
    for channel in channels("https://hooks.example.com/hidden").values():
        message = channel.message(notice(), NOW)
        for text in (repr(channel), str(channel), repr(message)):
            assert not any(secret in text for secret in ("hidden", ROUTING_KEY, "genie-key", "a secret"))


def test_a_notice_of_several_alerts_says_each_in_its_words_and_how_many_more():
    """The first five; the webhook's JSON has them all."""
    alert = {"rule": "cap", "kind": "spend", "group": {"user": "bob"}, "value": 6, "limit": 5, "state": "resolved"}
    found = notice(group={}, rule="2 rules", count=7, alerts=[alert] * 7, summary="7 resolved.")
    assert found.title == "FIRING: 2 rules, 7 alerts"
    said = [value for name, value in found.facts if name == "Resolved"]
    assert said == ["cap: Calls of user bob cost $6.00; the limit is $5.00."] * 5
    assert ("More", "2 alerts") in found.facts


def test_a_heartbeat_does_not_say_that_something_fires():
    """It says that all is well."""
    assert notice("heartbeat", rule="llmtrace heartbeat").title == "llmtrace heartbeat"


def test_the_key_of_a_group_is_the_one_that_the_notice_names():
    """And a text that is no key of ours is not taken for one."""
    assert notice(dedup_key="llmtrace-0123").key == "llmtrace-0123"
    assert notice(dedup_key="a b").key == notice().key


def test_what_was_expected_is_said_as_a_range():
    """In dollars where the rule measures them."""
    assert ("Expected", "$1.50 to $3.00") in notice(expected={"low": 1.5, "high": 3}).facts
    assert ("Expected", "0.1 to 0.2") in notice(kind="anomaly", expected={"low": 0.1, "high": 0.2}).facts
