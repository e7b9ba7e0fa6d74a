"""Text to meaning: intent, facilities with their spans, emergency, masked text.

normalise, clauses, tokenize, features   how a text becomes numbers; shared by training and serving
corpus, train                            the labelled sentences and what is learnt from them (scikit-learn, jieba)
model, reader, emergency, mask           serving: numpy and rjieba only
similar, topics                          the same need in other words; sub-topics that recur and grow
evaluate, classify                       measuring on and labelling of files
"""
