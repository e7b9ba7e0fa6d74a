"""The words everybody shares: catalogue, areas, messages, errors, units, texts."""
