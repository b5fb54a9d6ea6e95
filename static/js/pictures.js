// Figures below a picture that somebody opened stay open, and where they were scrolled to, when the picture is drawn anew.
(() => {
  let kept = [];
  document.addEventListener("htmx:beforeSwap", (event) => {
    kept = [...event.detail.target.querySelectorAll("details.numbers[open]")].map((one) => ({
      id: one.id,
      top: (one.querySelector(".wide") || {}).scrollTop || 0,
    }));
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const { id, top } of kept) {
      const one = document.getElementById(id);
      if (!one) continue;
      one.open = true;
      const inner = one.querySelector(".wide");
      if (inner) inner.scrollTop = top;
    }
    kept = [];
  });
})();
