(() => {
  const form = document.getElementById("filter");
  if (!form) return;
  const [kind, diagnosis, how] = form.querySelectorAll("select");
  const cards = [...document.querySelectorAll(".sample")];
  const show = () => {
    let shown = 0;
    for (const card of cards) {
      const { kind: k, diagnosis: d, hinted: h } = card.dataset;
      const fits = [[kind, k], [diagnosis, d], [how, h]].every(([select, own]) => !select.value || select.value === own);
      card.hidden = !fits;
      shown += fits;
    }
    form.querySelector("output").textContent = `${shown} of ${cards.length} shown`;
  };
  form.addEventListener("change", show);
  form.hidden = false;
  show();
})();
