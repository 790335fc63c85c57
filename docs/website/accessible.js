// Mends what axe finds in the theme: landmarks with the same name around the buttons of code, and inputs that can be
// focused although they are hidden. The search, which is in a shadow root, fills a phone: its button to close looks like
// one there, and a tap beside it closes it while there are no results, as the theme does on a wide page.
function mend() {
  document.querySelectorAll("nav.md-code__nav").forEach((nav, number) => {
    if (!nav.hasAttribute("aria-label")) nav.setAttribute("aria-label", `Code ${number + 1}`);
  });
  for (const input of document.querySelectorAll("input.md-option")) input.tabIndex = -1;
  mendSearch();
}
const FILLS = "(max-width: 740px)";
const CLOSE = 'button[aria-label="Close search"]';
const CROSS = new CSSStyleSheet();
CROSS.replaceSync(`@media ${FILLS} {
  ${CLOSE} svg { display: none; }
  ${CLOSE}::after { content: "\\2715"; display: block; width: 24px; font-size: 20px; line-height: 24px; }
}`);
function mendSearch() {
  for (const { shadowRoot } of document.body?.children ?? []) {
    if (!shadowRoot || shadowRoot.adoptedStyleSheets.length) continue;
    shadowRoot.adoptedStyleSheets = [CROSS];
    shadowRoot.addEventListener("click", ({ target }) => {
      const isUsed = target.closest("a, button, input, [id$='-filters']");
      const hasResults = shadowRoot.querySelector("[role=option]");
      if (matchMedia(FILLS).matches && !isUsed && !hasResults) shadowRoot.querySelector(CLOSE).click();
    });
  }
}
new MutationObserver(mend).observe(document.documentElement, { childList: true, subtree: true });
mend();
