// Makes the figures with sliders live, one by one, as they come into view.
// Until then, and without scripts, their pictures stand in the page.
(() => {
  const here = document.currentScript.src;
  const library = new URL("vega.js", here).href;
  const narrow = window.matchMedia("(max-width: 600px)");
  let loading;

  function load() {
    loading ??= new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = library;
      script.onload = done;
      script.onerror = failed;
      document.head.append(script);
    });
    return loading;
  }

  async function enliven(chart) {
    const picture = chart.querySelector("picture");
    const spec = JSON.parse(chart.querySelector("script").textContent);
    spec.columns = narrow.matches ? 1 : 2;
    spec.background = null;
    spec.description = picture.querySelector("img").alt;
    await load();
    const live = document.createElement("div");
    live.className = "live";
    live.hidden = true;
    chart.append(live);
    await vegaEmbed(live, spec, { renderer: "svg", actions: false });
    picture.hidden = true;
    live.hidden = false;
  }

  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting) {
        seen.unobserve(target);
        enliven(target).catch((error) => console.error(error));
      }
    }
  }, { rootMargin: "200px" });

  document.addEventListener("DOMContentLoaded", () => {
    for (const chart of document.querySelectorAll(".chart")) seen.observe(chart);
  });
})();
