"""History and site as one or two plain sentences, without anything that identifies a person.

The training corpora and the server word them alike: a model is asked in the words it was trained on.
"""

from collections.abc import Mapping


def age_band(age: float) -> str:
    """Age in years as a decade; those of 80 and over share one band, as fewer people are that old."""
    if age >= 80:
        return "80 or older"
    decade = int(age // 10) * 10
    return "under 10" if decade == 0 else f"{decade} to {decade + 9}"


def history_text(
    *,
    age: float | None = None,
    sex: str | None = None,
    site: str | None = None,
    reported: Mapping[str, bool | None] | None = None,
    background: tuple[str, ...] = (),
) -> str | None:
    """Compose the history; None when nothing is known.

    Args:
        age: years.
        sex: `female`, `male` or None.
        site: where the lesion is, lower case.
        reported: symptom -> yes, no or unknown; the unknown are not mentioned.
        background: further facts, each a phrase.
    """
    sentences = []
    person = {"female": "woman", "male": "man"}.get((sex or "").casefold(), "")
    if age is not None:
        person = f"{person or 'patient'} aged {age_band(age)}"
    lead = ", ".join(part for part in (person, f"site: {site}" if site else "") if part)
    if lead:
        sentences.append(lead[0].upper() + lead[1:] + ".")
    for opening, answer in (("Reported", True), ("Not reported", False)):
        named = [symptom for symptom, value in (reported or {}).items() if value is answer]
        if named:
            sentences.append(f"{opening}: {', '.join(named)}.")
    if background:
        sentences.append(f"Background: {', '.join(background)}.")
    return " ".join(sentences) or None
