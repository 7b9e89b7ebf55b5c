"""The Streamlit app over llmtrace's tables."""
