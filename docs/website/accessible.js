// Mends what axe finds in the theme: landmarks with the same name around the buttons of code, and inputs that can be
// focused although they are hidden.
function mend() {
  document.querySelectorAll("nav.md-code__nav").forEach((nav, number) => {
    if (!nav.hasAttribute("aria-label")) nav.setAttribute("aria-label", `Code ${number + 1}`);
  });
  for (const input of document.querySelectorAll("input.md-option")) input.tabIndex = -1;
}
new MutationObserver(mend).observe(document.documentElement, { childList: true, subtree: true });
mend();
