"""Makes 300 pairs of questions that differ in what they ask by little, and counts false hits of the semantic cache.

    python -m benchmarks.cache.opposites [--embedder lexical] [--write PAIRS.jsonl] [--shown]

Words of direction, currencies and places there and back, negation, numbers, quarters, names, comparatives, who does
what to whom, units, days, and one noun for another. Half of the words are in none of the cache's lists.
"""

from __future__ import annotations

import argparse
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from llmtrace.cache.trial import Pair, try_pairs
from llmtrace.embedding import LexicalEmbedder, LocalEmbedder

DEVICES = ("the kitchen light", "bluetooth on my laptop", "two-factor login", "the car alarm", "dark mode", "roaming")
DIRECTIONS = (
    ("turn on", "turn off"), ("enable", "disable"), ("lock", "unlock"), ("mute", "unmute"), ("arm", "disarm"),
    ("dim", "brighten"), ("strengthen", "relax"), ("whitelist", "blacklist"), ("sync", "unsync"), ("pair", "unpair"),
)  # fmt: skip
PLACES = ("Paris", "London", "Oslo", "Lima", "Cairo", "Hanoi", "Bergen", "Quito")
MONEY = ("USD", "EUR", "zloty", "krona", "baht", "real")
NEGATED = (
    ("Can I eat {} during pregnancy?", "Can't I eat {} during pregnancy?"),
    ("Which {} are safe for children?", "Which {} are not safe for children?"),
    ("Should dogs have {}?", "Should dogs never have {}?"),
    ("How do I cook with {}?", "How do I cook without {}?"),
)
FOODS = ("grapes", "raw fish", "mushrooms", "soft cheese", "peanuts", "honey")
COMPARED = (
    ("cheapest", "most expensive"), ("lightest", "heaviest"), ("fastest", "slowest"),
    ("safest", "most dangerous"), ("quietest", "loudest"),
    ("smallest", "largest"), ("youngest", "oldest"),
)  # fmt: skip
THINGS = ("way to travel to Japan", "database for logs", "laptop for students", "car for a family")
PEOPLE = (("a tenant", "a landlord"), ("the seller", "the buyer"), ("a nurse", "a surgeon"), ("the bank", "the client"))
DEEDS = ("sue", "owe money to", "give notice to", "complain about")
NOUNS = (
    ("rice", "pasta"), ("guitar", "violin"), ("tomatoes", "potatoes"), ("a wasp sting", "a snake bite"),
    ("diabetes", "asthma"), ("a resume", "a contract"), ("chess", "poker"), ("oak", "pine"), ("a router", "a printer"),
    ("calcium", "iron"), ("Kotlin", "Swift"), ("a mortgage", "a passport"),
)  # fmt: skip
ASKED = (
    "How do I take care of {}?",
    "What is the best way to learn about {}?",
    "Where can I find help with {}?",
    "Who invented {} and when?",
)


COUNTED = (("two", "six"), ("five", "seven"), ("nine", "four"))
TIMES = (("Monday", "Tuesday"), ("June", "July"), ("Christmas", "Easter"), ("noon", "midnight"))
SHOPS = ("banks", "museums", "shops", "pools")


def pairs() -> Iterator[tuple[str, str]]:  # noqa: C901 - a list
    for one, other in DIRECTIONS:
        yield from ((f"How do I {one} {device}?", f"How do I {other} {device}?") for device in DEVICES)
    for one, other in zip(PLACES, PLACES[1:] + PLACES[:1], strict=True):
        yield f"How long is the flight from {one} to {other}?", f"How long is the flight from {other} to {one}?"
        yield f"cheap trains {one.lower()} to {other.lower()}", f"cheap trains {other.lower()} to {one.lower()}"
        yield f"What is the weather like in {one} in spring?", f"What is the weather like in {other} in spring?"
    for one, other in zip(MONEY, MONEY[1:] + MONEY[:1], strict=True):
        yield f"How do I convert {one} to {other}?", f"How do I convert {other} to {one}?"
        yield f"What is a {one} worth in gold?", f"What is a {other} worth in gold?"
    for one, other in NEGATED:
        yield from ((one.format(food), other.format(food)) for food in FOODS)
    for number in range(1, 4):
        yield f"What was the revenue in Q{number} of last year?", f"What was the revenue in Q{number + 1} of last year?"
        yield f"What changed in version {number}.2?", f"What changed in version {number}.3?"
        yield f"How do I lose {number}5 kg?", f"How do I lose {number}5 pounds?"
        yield f"Who won the World Cup in 199{number * 2}?", f"Who won the World Cup in 199{number * 2 + 1}?"
        yield (
            f"Is {['two', 'five', 'nine'][number - 1]} a lucky number?",
            f"Is {['six', 'seven', 'four'][number - 1]} a lucky number?",
        )
    for one, other in COMPARED:
        yield from ((f"What is the {one} {thing}?", f"What is the {other} {thing}?") for thing in THINGS)
    for one, other in PEOPLE:
        yield from ((f"When can {one} {deed} {other}?", f"When can {other} {deed} {one}?") for deed in DEEDS)
    for one, other in NOUNS:
        yield from ((asked.format(one), asked.format(other)) for asked in ASKED)
    for one, other in COUNTED:
        yield f"Is {one} a lucky number?", f"Is {other} a lucky number?"
    for one, other in TIMES:
        yield from ((f"Are {shop} open at {one}?", f"Are {shop} open at {other}?") for shop in SHOPS)
    for verb, undone in (
        ("import", "export"),
        ("inflate", "deflate"),
        ("encrypt", "decrypt"),
        ("mount", "eject"),
        ("merge", "rebase"),
        ("hire", "sack"),
    ):
        for what in ("a volume", "my data", "the branch", "people", "all files", "a table", "old records", "the key"):
            yield f"What is the command to {verb} {what}", f"What is the command to {undone} {what}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--embedder", choices=("local", "lexical"), default="local")
    parser.add_argument("--write", type=Path)
    parser.add_argument("--shown", action="store_true", help="print the false hits")
    given = parser.parse_args()
    made = sorted(set(pairs()))
    random.Random(7).shuffle(made)
    made = made[:300]
    if given.write:
        given.write.write_text("".join(json.dumps({"a": a, "b": b, "same": False}) + "\n" for a, b in made))
    embedder = LocalEmbedder() if given.embedder == "local" else LexicalEmbedder()
    for delta in (0.01, 0.05, 0.5):
        outcome = try_pairs([Pair(a=a, b=b, same=False) for a, b in made], embedder, delta)
        print(f"delta {delta}: {outcome.hits} false hits of {len(made)}, {outcome.guarded} held apart by a guard")
    if given.shown:
        from llmtrace.cache.guards import conflict

        print(*(f"{a} | {b}" for a, b in made if not conflict(a, b)), sep="\n")


if __name__ == "__main__":
    main()
