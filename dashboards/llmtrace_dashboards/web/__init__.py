"""What Streamlit runs and serves: the script of a session and static files."""
