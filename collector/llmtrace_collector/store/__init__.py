"""The store: ClickHouse, embedded in a process of its own or a server by URL."""
