// What the tests ask a page in the browser, once axe is there.

// Where everything is. When this stays, colours alone have changed.
function layout() {
  return [...document.querySelectorAll("body *")].map((each) => {
    const { x, y, width, height } = each.getBoundingClientRect();
    const seen = each.checkVisibility({ visibilityProperty: true });
    return [seen, x, y, width, height].join();
  }).join(";");
}

// Contrast that could not be told because there is none counts, too.
function faults({ violations, incomplete }) {
  const none = ({ data }) => data?.messageKey === "equalRatio";
  const hidden = ({ nodes, ...rule }) =>
    ({ ...rule, nodes: nodes.filter(({ any }) => any.some(none)) });
  return [...violations, ...incomplete.map(hidden)].flatMap(({ id, nodes }) =>
    nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`));
}

function aside() {
  const { scrollWidth, clientWidth } = document.documentElement;
  return scrollWidth > clientWidth ? [`${scrollWidth} wide`] : [];
}

let before;

async function look() {
  const changes = document.getAnimations().filter(
    (each) => each instanceof CSSTransition);
  await Promise.allSettled(changes.map((each) => each.finished));
  const now = layout();
  const options = { resultTypes: ["violations", "incomplete"] };
  if (now === before) {
    options.runOnly = ["color-contrast", "link-in-text-block"];
  } else {
    options.rules = { "target-size": { enabled: true } };
  }
  before = now;
  return [...aside(), ...faults(await axe.run(document, options))];
}

// What Lighthouse minds and axe does not: its audits of best practices and of
// what search engines read, as far as a page can fail them.
const VAGUE = new Set([
  "click here", "click this", "go", "here", "information", "learn more",
  "more", "more info", "more information", "right here", "read more",
  "see more", "start", "this",
]);

function isVague(link) {
  const place = (url) => new URL(url, location).href.split("#")[0];
  return place(link.getAttribute("href")) !== place(location.href)
    && VAGUE.has(link.textContent.trim().toLowerCase());
}

function leadsNowhere(link) {
  const href = link.getAttribute("href")?.trim();
  if (!href) return !(link.id || link.name || link.role);
  return /^(javascript|file):/.test(href) || !URL.canParse(href, location);
}

function isDrawn(image) {
  return /\.svg(\?|$)/.test(image.currentSrc);
}

function isCrooked(image) {
  const { width, height, naturalWidth, naturalHeight } = image;
  const shape = naturalWidth / naturalHeight;
  const off = shape < 1 ? width - height * shape : height - width / shape;
  return !isDrawn(image) && Math.abs(off) >= 2;
}

function isCoarse(image) {
  const { width, height, naturalWidth, naturalHeight } = image;
  const dots = (innerWidth <= 600 ? 1.5 : 1)
    * (Math.max(width, height) > 64 ? 0.75 : 1);
  return !isDrawn(image)
    && (naturalWidth < dots * width || naturalHeight < dots * height);
}

function refusesPaste(field) {
  const paste = new ClipboardEvent("paste", { cancelable: true });
  return !field.readOnly && !field.dispatchEvent(paste);
}

function isNoAddress(link) {
  const href = link.getAttribute("href");
  return !URL.canParse(href) || new URL(href).pathname === "/"
    || document.querySelectorAll("link[rel=canonical]").length > 1;
}

const MINDED = [
  ["a[href]", "a link that does not say where to", isVague],
  ["a", "a link that leads nowhere", leadsNowhere],
  ["img", "no picture", (each) => !each.complete || !each.naturalWidth],
  ["img", "a picture out of shape", isCrooked],
  ["img", "a picture too coarse", isCoarse],
  ["input, textarea, select", "a field that takes no paste", refusesPaste],
  ["meta[content*=noindex], meta[content=none]", "not to be found", () => true],
  ["link[hreflang]", "another language", () => true],
  ["link[rel=canonical]", "no address of the page", isNoAddress],
];

// How much moved while the page came, which scripts hear of a little later.
function shift() {
  return new Promise((done) => {
    let sum = 0;
    new PerformanceObserver((list) => {
      const alone = list.getEntries().filter((each) => !each.hadRecentInput);
      sum += alone.reduce((all, each) => all + each.value, 0);
    }).observe({ type: "layout-shift", buffered: true });
    setTimeout(() => done(sum), 50);
  });
}

async function remarks() {
  const found = MINDED.flatMap(([selector, fault, isOne]) =>
    [...document.querySelectorAll(selector)].filter(isOne)
      .map((each) => `${fault}: ${each.outerHTML.slice(0, 200)}`));
  const said = document.querySelector("meta[name=description]")?.content;
  if (!said?.trim()) found.push("no description");
  if (document.compatMode !== "CSS1Compat") found.push("no doctype");
  const moved = await shift();
  if (moved > 0.05) found.push(`${moved} moved`);
  return found;
}
