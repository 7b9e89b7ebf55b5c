"""Looking after what is stored: how long it is kept, deletion, export and import, backups."""
