"""`llmtrace tokenizers`: puts the files of tiktoken's encodings where estimates of tokens look for them.

The one place of the instrument that fetches anything, and only when its user runs it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from llmtrace.tokenizers import ENCODINGS, EncodingFile, WrongFileError, folder, verified

DONE: Final = 0
FAILED: Final = 1
_TIMEOUT_S: Final = 30
_MAX_BYTES: Final = 32 * 1024 * 1024
"""The largest of the files has 3.6 MB."""


def main(argv: Sequence[str]) -> int:
    """Runs `llmtrace tokenizers ...`; the exit code: 0 done, 1 failed."""
    parser = argparse.ArgumentParser(prog="llmtrace tokenizers", description="Files of tiktoken's encodings.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    fetch = actions.add_parser("fetch", help="fetch the file of an encoding, check it, and put it in its place")
    fetch.add_argument("--encoding", choices=sorted(ENCODINGS), default="o200k_base", help="default: %(default)s")
    fetch.add_argument("--from", dest="source", type=Path, help="a file or a folder to take it from, without network")
    actions.add_parser("list", help="say which are there, and where")
    given = parser.parse_args(argv)
    if given.action == "list":
        return _list()
    return _fetch(ENCODINGS[given.encoding], given.source)


def _list() -> int:
    print(f"in {folder()}:")
    for file in ENCODINGS.values():
        path = folder() / file.filename
        if not path.is_file():
            print(f"  {file.name}: not there; llmtrace tokenizers fetch --encoding {file.name}")
            continue
        try:
            verified(file, path.read_bytes())
            print(f"  {file.name}: there, and as it was published")
        except (OSError, WrongFileError) as error:
            print(f"  {file.name}: not used: {error}")
    return DONE


def _fetch(file: EncodingFile, source: Path | None) -> int:
    try:
        data = verified(file, _downloaded(file.url) if source is None else _found(file, source).read_bytes())
        path = _put(folder(), file.filename, data)
    except WrongFileError as error:
        return _say(f"{error}; nothing was changed. Fetch it again, or take it from elsewhere with --from")
    except OSError as error:  # URLError and HTTPError are
        origin = source or file.url
        return _say(f"{origin} cannot be had or kept: {error}. On a machine with network fetch it, and use --from here")
    print(f"{file.name}: {len(data):,} bytes in {path}; apps use it from their next start")
    return DONE


def _found(file: EncodingFile, source: Path) -> Path:
    if not source.is_dir():
        return source
    # A cache of tiktoken's own calls its files by the hash of their address.
    names = (file.filename, hashlib.sha1(file.url.encode(), usedforsecurity=False).hexdigest())
    found = [source / name for name in names if (source / name).is_file()]
    if not found:
        raise FileNotFoundError(f"neither {names[0]} nor {names[1]} is in it")
    return found[0]


def _downloaded(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - an https address of our own table
        data: bytes = answer.read(_MAX_BYTES)
    return data


def _put(where: Path, name: str, data: bytes) -> Path:
    where.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=where, prefix=name)
    try:
        with os.fdopen(handle, "wb") as made:
            made.write(data)
        Path(temporary).chmod(0o644)
        return Path(temporary).replace(where / name)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def _say(sentence: str) -> int:
    print(f"llmtrace tokenizers: {sentence}", file=sys.stderr)
    return FAILED
