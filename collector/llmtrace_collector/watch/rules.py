"""Rule files: YAML in, `Rule`s out, or every mistake at once.

    rules:
      - name: daily-cap          # unique
        kind: spend
        group_by: [user]         # absent: everything together
        window: 24h
        limit_usd: 5
        for: 0s                  # absent: 0s
        channels: [team]         # absent: default_channel
    channels:
      team: {kind: slack, url_env: SLACK_URL}

`docs/reference/alerts.md` is the reference of every key.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmtrace_collector.errors import ConfigError
from llmtrace_collector.watch import kinds, own, templates, yaml_file
from llmtrace_collector.watch.channels_section import read as read_channels
from llmtrace_collector.watch.channels_section import read_names, read_webhook
from llmtrace_collector.watch.fields import Fields, Mistakes, kind_of, one_of, seen
from llmtrace_collector.watch.kinds import KINDS
from llmtrace_collector.watch.measures import DIMENSIONS
from llmtrace_collector.watch.patience import NoData, Patience
from llmtrace_collector.watch.policy import Policy, sections
from llmtrace_collector.watch.rule import Rule
from llmtrace_collector.watch.secret_fields import Secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from llmtrace_collector.channels import Channel, Webhook

_LONGEST_NAME = 100
_RULE_EXAMPLE = "{name: daily-cap, kind: spend, window: 24h, limit_usd: 5}"
_WEBHOOK_EXAMPLE = "{url: https://example.com/hook, secret: whsec_...}"
_NO_WEBHOOKS = "stand in rule files alone, for their secrets are the collector's; name a channel of the rule file"


@dataclass(frozen=True, kw_only=True)
class Channels:
    """The channels of a file."""

    named: dict[str, Channel]
    default: tuple[Channel, ...] = ()
    """For rules that name none."""


@dataclass(frozen=True, kw_only=True)
class RuleFile:
    """What a file says."""

    rules: tuple[Rule, ...] = ()
    channels: tuple[Channel, ...] = ()
    """The named ones, the default first: also whom to tell when another one fails."""
    default: tuple[Channel, ...] = ()
    """Of rules that name none."""
    policy: Policy = field(default_factory=Policy)
    """Who is told and when."""
    secret_files: tuple[Path, ...] = ()
    """Read beside it."""
    written: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    """Its rules by name, as they stand in it: there may be secrets below `webhooks`."""


def load(path: Path, *, environ: Mapping[str, str] = os.environ) -> tuple[Rule, ...]:
    """The rules of a file, in its order; see `read`."""
    return read(path, environ=environ).rules


def read(path: Path, *, environ: Mapping[str, str] = os.environ) -> RuleFile:
    """What a rule file says.

    Args:
        path: A YAML file.
        environ: Where `${NAME}` and `secret_env` find secrets.

    Raises:
        ConfigError: with every mistake in the file, one to a line. No message holds a secret.
    """
    mistakes = Mistakes()
    content = yaml_file.read(path, mistakes)
    secrets = Secrets(environ=environ, folder=path.absolute().parent)
    found = RuleFile() if mistakes.found else _read_file(content, mistakes, secrets)
    if mistakes.found:
        lines = "\n".join(f"{path.name}: {mistake}" for mistake in mistakes.found)
        raise ConfigError(lines)
    return found


def read_one(content: Mapping[str, object], at: str, file: RuleFile) -> Rule:
    """A rule that stands in no file.

    Args:
        content: With the keys of a rule in a file, but `webhooks`: nothing in it is looked up on this machine.
        at: What paths in messages begin with; may be empty.
        file: Whose channels it may name.

    Raises:
        ConfigError: with every mistake, one to a line.
    """
    mistakes = Mistakes()
    fields = Fields({key: value for key, value in content.items() if key != "webhooks"}, at, mistakes)
    if content.get("webhooks") is not None:
        fields.wrong("webhooks", _NO_WEBHOOKS)
    known = Channels(named={channel.name: channel for channel in file.channels}, default=file.default)
    rule = _read_rule(fields, {}, 0, known, Secrets(environ={}, folder=Path()))
    if rule is None or mistakes.found:
        raise ConfigError("\n".join(mistakes.found))
    return rule


def _read_file(content: object, mistakes: Mistakes, secrets: Secrets) -> RuleFile:
    if content is None:
        return RuleFile()
    if not isinstance(content, dict):
        mistakes.add("", f'{kind_of(content)} stands where a mapping belongs; begin the file with "rules:"')
        return RuleFile()
    fields = Fields(content, "", mistakes)
    named = read_channels(fields, secrets)
    known = Channels(named=named, default=read_names(fields, "default_channel", named))
    items = fields.items("rules", f"rules: [{_RULE_EXAMPLE}]")
    policy = sections.read(fields, named, _routed(items))
    fields.finish()
    rules = []
    names: dict[str, int] = {}
    for index, item in enumerate(items):
        rule_fields = fields.mapping(item, f"rules[{index}]", _RULE_EXAMPLE)
        if rule_fields is None:
            continue
        rule = _read_rule(rule_fields, names, index, known, secrets)
        if rule is not None:
            rules.append(rule)
    channels = dict.fromkeys((*known.default, *named.values()))
    return RuleFile(
        rules=tuple(rules),
        channels=tuple(channels),
        default=known.default,
        policy=policy,
        secret_files=tuple(secrets.files),
        written={item["name"]: item for item in items if isinstance(item, dict) and isinstance(item.get("name"), str)},
    )


def _routed(items: Iterable[object]) -> frozenset[str]:
    """The rules that name no channels of their own."""
    silent = (item for item in items if isinstance(item, dict))
    return frozenset(
        item["name"]
        for item in silent
        if isinstance(item.get("name"), str) and item.get("channels") is None and item.get("webhooks") is None
    )


def _read_rule(fields: Fields, names: dict[str, int], index: int, known: Channels, secrets: Secrets) -> Rule | None:
    name = _read_name(fields, names, index)
    kind = fields.choice("kind", KINDS, "a kind of rule")
    group_by = _read_group_by(fields)
    where = _read_where(fields)
    severity = kinds.read_severity(fields)
    patience = _read_patience(fields)
    delay = fields.duration("delay", "1m", default=timedelta(0))
    new_group_delay = fields.duration("new_group_delay", "10m", default=timedelta(0))
    summary, runbook = (_read_template(fields, key, group_by) for key in ("summary", "runbook"))
    channels = _read_channels(fields, known, secrets)
    asked = kinds.Asked(fields=fields, group_by=group_by, where=where, severity=severity)
    condition = KINDS[kind or "spend"](asked) if kind in KINDS or kind is None else None
    fields.finish()
    if name is None or patience is None or delay is None or new_group_delay is None or condition is None:
        return None
    return Rule(
        name=name,
        condition=condition,
        group_by=group_by,
        where=where,
        patience=patience,
        delay=delay,
        new_group_delay=new_group_delay,
        severity=severity,
        summary=summary,
        runbook=runbook,
        channels=channels,
    )


def _read_patience(fields: Fields) -> Patience | None:
    hold = fields.duration("for", "10m", default=timedelta(0))
    keep = fields.duration("keep_firing_for", "10m", default=timedelta(0))
    no_data = fields.choice("no_data", [*NoData], "a meaning of no data", "ok")
    no_data_for = fields.duration("no_data_for", "10m", default=timedelta(0))
    stale = fields.whole("stale_after", "3", 3)
    if hold is None or keep is None or no_data is None or no_data_for is None or stale is None:
        return None
    return Patience(
        hold=hold, keep_firing=keep, no_data=NoData(no_data), no_data_for=no_data_for, stale_after=max(stale, 1)
    )


def _read_where(fields: Fields) -> Mapping[str, str]:
    value = fields.get("where")
    if value is None:
        return {}
    own = fields.mapping(value, fields.at("where"), "{model: gpt-5}")
    found: dict[str, str] = {}
    for key in value if own else ():
        wrong = one_of(key, DIMENSIONS, "something to filter by")
        text = value[key]
        if wrong:
            fields.wrong("where", wrong)
        elif not isinstance(text, str):
            fields.wrong(f"where.{key}", f"{kind_of(text)} stands where a text belongs; put it in quotes")
        else:
            found[key] = text
    return {key: found[key] for key in DIMENSIONS if key in found}


def _read_template(fields: Fields, key: str, group_by: tuple[str, ...]) -> str:
    if fields.get(key) is None:
        return ""
    text = fields.text(key, '"{user} spent {value}"' if key == "summary" else "https://wiki.example.com/{model}") or ""
    for name in templates.unknown(text, group_by):
        known = ", ".join(sorted({*templates.OWN, *group_by}))
        fields.wrong(key, f"{{{name}}} is not known here; known: {known}")
    return text


def _read_name(fields: Fields, names: dict[str, int], index: int) -> str | None:
    name = fields.text("name", "daily-cap")
    if name is None:
        return None
    if len(name) > _LONGEST_NAME:
        fields.wrong("name", f"{len(name)} characters are too many; {_LONGEST_NAME} is the most")
    if name.startswith(own.PREFIX):
        fields.wrong(
            "name", f"{seen(name)} begins with {own.PREFIX}, as the watch's alerts about itself do; take another"
        )
    if name in names:
        fields.wrong("name", f"{seen(name)} is the name of rules[{names[name]}] already; names must be unique")
    names.setdefault(name, index)
    return name


def _read_group_by(fields: Fields) -> tuple[str, ...]:
    chosen: list[str] = []
    for index, item in enumerate(fields.items("group_by", "[user]")):
        wrong = one_of(item, DIMENSIONS, "something to group by")
        if item in chosen:
            wrong = f"{seen(item)} stands here twice; once is enough"
        if wrong:
            fields.wrong(f"group_by[{index}]", wrong)
        else:
            chosen.append(item)
    return tuple(key for key in DIMENSIONS if key in chosen)


def _read_channels(fields: Fields, known: Channels, secrets: Secrets) -> tuple[Channel, ...]:
    """Those named and those written in place; where the rule says nothing of either, the default."""
    named = read_names(fields, "channels", known.named)
    webhooks: list[Webhook] = []
    for index, item in enumerate(fields.items("webhooks", f"[{_WEBHOOK_EXAMPLE}]")):
        webhook_fields = fields.mapping(item, fields.at(f"webhooks[{index}]"), _WEBHOOK_EXAMPLE)
        if webhook_fields is None:
            continue
        webhook = read_webhook(webhook_fields, "", secrets)
        webhook_fields.finish()
        if webhook is None:
            continue
        if any(webhook.endpoint == other.endpoint for other in webhooks):
            webhook_fields.wrong("url", f"{webhook.shown} stands here twice with the same path; once is enough")
        webhooks.append(webhook)
    if fields.get("channels") is None and fields.get("webhooks") is None:
        return known.default
    return (*named, *webhooks)
