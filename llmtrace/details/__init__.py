"""What an operation tells of its own: parameters, counts, verdicts and states, from the bodies sent and answered.

One module for each kind of operation. ``READERS`` is the catalogue: which readers there are for a wire format. A reader
is pure, takes JSON that may be anything, and answers attributes by name; what it does not find, it leaves out.
"""

from __future__ import annotations

from typing import Final

from llmtrace.details import audio, dialects, generations, images, jobs, moderations, retrieval
from llmtrace.details.fields import Bodies, Details, Reader

READERS: Final[dict[str, tuple[Reader, ...]]] = {
    "chat": (generations.parameters, generations.chat, moderations.inline, dialects.read),
    "responses": (generations.parameters, generations.responses, moderations.inline, dialects.read),
    "completions": (generations.parameters, generations.chat, dialects.read),
    "embeddings": (retrieval.embeddings, dialects.read),
    "search": (retrieval.search,),
    "token_count": (retrieval.token_count,),
    "moderations": (moderations.verdicts,),
    "decisions": (moderations.decisions,),
    "images": (images.read, dialects.read),
    "speech": (audio.speech,),
    "transcriptions": (audio.transcript,),
    "object": (jobs.read,),
}


def read_details(wire: str, bodies: Bodies) -> Details:
    """Everything the readers of a wire format find."""
    found: Details = {}
    for read in READERS.get(wire, ()):
        found |= {name: value for name, value in read(bodies).items() if value is not None}
    return found
