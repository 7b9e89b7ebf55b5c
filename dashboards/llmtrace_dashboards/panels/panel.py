"""The frame of a panel: a title and what can be taken away, a skeleton while it asks, a sentence when it cannot.

A panel is a fragment: Retry draws it again and leaves the rest of the page as it is.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from llmtrace_dashboards.database import StoreError, TooLongError, noting
from llmtrace_dashboards.panels import taking


def panel(body: Callable[[], None], *, key: str, title: str = "", height: int = 180) -> None:
    """Draws `body` under `title`; while it runs, a skeleton of `height` pixels; if the store fails, one sentence.

    `body` asks for all it needs before it draws, so that a failure leaves nothing half drawn.
    """

    @st.fragment
    def draw() -> None:
        with st.container(key=f"panel_{key}"):
            head = st.container(horizontal=True, gap="small", key=f"head_{key}") if title else None
            if head:
                head.markdown(f"## {title}")
            try:
                with st.skeleton(height=height), noting() as asked:
                    body()
            except StoreError as error:
                _failed(error, key)
                return
            if head and asked:
                with head:
                    taking.menu(asked, key, title)

    draw()


def _failed(error: StoreError, key: str) -> None:
    icon = ":material/schedule:" if isinstance(error, TooLongError) else ":material/cloud_off:"
    with st.container(border=True, key=f"failed_{key}"):
        # st.text, not st.error: the sentence may name a user, and st.error would read it as Markdown.
        st.markdown(f":red[{icon} **No data**]")
        st.text(str(error))
        st.button("Retry", key=f"retry_{key}", icon=":material/refresh:")
