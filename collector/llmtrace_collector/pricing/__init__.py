"""Costs given later: to spans that came without one, and again after prices changed; and the invoice beside them."""
