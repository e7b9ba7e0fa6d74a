"""The fast tokeniser gives the words of jieba, and the dictionary holds the catalogue's words."""

from domain.catalogue import Catalogue
from nlp.clauses import split
from nlp.corpus import Sample
from nlp.normalise import normalise
from nlp.tokenize import reference_cut, serving_cut, user_words


def test_cut__whole_corpus__same_words_as_jieba(samples: list[Sample]) -> None:
    reference, serving = reference_cut(user_words()), serving_cut(user_words())
    clauses = 0
    differing = []
    for sample in samples:
        text = normalise(sample.text).text
        for start, end in split(text):
            clauses += 1
            if reference(text[start:end]) != serving(text[start:end]):
                differing.append(text[start:end])
    assert clauses > 10_000
    assert len(differing) <= clauses / 5_000, differing


def test_cut__latin_and_digits_joined__parted_as_jieba_does() -> None:
    reference, serving = reference_cut(user_words()), serving_cut(user_words())
    for text in ("4-5号楼", "看t.cn网址", "wifi_5g信号", "3.5公里", "50%的人", "a+b", "c#"):
        assert serving(text) == reference(text)


def test_user_words__keywords_of_the_catalogue__are_in_the_dictionary(catalogue: Catalogue) -> None:
    keywords = {word for facility in catalogue.facilities.values() for word in facility.keywords}
    assert {word for word in keywords if 2 <= len(word) <= 8 and word.isalnum()} <= set(user_words())
