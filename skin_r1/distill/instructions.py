"""What a teacher is told; `checks.hint` knows these words again."""

CLOSED = (
    "\n\nName findings only by these names: {names}.\n"
    "Name each finding that you are sure to see in the image and no other. Claim nothing that an image cannot show, "
    "such as histology, touch or complaints that the history does not give. Give diagnoses by their usual English names."
)
HINT = (
    "\n\nYou are writing a teaching example for a student who will see only the image. Experts found in this image: "
    "{findings}. {absent}The confirmed diagnosis is {diagnosis} ({malignancy}). Look at the image and write the "
    "reasoning that leads from these findings to this diagnosis, and say why the likeliest others fit less. Use exactly "
    "these names of findings, claim none of them absent and claim no other finding. Answer with this diagnosis and this "
    "malignancy. Write as one who sees the image for the first time: never mention experts, annotations, a hint, or that "
    "findings or the diagnosis were given. Claim nothing that an image cannot show."
)
