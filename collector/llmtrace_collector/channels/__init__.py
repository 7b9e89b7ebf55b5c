"""The ways to people: from a notice to a message (pure, a file each), and over the network.

notice.read(body) -> Notice --Slack.message, Email.message, ...--> Request | Mail --Sender--> Answer
                                                                                      |
                                                gateway: resolve once, judge, connect to what was judged
"""

from __future__ import annotations

from llmtrace_collector.channels.addresses import Allowed
from llmtrace_collector.channels.alertmanager import Alertmanager
from llmtrace_collector.channels.channel import Channel
from llmtrace_collector.channels.discord import Discord
from llmtrace_collector.channels.gateway import Gateway
from llmtrace_collector.channels.mail import Email
from llmtrace_collector.channels.message import Answer
from llmtrace_collector.channels.notice import Notice
from llmtrace_collector.channels.opsgenie import Opsgenie
from llmtrace_collector.channels.pagerduty import PagerDuty
from llmtrace_collector.channels.sender import Post, Sender
from llmtrace_collector.channels.slack import Slack
from llmtrace_collector.channels.teams import Teams
from llmtrace_collector.channels.webhook import Webhook

__all__ = [
    "Alertmanager",
    "Allowed",
    "Answer",
    "Channel",
    "Discord",
    "Email",
    "Gateway",
    "Notice",
    "Opsgenie",
    "PagerDuty",
    "Post",
    "Sender",
    "Slack",
    "Teams",
    "Webhook",
]
