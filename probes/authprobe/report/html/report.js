"use strict";
// Searches, filters and copies what is on the page; the page is complete without it.
(() => {
  const report = document.querySelector(".ap");
  const list = report.querySelector(".ap-cases");
  if (!list) return;
  const cases = [...list.children];
  const texts = new Map(); // text of each case, read at the first search
  const byAnchor = new Map(cases.map((each) => [`#${each.lastElementChild.id}`, each]));

  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  const statuses = [...new Set(cases.map((each) => each.dataset.status))].sort();
  const selected = new Set();
  const search = make("input", { type: "search", id: "ap-search" });
  const counter = make("output", {});
  const filters = statuses.map((status) => {
    const count = cases.filter((each) => each.dataset.status === status).length;
    const button = make("button", { type: "button" }, `${status} (${count})`);
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      if (!selected.delete(status)) selected.add(status);
      button.setAttribute("aria-pressed", String(selected.has(status)));
      update();
    });
    return button;
  });
  const opener = (label, open) => {
    const button = make("button", { type: "button" }, label);
    button.addEventListener("click", () => {
      for (const each of cases) if (!each.hidden) each.open = open;
    });
    return button;
  };
  const tools = make(
    "div", { className: "ap-tools", role: "search" },
    make("label", { htmlFor: "ap-search" }, "Search cases "), search,
    ...(statuses.length > 1 ? filters : []),
    opener("Open listed cases", true), opener("Close listed cases", false), counter,
  );
  list.before(tools);

  const textOf = (each) => {
    if (!texts.has(each)) texts.set(each, each.textContent.toLowerCase());
    return texts.get(each);
  };

  function update() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const each of cases) {
      const matches = (!selected.size || selected.has(each.dataset.status))
        && words.every((word) => textOf(each).includes(word));
      each.hidden = !matches;
      count += matches;
    }
    for (const body of report.querySelectorAll(".ap-matrix tbody")) {
      const rows = [...body.rows].slice(1);
      for (const row of rows) {
        row.hidden = ![...row.querySelectorAll("a")].some(
          (link) => !byAnchor.get(link.hash)?.hidden);
      }
      body.hidden = rows.every((row) => row.hidden);
    }
    const noun = cases.length === 1 ? "case" : "cases";
    const all = count === cases.length;
    counter.textContent = all ? `${count} ${noun}` : `${count} of ${cases.length} ${noun}`;
  }

  let timer;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(update, 80);
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
    } else if (event.key === "Escape" && event.target === search) {
      search.value = "";
      update();
    }
  });
  // A link to a case works even if a filter hides the case.
  const reveal = () => {
    const target = byAnchor.get(location.hash);
    if (target) {
      target.hidden = false;
      target.open = true;
    }
  };
  addEventListener("hashchange", reveal);

  const span = (text) => {
    const line = text.replace(/\s*\n\s*/g, " ").trim();
    if (!line) return "";
    const fence = "`".repeat(1 + Math.max(0, ...(line.match(/`+/g) || []).map((x) => x.length)));
    const pad = line.startsWith("`") || line.endsWith("`") ? " " : "";
    return fence + pad + line + pad + fence;
  };
  const cell = (text) => span(text).replace(/\|/g, "\\|");
  const row = (cells) => `| ${cells.join(" | ")} |`;

  function* markdown(node) {
    for (const child of node.children) {
      if (child.matches(".ap-copy")) continue;
      if (child.matches("h3")) yield `\n**${child.textContent}**\n`;
      else if (child.matches("dl")) {
        for (const label of child.querySelectorAll("dt")) {
          yield `- ${label.textContent}: ${span(label.nextElementSibling.textContent)}`;
        }
      } else if (child.matches(".ap-scroll")) {
        const heads = [...child.querySelectorAll("th")].map((head) => head.textContent);
        yield row(heads);
        yield row(heads.map(() => "---"));
        for (const line of child.querySelectorAll("tbody tr")) {
          yield row([...line.cells].map((each) => cell(each.innerText || each.textContent)));
        }
      } else if (child.matches("p")) {
        if (!child.querySelector("a[href^='#about-']")) yield `\n${span(child.textContent)}\n`;
      } else yield* markdown(child);
    }
  }

  function asMarkdown(each) {
    const [status, id, outcome] = ["strong", "code", "small"].map(
      (name) => each.firstElementChild.querySelector(name).textContent);
    const lines = [`### ${status}: ${span(id)} (${outcome})`, ...markdown(each.lastElementChild)];
    return `${lines.join("\n").replace(/\n{3,}/g, "\n\n")}\n`;
  }

  async function copy(text, button) {
    const before = button.textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch { // some browsers deny the clipboard to a page from a file
      const area = make("textarea", { value: text });
      report.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      button.focus();
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = before; }, 1500);
  }

  // Buttons are added when a case is opened: ten thousand of them would be slow.
  const addButtons = (each) => {
    const content = each.lastElementChild;
    if (!each.open || content.querySelector(".ap-copy")) return;
    const text = make("button", { type: "button" }, "Copy as Markdown");
    text.addEventListener("click", () => copy(asMarkdown(each), text));
    const link = make("button", { type: "button" }, "Copy link");
    link.addEventListener("click", () =>
      copy(`${location.href.split("#")[0]}#${content.id}`, link));
    content.prepend(make("div", { className: "ap-copy" }, text, link));
  };
  list.addEventListener("toggle", (event) => {
    if (event.target.parentElement === list) addButtons(event.target);
  }, true);
  cases.forEach(addButtons);
  update();
  reveal();
})();
