"""Start-up: command line, settings, wiring, clock ticks."""
