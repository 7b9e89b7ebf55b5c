"""A broker of Kafka for tests: the one that librdkafka brings for its own tests, on a real socket of this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from confluent_kafka import Producer


@contextmanager
def broker(messages: Sequence[tuple[str, bytes]]) -> Iterator[str]:
    """HOST:PORT of a broker with these messages, as topic and value; it ends with the block."""
    producer = Producer({"bootstrap.servers": "own", "test.mock.num.brokers": 1, "log_level": 0})
    for topic, value in messages:
        producer.produce(topic, value)
    assert producer.flush(30) == 0
    (node,) = producer.list_topics(timeout=30).brokers.values()
    yield f"{node.host}:{node.port}"
    producer.flush(1)
