// Light or dark: what the reader chose, else what the system prefers. Set before the first paint.
(() => {
  const root = document.documentElement;
  const chosen = () => localStorage.getItem("seamline-theme");
  const preferred = () => (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const apply = () => { root.dataset.theme = chosen() ?? preferred(); };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("button.theme")) return;
    localStorage.setItem("seamline-theme", root.dataset.theme === "dark" ? "light" : "dark");
    apply();
  });
  apply();
})();
