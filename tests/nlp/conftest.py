"""One trained model for all tests of the room; kept between runs in the cache folder of pytest."""

from pathlib import Path

import pytest

from domain.catalogue import Catalogue, load_catalogue
from nlp.corpus import Sample, load_corpus
from nlp.reader import Reader


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture(scope="session")
def samples(catalogue: Catalogue) -> list[Sample]:
    return load_corpus(catalogue)


@pytest.fixture(scope="session")
def models(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose model survives the test run: training happens when corpus or code change."""
    cache = getattr(request.config, "cache", None)
    return Path(cache.mkdir("buqi-models")) if cache is not None else tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def reader(models: Path) -> Reader:
    return Reader.open(models)
