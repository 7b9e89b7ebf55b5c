"""The SQL of explanations. Words in double braces are expressions of ours; every value is bound."""
