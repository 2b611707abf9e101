// Paper is white, and has no hands to open what is folded. Pictures that wait
// to be seen come as soon as the page is there, so that paper has them, too.
(() => {
  const root = document.documentElement;
  let theme;
  let opened = [];

  window.addEventListener("load", () => {
    for (const each of document.images) each.loading = "eager";
  });

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
