"""The bot a competent developer writes in an afternoon: aiogram, async ORM on SQLite, jieba and scikit-learn.

Idiomatic and unhurried by design; the yardstick of `benchmarks.inbound`.
"""
