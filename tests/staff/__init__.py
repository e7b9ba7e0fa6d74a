"""The community workers' bot."""
