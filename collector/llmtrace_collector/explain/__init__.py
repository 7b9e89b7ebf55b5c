"""Why these calls? Attributes that set the calls of a question apart, with figures, a sentence and examples.

    Question --explaining--> bounded queries over `spans` --> shares | changes (pure) --> sentences --> Explanation

It knows nothing of rules and alerts: any filter, window and condition will do.
"""

from __future__ import annotations

from llmtrace_collector.explain.explaining import explain
from llmtrace_collector.explain.explanation import Cause, Example, Explanation
from llmtrace_collector.explain.question import Question, Window

__all__ = ["Cause", "Example", "Explanation", "Question", "Window", "explain"]
