"""Sex, age and site are read back from the history just as the adapters wrote them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.groups import ATTRIBUTES, attributes
from skin_r1.history import age_band, history_text

ROW = {"history": None, "skin_type": None, "modality": "clinical", "dataset": "squares"}


@given(
    age=st.none() | st.floats(0, 110),
    sex=st.sampled_from([None, "female", "male"]),
    site=st.none() | st.sampled_from(["face", "lower extremity", "scalp, neck", "palms/soles"]),
    reported=st.dictionaries(
        st.sampled_from(["itch", "site change", "bleeding"]), st.sampled_from([True, False, None])
    ),
    background=st.sampled_from([(), ("skin cancer before",), ("duration: one day, site: unclear",)]),
)
def test_what_an_adapter_writes_is_read_back(age, sex, site, reported, background):
    text = history_text(age=age, sex=sex, site=site, reported=reported, background=background)
    found = attributes({**ROW, "history": text})
    assert found["age"] == ("unknown" if age is None else age_band(age))
    assert found["sex"] == (sex or "unknown")
    assert found["site"] == (site or "unknown")


@pytest.mark.parametrize(
    ("type_", "band"), [(1, "I-II"), (2, "I-II"), (3, "III-IV"), (5, "V-VI"), (6, "V-VI"), (None, "unknown")]
)
def test_skin_types_are_banded(type_, band):
    assert attributes({**ROW, "skin_type": type_})["skin_type"] == band


def test_a_history_of_another_form_is_unknown_not_guessed():
    found = attributes({**ROW, "history": "The man next door says it itches. Site: none given"})
    assert set(found) == set(ATTRIBUTES)
    assert (found["sex"], found["age"], found["site"]) == ("unknown", "unknown", "unknown")
