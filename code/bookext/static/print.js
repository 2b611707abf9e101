// Paper is white, and has no hands to open what is folded.
(() => {
  const root = document.documentElement;
  let theme;
  let opened = [];

  window.addEventListener("beforeprint", () => {
    theme = root.dataset.theme;
    root.dataset.theme = "light";
    opened = [...document.querySelectorAll("article details:not([open])")];
    for (const each of opened) each.open = true;
  });

  window.addEventListener("afterprint", () => {
    root.dataset.theme = theme;
    for (const each of opened) each.open = false;
  });
})();
