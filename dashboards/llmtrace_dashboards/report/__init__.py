"""A week in one page of HTML: what is asked of the store, what is said of it, and how it is drawn."""
