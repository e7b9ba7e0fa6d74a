"""What a reading says of itself."""

from __future__ import annotations

from domain.catalogue import OTHER_FACILITY
from domain.reading import CONFIDENT, Correction, Mention


def test_correction__doubtful_or_no_facility_of_the_catalogue__is_not_sure() -> None:
    sure, doubtful = Mention("pharmacy", CONFIDENT, 0, 2), Mention("pocket_park", CONFIDENT - 0.01, 2, 4)
    other = Mention(OTHER_FACILITY, 0.9, 4, 6)
    correction = Correction(denied=(doubtful, other), named=(other, doubtful, sure, sure), is_denial=True)
    assert correction.sure_denied == ()
    assert correction.sure_named == (sure,)
