"""The community workers' Telegram bot: its own token, its own people, cases of their own area only.

desk.py       the commands: transaction in, messages out; knows no library
counter.py    one update: once only, who it is, which command
telegram.py   the loop at the Bot API; the only home of python-telegram-bot
"""
