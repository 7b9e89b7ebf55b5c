"""The doors: OTLP over HTTP and gRPC, one judgement behind both."""
