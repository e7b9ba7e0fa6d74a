"""What this software is measured against, and the instruments that measure it. Not installed."""
