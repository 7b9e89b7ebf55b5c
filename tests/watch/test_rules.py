"""Rule files: what is written is what is watched, and every mistake is named with its path and its remedy."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace_collector.channels.signing import key_of
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.watch import durations
from llmtrace_collector.watch.rule import Rule
from llmtrace_collector.watch.rules import load
from llmtrace_collector.watch.spend import GROUP_KEYS
from watch.helpers import SECRET

DOCS = Path(__file__).parents[2] / "docs"
SOUND = f"""\
rules:
  - name: daily-cap
    kind: spend
    group_by: [model, user]
    window: 24h
    limit_usd: 5
    for: 10m
    webhooks:
      - url: https://example.com/hook?token=hidden
        secret: {SECRET}
"""


@pytest.fixture
def read(tmp_path: Path):
    def reads(text: str, **environ: str) -> tuple[Rule, ...]:
        path = tmp_path / "rules.yaml"
        path.write_text(dedent(text), encoding="utf-8")
        return load(path, environ=environ)

    return reads


def mistakes(read: Any, text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        read(text, **environ)
    assert "hidden" not in str(refused.value)
    assert refused.value.__cause__ is refused.value.__context__ is None
    lines = str(refused.value).splitlines()
    assert all(line.startswith("rules.yaml: ") for line in lines)
    return [line.removeprefix("rules.yaml: ") for line in lines]


def test_every_key_is_read(read):
    [found] = read(SOUND)
    assert found.name == "daily-cap"
    assert found.group_by == ("user", "model")
    assert (found.condition.window, found.patience.hold) == (timedelta(hours=24), timedelta(minutes=10))
    assert found.condition.limit_usd == Decimal(5)
    [webhook] = found.channels
    assert (webhook.url, webhook.keys) == ("https://example.com/hook?token=hidden", (key_of(SECRET),))
    assert str(webhook) == "https://example.com"


def test_group_by_for_and_webhooks_may_be_absent(read):
    [found] = read("rules: [{name: all, kind: spend, window: 7d, limit_usd: 0.5}]")
    assert (found.group_by, found.patience.hold, found.channels) == ((), timedelta(0), ())


@pytest.mark.parametrize("text", ["", "rules:", "rules: []", "# nothing yet"])
def test_a_file_without_rules_is_sound(read, text):
    assert read(text) == ()


@pytest.mark.parametrize("form", ["secret: ${HOOK_SECRET}", "secret: '${HOOK_SECRET}'", "secret_env: HOOK_SECRET"])
def test_secrets_come_from_the_environment(read, form):
    [found] = read(SOUND.replace(f"secret: {SECRET}", form), HOOK_SECRET=SECRET)
    assert found.channels[0].keys == (key_of(SECRET),)


rule_documents = st.fixed_dictionaries(
    {
        "name": st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=100).filter(
            lambda name: not name.startswith("llmtrace.")
        ),
        "kind": st.just("spend"),
        "group_by": st.lists(st.sampled_from(GROUP_KEYS), unique=True),
        "window": st.integers(1, 40 * 24 * 60).map(lambda m: durations.write(timedelta(minutes=m))),
        "limit_usd": st.decimals(0, 10**9, places=12).map(str) | st.integers(0, 10**9),
    },
    optional={
        "for": st.integers(0, 10**6).map(lambda s: durations.write(timedelta(seconds=s))),
        "webhooks": st.lists(
            st.integers(0, 99).map(lambda n: {"url": f"http://127.0.0.1:80{n:02}/{n}", "secret": SECRET}),
            unique_by=lambda webhook: webhook["url"],
        ),
    },
)


def as_document(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "kind": rule.condition.kind,
        "group_by": set(rule.group_by),
        "window": durations.write(rule.condition.window),
        "limit_usd": rule.condition.limit_usd,
        "for": durations.write(rule.patience.hold),
        "webhooks": [webhook.url for webhook in rule.channels],
    }


@given(st.lists(rule_documents, unique_by=lambda document: document["name"]))
def test_a_written_rule_is_read_back(tmp_path_factory, documents):
    path = tmp_path_factory.getbasetemp() / "round-trip.yaml"
    path.write_text(json.dumps({"rules": documents}, ensure_ascii=False), encoding="utf-8")  # JSON is YAML
    expected = [
        {"for": "0s"}
        | document
        | {"group_by": set(document["group_by"]), "limit_usd": Decimal(document["limit_usd"])}
        | {"webhooks": [webhook["url"] for webhook in document.get("webhooks", [])]}
        for document in documents
    ]
    assert [as_document(rule) for rule in load(path, environ={})] == expected


known_keys = st.sampled_from(
    ["rules", "name", "kind", "group_by", "window", "limit_usd", "for", "webhooks", "url", "secret", "secret_env"]
)
anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(known_keys | st.text(), inner),
)


@given(anything)
def test_any_content_is_read_or_refused_in_sentences(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(json.dumps({"rules": [content]} if not isinstance(content, dict) else content), encoding="utf-8")
    try:
        found = load(path, environ={})
    except ConfigError as error:
        assert str(error).startswith("any.yaml: ")  # noqa: PT017 either outcome is sound
    else:
        assert isinstance(found, tuple)


@pytest.mark.parametrize(
    ("was", "is_now", "mistake"),
    [
        ("24h", "5 minutes", 'rules[0].window: "5 minutes" is not a duration; write "5m"'),
        ("24h", "24", 'rules[0].window: "24" is not a duration; write it like "30s", "5m", "24h" or "7d"'),
        ("24h", "30s", 'rules[0].window: "30s" is out of range; write between 1m and 40d'),
        ("24h", "41d", 'rules[0].window: "41d" is out of range; write between 1m and 40d'),
        ("24h", "90s", 'rules[0].window: "90s" is not in whole minutes; spend is kept by the minute'),
        ("    window: 24h\n", "", "rules[0].window: is missing; write it like 24h"),
        ("10m", "later", 'rules[0].for: "later" is not a duration; write it like "30s", "5m", "24h" or "7d"'),
        ("limit_usd: 5", "limit: 5", "rules[0].limit_usd: is missing; write it like 5"),
        ("limit_usd: 5", "limit_usd: five", 'rules[0].limit_usd: "five" is not an amount of dollars'),
        ("limit_usd: 5", "limit_usd: -5", "rules[0].limit_usd: -5 is not an amount of dollars of zero or more"),
        ("limit_usd: 5", "limit_usd: .nan", "rules[0].limit_usd: NaN is not an amount of dollars"),
        ("limit_usd: 5", "limit_usd: yes", "rules[0].limit_usd: true is not an amount of dollars"),
        ("limit_usd: 5", "limit_usd: '0.0000000000001'", "has more than 12 decimals"),
        ("kind: spend", "kind: spent", 'rules[0].kind: "spent" is not a kind of rule; did you mean "spend"?'),
        ("kind: spend", "kind: weather", 'rules[0].kind: "weather" is not a kind of rule; known: anomaly, change'),
        ("[model, user]", "[model, usr]", '.group_by[1]: "usr" is not something to group by; did you mean "user"?'),
        ("[model, user]", "[user, user]", 'rules[0].group_by[1]: "user" stands here twice; once is enough'),
        ("[model, user]", "user", "rules[0].group_by: a text stands where a list belongs; write it like [user]"),
        ("window:", "windows:", 'rules[0].windows: is not a known key; did you mean "window"?'),
        ("  - name: daily-cap", "  - name: ''", "rules[0].name: a blank or unprintable text stands where a text"),
        ("rules:", "ruls:", 'ruls: is not a known key; did you mean "rules"?'),
        ("https:", "ftp:", '.webhooks[0].url: "ftp://example.com" is not an http or https URL'),
        ("https://", "https://bob:hidden@", 'webhooks[0].url: "https://example.com" comes with a user or password'),
        ("https://example.com", "https://example.com:99999", "webhooks[0].url: cannot be read as a URL"),
        ("https://example.com/hook?", "example.com/hook?", 'is not an http or https URL; write it like https://exam'),
        ("hook?", "my hook?", 'has a blank, a "#", a backslash or a character beyond ASCII; percent-encode it'),
        (f"\n        secret: {SECRET}", "", "webhooks[0].secret: is missing and unsigned webhooks are not offered"),
        (SECRET, "hidden", 'webhooks[0].secret: the secret does not begin with "whsec_"; make one with: python -c'),
        (SECRET, "whsec_hidden!", 'webhooks[0].secret: what follows "whsec_" is not base64'),
        (SECRET, "${UNSET}", "webhooks[0].secret: the environment variable UNSET is not set; set it to the secret"),
        (SECRET, "[hidden]", "webhooks[0].secret: a list stands where a text belongs"),
        (SECRET, f"{SECRET}\n        secret_env: X", "webhooks[0].secret_env: stands beside secret; keep one of"),
        ("- url: https://example.com/hook?token=hidden\n", "- hidden\n#", "webhooks[0]: a text stands where"),
        ("    kind: spend", "   kind: spend", "line 3, column 4: is not YAML"),
        ("    kind: spend", "    kind: spend\n    kind: spend", 'line 4: "kind" stands on line 3 already; keep one'),
        (SECRET, f"{SECRET}\n   hidden: [", "is not YAML"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_path_and_remedy(read, was, is_now, mistake):
    assert was in SOUND
    found = mistakes(read, SOUND.replace(was, is_now))
    assert any(mistake in line for line in found), found
    assert len(found) <= 2


def test_all_mistakes_of_a_file_come_at_once(read):
    text = """
        rules:
          - {name: a, kind: spend, window: 5min, limit_usd: x}
          - {name: a, kind: spend, window: 5m, limit_usd: 1, colour: red}
          - nothing
        extra: 1
    """
    assert [line.split(":")[0] for line in mistakes(read, text)] == [
        "extra",
        "rules[0].window",
        "rules[0].limit_usd",
        "rules[1].name",
        "rules[1].colour",
        "rules[2]",
    ]


def test_the_same_webhook_twice_is_a_mistake(read):
    webhook = SOUND[SOUND.index("      - url") :]
    assert "stands here twice" in mistakes(read, SOUND + webhook)[0]


def test_a_file_that_cannot_be_read_is_refused_with_its_name(tmp_path: Path):
    with pytest.raises(
        ConfigError, match=rf"^rules.yaml: cannot be read: No such .* check the path {tmp_path}/rules.yaml and"
    ):
        load(tmp_path / "rules.yaml")
    (tmp_path / "rules.yaml").write_bytes(b"rules: \xff")
    with pytest.raises(ConfigError, match="byte 7 is not UTF-8"):
        load(tmp_path / "rules.yaml")
    (tmp_path / "rules.yaml").write_bytes(b"#" * (2 << 20))
    with pytest.raises(ConfigError, match="larger than 1048576 bytes"):
        load(tmp_path / "rules.yaml")


def test_yaml_that_makes_python_objects_is_refused(read):
    assert "is not YAML" in mistakes(read, "rules: !!python/object/apply:os.system ['true']")[0]


def test_the_example_file_of_the_docs_is_sound():
    assert len(load(DOCS / "examples" / "rules.yaml", environ={"ALERT_WEBHOOK_SECRET": SECRET})) >= 2


def test_the_examples_in_the_reference_are_sound(read):
    blocks = re.findall(r"```yaml\n(.*?)```", (DOCS / "reference" / "alerts.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) > 6
    for block in blocks:
        if "tests:" in block:  # a file of tests, which test_rules_command runs
            continue
        assert read(block, ALERT_WEBHOOK_SECRET=SECRET)


def test_the_reference_names_every_state_and_reason():
    from llmtrace_collector.watch.retries import SCHEDULE_S
    from llmtrace_collector.watch.states import Reason, State

    text = (DOCS / "reference" / "alerts.md").read_text(encoding="utf-8")
    silent = {Reason.UNDER_LIMIT, Reason.WAITING, Reason.STILL_OVER}
    for word in [*State, *(set(Reason) - silent)]:
        assert f"`{word}`" in text
    written = [durations.parse(part) for part in re.search(r"Schedule: (.*)\.", text)[1].split(", ")]
    assert [part.total_seconds() for part in written] == list(SCHEDULE_S)
