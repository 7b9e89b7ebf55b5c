"""Components: small pieces of plain JavaScript that draw data as text nodes, never as HTML."""
