"""A run as telemetry: OpenTelemetry traces."""
