"""State: the URL is the only memory; `View` is what it says."""
