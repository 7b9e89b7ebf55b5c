"""`llmtrace detect` and `llmtrace forecast`: what scripts rely on."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from llmtrace.cli import main

START = datetime(2026, 3, 2, tzinfo=UTC)


def series(path: Path, values: list[object], step: timedelta = timedelta(minutes=5), start: datetime = START) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["timestamp", "value"])
        writer.writerows([(start + index * step).isoformat(), value] for index, value in enumerate(values))
    return path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def days(count: int, *, seed: int = 1) -> list[float]:
    """Counts every five minutes, busy by day, with a spike of half an hour on the last day."""
    rng = np.random.default_rng(seed)
    hours = np.arange(count * 288) / 12
    values = rng.poisson(100 + 60 * np.sin(hours / 24 * 2 * np.pi)).astype(float)
    values[-200:-194] += 900
    return values.tolist()


def test_a_spike_is_one_alert_with_a_high_score_and_the_columns_of_the_input_stay(tmp_path: Path) -> None:
    source = series(tmp_path / "in.csv", list(days(6)))
    assert main(["detect", "anomaly", str(source), "--out", str(tmp_path / "out.csv")]) == 0
    found = rows(tmp_path / "out.csv")
    assert [(row["timestamp"], row["value"]) for row in found] == [
        (row["timestamp"], row["value"]) for row in rows(source)
    ]
    assert all(0 <= float(row["score"]) <= 1 for row in found)
    alerts = [index for index, row in enumerate(found) if row["alert"] == "1"]
    assert len(found) - 200 in alerts
    assert len(alerts) <= 8
    assert not [index for index in alerts if len(found) - 200 < index <= len(found) - 190]
    assert float(found[-200]["score"]) > 0.9


def test_a_row_depends_on_the_rows_up_to_it_alone(tmp_path: Path) -> None:
    values = list(days(4))
    for name, some in (("whole", values), ("part", values[:700])):
        path = series(tmp_path / f"{name}.csv", some)
        assert main(["detect", "anomaly", str(path), "--out", str(tmp_path / f"{name}.out.csv")]) == 0
    assert rows(tmp_path / "whole.out.csv")[:700] == rows(tmp_path / "part.out.csv")


@pytest.mark.parametrize("kind", ["numeric", "categorical", "text"])
def test_drift_of_each_kind_is_an_alarm_after_it_began_and_statistics_are_added(kind: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    makers = {
        "numeric": lambda changed: float(rng.lognormal(6 + 0.5 * changed, 0.6)),
        "categorical": lambda changed: str(
            rng.choice(["stop", "length", "tool"], p=[0.6, 0.3, 0.1] if changed else [0.9, 0.08, 0.02])
        ),
        "text": lambda changed: " ".join(
            f"{'new' if changed else 'w'}{index}" for index in rng.zipf(1.5, 20) if index < 900
        ),
    }
    make = makers[kind]
    reference = series(tmp_path / "ref.csv", [make(0) for _ in range(1500)])
    watched = series(tmp_path / "in.csv", [make(0) for _ in range(300)] + [make(1) for _ in range(500)])
    out = tmp_path / "out.csv"
    assert (
        main(["detect", "drift", str(reference), str(watched), "--kind", kind, "--arl0", "100000", "--out", str(out)])
        == 0
    )
    found = rows(out)
    alarms = [index for index, row in enumerate(found) if row["alarm"] == "1"]
    assert alarms
    assert 300 <= alarms[0] < 500
    assert all(float(row["statistic"]) >= 1 for row in found if row["alarm"] == "1")


def test_the_forecast_of_a_month_has_what_was_spent_and_an_interval_around_what_is_expected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    daily = [100.0 if (START + timedelta(days=day)).weekday() < 5 else 20.0 for day in range(37)]
    path = series(tmp_path / "in.csv", list(daily), timedelta(days=1))
    told = []
    for until in ("2026-05-01T00:00:00Z", "2026-04-30", "2026-04-30T23:59:59"):
        assert main(["forecast", str(path), "--until", until]) == 0
        told.append(json.loads(capsys.readouterr().out))
    april = [100.0 if datetime(2026, 4, day, tzinfo=UTC).weekday() < 5 else 20.0 for day in range(1, 31)]
    assert told[0]["expected"] == pytest.approx(sum(april), rel=0.01)
    assert told[0]["low"] <= told[0]["expected"] <= told[0]["high"]
    assert told[0]["spent"] == pytest.approx(sum(april[:7]))
    assert told[0] == told[1] == told[2]
    assert (told[0]["from"], told[0]["until"]) == ("2026-04-01T00:00:00Z", "2026-05-01T00:00:00Z")


def test_hourly_amounts_give_the_same_month_as_daily_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hourly = [2.0 + (index % 24 > 8) for index in range(24 * 40)]
    path = series(tmp_path / "in.csv", list(hourly), timedelta(hours=1))
    assert main(["forecast", str(path), "--until", "2026-05-01"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["expected"] == pytest.approx(30 * sum(hourly[:24]), rel=0.01)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", 'line 1: there is no column "timestamp"'),
        ("time,value\n1,2\n", 'line 1: there is no column "timestamp"'),
        ("timestamp,amount\n1,2\n", 'line 1: there is no column "value"'),
        ("timestamp,value\n", "there is no row below the first line"),
        ("timestamp,value\n2026-01-01,1\n2026-01-02,many\n", 'line 3: "many" is no number'),
        ("timestamp,value\n2026-01-01,nan\n", 'line 2: "nan" is no number'),
        ("timestamp,value\n2026-01-01,\n", 'line 2: "" is no number'),
        ("timestamp,value\nyesterday,1\n", 'line 2: "yesterday" is no timestamp'),
        ("timestamp,value\n2026-01-01,1,2\n", "line 2: 3 fields where the first line has 2"),
    ],
)
def test_a_bad_file_gets_one_sentence_with_its_place_and_code_2(
    text: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    for words in (
        ["detect", "anomaly", str(path), "--out", str(tmp_path / "out.csv")],
        ["forecast", str(path), "--until", "2026-02-01"],
    ):
        assert main(words) == 2
        said = capsys.readouterr().err
        assert sentence in said
        assert said.count("\n") == 1
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["detect", "anomaly", "{missing}", "--out", "{out}"], "cannot be read"),
        (["detect", "anomaly", "{good}", "--out", "{nowhere}/out.csv"], "cannot be written"),
        (["detect", "drift", "{good}", "{good}", "--out", "{out}"], "3 rows are too few"),
        (["detect", "drift", "{good}", "{good}", "--arl0", "0", "--out", "{out}"], "--arl0 0 is no number of values"),
        (["forecast", "{good}", "--until", "soon"], '--until: "soon" is no timestamp'),
        (["forecast", "{good}", "--until", "2026-03-01", "--from", "2026-04-01"], "is not after"),
        (["forecast", "{good}", "--until", "2099-01-01"], "the most is 4000"),
    ],
)
def test_a_wrong_option_gets_one_sentence_and_code_2(
    words: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = series(tmp_path / "good.csv", [1, 2, 3], timedelta(days=1))
    places = {"good": good, "missing": tmp_path / "none.csv", "out": tmp_path / "o.csv", "nowhere": tmp_path / "no"}
    assert main([word.format(**places) for word in words]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
